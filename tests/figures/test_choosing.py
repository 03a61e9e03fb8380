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


def test_names_cross_neither_a_bar_nor_each_other() -> None:
    errors = {"RNN": 1.0, "GRU": 1.2, "Conv+GRU": 1.25, "LSTM": 2.0}
    seconds = {"RNN": 1.0, "GRU": 8.0, "Conv+GRU": 7.0, "LSTM": 8.4}
    figure = draw_price({n: (seconds[n], [0.9 * e, 1.1 * e]) for n, e in errors.items()})
    (axes,) = figure.axes
    figure.draw_without_rendering()
    names = [text.get_window_extent() for text in axes.texts]
    assert len(names) == len(errors)
    lines = [line.get_window_extent() for line in axes.lines]
    for i, name in enumerate(names):
        assert not any(name.overlaps(line) for line in lines)
        assert not any(name.overlaps(other) for other in names[:i])
