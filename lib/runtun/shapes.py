"""The shape letters of this course, and one function that checks them.

    B batch    T time     S source time   D input features   E embedding     H hidden
    V vocabulary          L layers        A heads            K kernel width  C channels

Batch comes first. The same letters stand in code, prose and error messages.
"""

from __future__ import annotations

from typing import Any

NAMES = {
    "B": "batch",
    "T": "time",
    "S": "source time",
    "D": "features",
    "E": "embedding",
    "H": "hidden",
    "V": "vocabulary",
    "L": "layers",
    "A": "heads",
    "K": "kernel width",
    "C": "channels",
}


def expect(x: Any, spec: str, *, name: str = "x", **sizes: int | None) -> dict[str, int]:
    """Check the shape of an array against shape letters and return the sizes.

    Args:
        x: a NumPy array or a tensor of any framework; anything with a `shape`.
        spec: the letters of the axes in order, for example "B T D". A leading "..." stands for
            any number of axes. A letter that appears twice must have the same size both times.
        name: what the caller calls `x`; used in the message.
        sizes: the sizes that some letters must have; None asks for nothing.

    Returns:
        The size of each letter. An unknown size of a symbolic tensor is None.

    Raises:
        TypeError: if `x` has no shape.
        ValueError: if the number of axes, a given size or a repeated letter does not fit, or if
            an axis is empty.

    Example:
        >>> import numpy as np
        >>> expect(np.zeros((32, 50, 1)), "B T D", D=1)
        {'B': 32, 'T': 50, 'D': 1}
        >>> expect(np.zeros((32, 9)), "B T D")
        Traceback (most recent call last):
        ValueError: `x` must have shape (B, T, D); received (32, 9). Add a feature axis with
        x[..., None].
    """
    if not hasattr(x, "shape"):
        raise TypeError(
            f"`{name}` must be an array with a shape; received {type(x).__name__}. "
            f"Convert it with np.asarray({name})."
        )
    shape = tuple(x.shape)
    letters = spec.split()
    if letters[0] == "...":
        letters = letters[1:]
        fits = len(shape) >= len(letters)
        axes = shape[len(shape) - len(letters) :]
    else:
        fits = len(shape) == len(letters)
        axes = shape
    if not fits:
        raise ValueError(_message(name, spec, shape, {}) + _remedy(name, letters, shape))

    found: dict[str, int] = {}
    for letter, size in zip(letters, axes, strict=True):
        wanted = found.get(letter, sizes.get(letter))
        if size is not None and wanted is not None and size != wanted:
            raise ValueError(
                _message(name, spec, shape, {letter: wanted})
                + f" Its {NAMES.get(letter, letter)} axis has {size} entries instead of {wanted}."
            )
        if size == 0:
            raise ValueError(
                _message(name, spec, shape, {})
                + f" Its {NAMES.get(letter, letter)} axis is empty; give it at least one entry."
            )
        if found.get(letter) is None:
            found[letter] = size
    return found


def _message(name: str, spec: str, shape: tuple[int, ...], wanted: dict[str, int]) -> str:
    letters = ", ".join(spec.split())
    condition = "".join(f" with {letter} = {size}" for letter, size in wanted.items())
    return f"`{name}` must have shape ({letters}){condition}; received {shape}."


def _remedy(name: str, letters: list[str], shape: tuple[int, ...]) -> str:
    missing = len(letters) - len(shape)
    if missing == 1 and letters[-1] == "D":
        return f" Add a feature axis with {name}[..., None]."
    if missing == 1 and letters[0] == "B":
        return f" Add a batch axis with {name}[None]."
    if missing > 0:
        return f" It lacks {missing} axes." if missing > 1 else " It lacks one axis."
    return f" It has {-missing} axes too many." if missing < -1 else " It has one axis too many."
