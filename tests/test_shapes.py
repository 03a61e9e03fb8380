"""Errors about shapes name what was expected, what came, and how to mend it."""

import numpy as np
import pytest

from runtun.shapes import expect


def test_sizes_come_back_by_letter():
    assert expect(np.zeros((2, 3, 4)), "B T D") == {"B": 2, "T": 3, "D": 4}


def test_leading_axes_may_be_any():
    assert expect(np.zeros((2, 3, 4)), "... D", D=4) == {"D": 4}


@pytest.mark.parametrize(
    ("shape", "spec", "sizes", "message"),
    [
        ((32, 9), "B T D", {}, "Add a feature axis with x[..., None]"),
        ((32, 9, 4), "B T D", {"D": 3}, "with D = 3; received (32, 9, 4)"),
        ((5,), "B T", {}, "Add a batch axis with x[None]"),
        ((5,), "B T D", {}, "It lacks 2 axes"),
        ((1, 2, 3, 4), "B T D", {}, "one axis too many"),
        ((2, 3), "H H", {}, "with H = 2"),
        ((0, 9, 3), "B T D", {}, "batch axis is empty"),
        ((2, 0, 3), "B T D", {}, "time axis is empty"),
    ],
)
def test_wrong_shapes_are_explained(shape, spec, sizes, message):
    with pytest.raises(ValueError, match="must have shape") as error:
        expect(np.zeros(shape), spec, **sizes)
    assert message in str(error.value)


def test_a_list_is_refused_with_the_conversion():
    with pytest.raises(TypeError, match=r"np\.asarray\(series\)"):
        expect([1.0, 2.0], "T", name="series")


def test_unknown_sizes_of_symbolic_tensors_pass():
    class Symbolic:
        shape = (None, 5, 1)

    assert expect(Symbolic(), "B T D", D=1) == {"B": None, "T": 5, "D": 1}
