"""Inputs, targets and masks of N examples, checked once for every framework."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Examples(NamedTuple):
    """What a model is trained on or judged by.

    Attributes:
        x: (N, ...), the inputs; a tuple of such arrays for a model with several inputs, which is
            then called `model(*x)`.
        y: (N, ...), the targets.
        mask: (N, T), False at the steps of `x` to skip; the model is then called
            `model(*x, mask=mask)`. None: no mask.
        target_mask: the first axes of `y`, for example (N, T), False at the targets that do not
            count in the loss, such as padding. None: all count.
    """

    x: Any
    y: Any
    mask: Any = None
    target_mask: Any = None


def check_examples(examples: Examples, prefix: str = "") -> Examples:
    """Return the examples as arrays, `x` as a tuple of arrays.

    Args:
        examples: what the caller gave.
        prefix: what the caller calls them, for example "validation ".

    Raises:
        TypeError: if something is not made of numbers, or a mask is not boolean.
        ValueError: if there are no examples, their numbers differ, a number is NaN or infinite, or
            no target counts.
    """
    xs = examples.x if type(examples.x) is tuple else (examples.x,)
    names = ["x"] if len(xs) == 1 else [f"x[{i}]" for i in range(len(xs))]
    if not xs:
        raise ValueError(f"`{prefix}x` must have at least one array; received an empty tuple.")
    xs = tuple(check_numbers(x, prefix + name) for name, x in zip(names, xs, strict=True))
    y = check_numbers(examples.y, f"{prefix}y")
    mask = check_mask(examples.mask, f"{prefix}mask")
    target_mask = check_mask(examples.target_mask, f"{prefix}target_mask")
    counted = {prefix + name: len(x) for name, x in zip(names[1:], xs[1:], strict=True)}
    counted |= {f"{prefix}y": len(y)}
    counted |= {} if mask is None else {f"{prefix}mask": len(mask)}
    for name, count in counted.items():
        if count != len(xs[0]):
            raise ValueError(
                f"`{prefix}{names[0]}` and `{name}` must have equally many examples; "
                f"received {len(xs[0])} and {count}."
            )
    if target_mask is not None and target_mask.shape != y.shape[: target_mask.ndim]:
        raise ValueError(
            f"`{prefix}target_mask` must have the first axes of `{prefix}y`, whose shape is "
            f"{y.shape}; received {target_mask.shape}."
        )
    if target_mask is not None and not target_mask.any():
        raise ValueError(f"`{prefix}target_mask` must leave at least one target; it leaves none.")
    return Examples(xs, y, mask, target_mask)


def check_numbers(values: Any, name: str) -> np.ndarray:
    """Return numbers of at least one example as an array; see `check_examples`."""
    array = np.asarray(values)
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"`{name}` must have at least one example; received {array.shape}.")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold numbers; received dtype {array.dtype}.")
    wrong = array.size - np.count_nonzero(np.isfinite(array))
    if wrong:
        raise ValueError(
            f"`{name}` must be finite; {wrong} of its {array.size} entries are NaN or "
            f"infinite. Fill them or drop their examples first."
        )
    return array


def check_mask(mask: Any, name: str) -> np.ndarray | None:
    """Return a boolean array of one axis or more, or None."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(
            f"`{name}` must be boolean, True where a step counts; received dtype {mask.dtype}. "
            f"Convert it with mask.astype(bool)."
        )
    if mask.ndim == 0:
        raise ValueError(f"`{name}` must have one entry for each example; received {mask}.")
    return mask
