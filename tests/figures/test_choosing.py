"""The figure of prices shows what it was given."""

from __future__ import annotations

import pytest

from runtun.figures.choosing import draw_price


def test_a_model_stands_at_its_price_and_its_mean_error() -> None:
    (axes,) = draw_price({"RNN": (0.5, [3.0, 5.0]), "GRU": (2.0, [3.5])}, unit="MW").axes
    bar, rnn, gru = axes.lines
    assert (rnn.get_xdata()[0], rnn.get_ydata()[0]) == (0.5, 4.0)
    assert (gru.get_xdata()[0], gru.get_ydata()[0]) == (2.0, 3.5)
    low, high = bar.get_ydata()
    assert high - 4.0 == pytest.approx(2**0.5)  # one standard deviation of 3 and 5
    assert low == pytest.approx(4 - 2**0.5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("s", "MW")
    assert [text.xy for text in axes.texts] == [(0.5, 4.0), (2.0, 3.5)]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "nothing to draw"),
        ({"a": (0.0, [1.0])}, "positive"),
        ({"a": (1.0, [0.0])}, "positive"),
        ({"a": (1.0, [])}, "positive"),
    ],
)
def test_prices_that_make_no_sense_are_refused(models: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_price(models)
