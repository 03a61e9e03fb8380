"""Copy memory and echo: the past, said again."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.data.copying import generate_copy, generate_echo


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_answer_is_the_beginning_and_everything_else_is_blank() -> None:
    x, y = generate_copy(50, 30, rng())
    assert x.shape == y.shape == (50, 50)
    np.testing.assert_array_equal(y[:, -10:], x[:, :10])
    assert not y[:, :-10].any()
    assert set(np.unique(x[:, :10])) == set(range(1, 9))
    np.testing.assert_array_equal(x[:, 39], 9)
    assert x[:, 10:39].sum() == x[:, 40:].sum() == 0


def test_the_sign_comes_one_step_before_the_answer() -> None:
    x, y = generate_copy(1, 1, rng(), num_symbols=2, memory_length=3)
    assert x[0, 3] == 3
    assert y[0, 4:].tolist() == x[0, :3].tolist()


def test_copy_parts_share_no_sequence() -> None:
    train = generate_copy(2000, 5, rng(0), num_symbols=2, memory_length=7, part="train").x
    test = generate_copy(2000, 5, rng(0), num_symbols=2, memory_length=7, part="test").x
    seen = [{row.tobytes() for row in part} for part in (train, test)]
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == 2**7


def test_echo_comes_back_after_the_delay() -> None:
    x, y = generate_echo(4, 100, 7, rng())
    np.testing.assert_array_equal(y[:, 7:], x[:, :-7])
    assert not y[:, :7].any()
    assert x.mean() == pytest.approx(0.5, abs=0.1)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than `delay` = 5"):
        generate_echo(1, 5, 5, rng())
    with pytest.raises(ValueError, match="`num_symbols` must be at least 2"):
        generate_copy(1, 5, rng(), num_symbols=1)
    with pytest.raises(ValueError, match="`delay` must be at least 1"):
        generate_copy(1, 0, rng())
