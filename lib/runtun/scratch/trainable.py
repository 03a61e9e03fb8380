"""What everything with weights on this floor has in common: named arrays and checked input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np


class Trainable:
    """A part of a model with named weights.

    A subclass lists the names of its weights in `weight_names` and keeps each under that name as
    an attribute, so that equations can be written as `x_t @ self.W`.
    """

    weight_names: ClassVar[tuple[str, ...]] = ()

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The weights themselves, not copies: what is written into them is used at once."""
        return {name: getattr(self, name) for name in self.weight_names}

    @property
    def num_params(self) -> int:
        """How many numbers training may change."""
        return sum(weight.size for weight in self.params.values())

    @property
    def dtype(self) -> np.dtype:
        """The float type in which this part computes."""
        return next(iter(self.params.values())).dtype

    def load(self, weights: Mapping[str, Any]) -> None:
        """Copy weights of the same names and shapes into this part.

        Args:
            weights: one array for each name in `params`.

        Raises:
            ValueError: if a name is missing or unknown, or a shape differs.
        """
        params = self.params
        if set(weights) != set(params):
            raise ValueError(
                f"`weights` must have the names {sorted(params)}; received {sorted(weights)}."
            )
        for name, weight in params.items():
            if np.shape(weights[name]) != weight.shape:
                raise ValueError(
                    f"weight `{name}` must have shape {weight.shape}; "
                    f"received {np.shape(weights[name])}."
                )
        for name, weight in params.items():
            weight[...] = weights[name]


def as_floats(x: Any, dtype: np.dtype, name: str = "x") -> np.ndarray:
    """Return `x` as an array of the given float type.

    Args:
        x: numbers; whole numbers (for example one-hot codes) are converted.
        dtype: the float type wanted.
        name: what the caller calls `x`.

    Raises:
        TypeError: if `x` holds something else than real numbers.

    Example:
        >>> as_floats(["a"], np.dtype("float64"))
        Traceback (most recent call last):
        TypeError: `x` must hold real numbers; received dtype <U1. Turn symbols into numbers first,
        for example one-hot vectors.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"`{name}` must hold real numbers; received dtype {array.dtype}. "
            f"Turn symbols into numbers first, for example one-hot vectors."
        )
    return array.astype(dtype, copy=False)


def float_type(dtype: Any) -> np.dtype:
    """Return the NumPy type of the name of a float type.

    Raises:
        ValueError: if it names something else than float32 or float64.

    Example:
        >>> float_type("float32")
        dtype('float32')
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.dtype("float32"), np.dtype("float64")):
        raise ValueError(f'`dtype` must be "float32" or "float64"; received {dtype!r}.')
    return found
