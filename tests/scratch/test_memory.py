"""The memory of the layers by hand grows with T exactly as their docstrings say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.pairs import measure_memory
from runtun.scratch import GRUCell, LSTMCell, SimpleRNNCell


@pytest.mark.parametrize("cell", [SimpleRNNCell, LSTMCell, GRUCell])
@pytest.mark.parametrize(("D", "H"), [(32, 16), (8, 32)])
def test_the_slope_is_the_one_that_is_stated(cell, D: int, H: int) -> None:
    stated = re.search(r"B \((\d+)D \+ (\d+)H\) numbers for each step", cell.__doc__)
    expected = int(stated[1]) * D + int(stated[2]) * H
    B, made = 8, cell(D, H, rng=np.random.default_rng(0))
    given = {T: (np.ones((B, T, D)), np.ones((B, T, H))) for T in (50, 100, 200)}

    def step(T: int) -> None:
        x, d_outputs = given[T]
        made.forward(x)
        made.backward(d_outputs)

    slope, distance = measure_memory(step, list(given))
    assert slope / (8 * B) == pytest.approx(expected, rel=0.01)  # eight bytes a number
    assert distance < 0.01
