"""Adding and multiplication: the answer can be worked out from the marks."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.data.adding import generate_adding, generate_multiplication


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def marked(batch, neutral: float) -> np.ndarray:
    """The two marked values of each sequence, read from x alone."""
    rows = []
    for x, length in zip(batch.x, batch.lengths, strict=True):
        x = x[-length:]
        values = x[x[:, 1] == 1, 0].tolist()
        rows.append(values + [neutral] * (2 - len(values)))
    return np.array(rows)


def test_paper_targets_follow_from_the_marks() -> None:
    batch = generate_adding(500, 40, rng())
    expected = 0.5 + marked(batch, 0.0).sum(axis=1) / 4
    np.testing.assert_allclose(batch.y[:, 0], expected, atol=1e-6)
    batch = generate_multiplication(500, 40, rng())
    expected = marked(batch, 1.0).prod(axis=1)
    np.testing.assert_allclose(batch.y[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("length", [20, 21, 30, 100])
def test_paper_marks_stand_where_the_paper_puts_them(length: int) -> None:
    batch = generate_adding(3000, length, rng())
    starts = batch.x.shape[1] - batch.lengths
    assert (batch.lengths.min(), batch.lengths.max()) == (length, length + length // 10)
    steps = batch.positions - starts[:, None]
    assert (steps[:, 0] < steps[:, 1]).all()
    assert (steps.min(axis=1) < 10).all()
    assert steps.max() <= max(9, length // 2 - 2)
    rows = np.arange(3000)
    np.testing.assert_array_equal(batch.x[rows, starts, 1], -1)
    np.testing.assert_array_equal(batch.x[rows, -1, 1], -1)
    ones = (batch.x[:, :, 1] == 1).sum(axis=1)
    np.testing.assert_array_equal(ones, np.where((steps == 0).any(axis=1), 1, 2))
    for row in range(50):
        assert not batch.x[row, : starts[row]].any()


def test_every_pair_of_steps_can_be_chosen() -> None:
    batch = generate_adding(50_000, 24, rng())  # second mark among the first 11
    steps = batch.positions - (batch.x.shape[1] - batch.lengths)[:, None]
    pairs = {tuple(pair) for pair in steps.tolist()}
    assert pairs == {(a, b) for a in range(10) for b in range(a + 1, 11)}


def test_fixed_variant_adds_two_different_steps() -> None:
    batch = generate_adding(2000, 12, rng(), variant="fixed")
    assert batch.x.shape == (2000, 12, 2)
    np.testing.assert_array_equal(batch.x[:, :, 1].sum(axis=1), 2)
    np.testing.assert_allclose(batch.y[:, 0], batch.x.prod(axis=2).sum(axis=1), atol=1e-6)
    assert {tuple(p) for p in batch.positions.tolist()} == {
        (a, b) for a in range(12) for b in range(a + 1, 12)
    }


def test_guessing_has_the_error_the_docstrings_promise() -> None:
    n = 30_000
    y = generate_adding(n, 100, rng()).y
    assert np.mean((y - 0.5) ** 2) == pytest.approx(1 / 24, rel=0.1)
    y = generate_adding(n, 20, rng(), variant="fixed").y
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.03)
    y = generate_multiplication(n, 100, rng()).y
    assert np.mean((y - 0.25) ** 2) == pytest.approx(0.060, rel=0.05)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="`length` must be at least 20"):
        generate_adding(1, 19, rng())
    with pytest.raises(ValueError, match="`length` must be at least 2"):
        generate_adding(1, 1, rng(), variant="fixed")
    with pytest.raises(ValueError, match='"paper" or "fixed"'):
        generate_adding(1, 20, rng(), variant="modern")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="default_rng"):
        generate_multiplication(1, 20, None)  # type: ignore[arg-type]
