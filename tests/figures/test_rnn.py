"""What stands in each figure is the data that went in, and no words."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from runtun.figures.rnn import (
    draw_errors,
    draw_forecast,
    draw_fork,
    draw_hidden_states,
    draw_influence,
    draw_learning_curves,
    draw_memory,
    draw_waves,
)
from runtun.figures.style import PALETTE, to_svg

R = np.random.default_rng(0)
WAVES = R.normal(size=(3, 30, 1)).astype(np.float32)
CURVES = {"loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.7, 0.6]}


def all_figures() -> dict[str, Figure]:
    return {
        "waves": draw_waves(WAVES, horizon=10),
        "forecast": draw_forecast(WAVES[0, :20], WAVES[0, 20:], {r"$\hat y$": WAVES[1, 20:]}),
        "states": draw_hidden_states(np.tanh(R.normal(size=(30, 8))), WAVES[0]),
        "curves": draw_learning_curves({"RNN": CURVES, "LSTM": CURVES}, floor=0.1),
        "errors": draw_errors({"naive": [0.02], "RNN": [0.003, 0.004]}, published={"RNN": 0.0029}),
        "memory": draw_memory({"$u = 0.5$": 0.5 ** np.arange(9.0), "$u = 1$": np.ones(9)}),
        "influence": draw_influence({"$u = 0.5$": 0.5 ** np.arange(9.0)}),
        "fork": draw_fork(np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([[2.0], [0.0]])),
    }


@pytest.mark.parametrize("name", all_figures())
def test_a_figure_has_no_title_and_only_words_both_languages_share(name: str) -> None:
    figure = all_figures()[name]
    figure.draw_without_rendering()
    assert all(not axes.get_title() for axes in figure.axes)
    shared = {"epoch", "MSE", "RNN", "LSTM", "naive"}
    for text in figure.findobj(Text):
        words = re.findall(r"[A-Za-z]{2,}", re.sub(r"\$[^$]*\$", "", text.get_text()))
        assert set(words) <= shared, text.get_text()


@pytest.mark.parametrize("name", all_figures())
def test_a_figure_is_reproducible_and_small(name: str) -> None:
    first, second = to_svg(all_figures()[name]), to_svg(all_figures()[name])
    if name != "states":  # its data are drawn anew
        assert first == second
    assert len(first) < 200_000


def test_waves_draw_the_seen_and_the_coming_values() -> None:
    figure = draw_waves(WAVES, horizon=10)
    assert len(figure.axes) == 3
    for axes, wave in zip(figure.axes, WAVES[..., 0], strict=True):
        seen, coming = axes.lines
        np.testing.assert_array_equal(seen.get_ydata(), wave[:20])
        np.testing.assert_array_equal(coming.get_ydata(), wave[20:])
        np.testing.assert_array_equal(coming.get_xdata(), np.arange(20, 30))


def test_forecasts_begin_where_the_window_ends() -> None:
    truth, forecast = np.array([1.0, 2.0]), np.array([1.5, 2.5])
    figure = draw_forecast(np.zeros(5), truth, {"naive": forecast, "RNN": truth})
    past, future, first, second = figure.axes[0].lines
    np.testing.assert_array_equal(past.get_xdata(), np.arange(5))
    for line, values in ((future, truth), (first, forecast), (second, truth)):
        np.testing.assert_array_equal(line.get_xdata(), [5, 6])
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == [
        "$y$",
        "naive",
        "RNN",
    ]


def test_hidden_states_lie_with_time_to_the_right_on_a_symmetric_scale() -> None:
    h = np.tanh(R.normal(size=(12, 5)))
    figure = draw_hidden_states(h, np.arange(12.0))
    image = figure.axes[1].images[0]
    np.testing.assert_array_equal(image.get_array(), h.T)
    assert image.get_clim() == (-1.0, 1.0)
    assert draw_hidden_states(3 * np.eye(4)).axes[0].images[0].get_clim() == (-3.0, 3.0)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_learning_curves_show_validation_boldly_and_count_epochs_from_one() -> None:
    figure = draw_learning_curves({"RNN": CURVES, "LSTM": SimpleNamespace(**CURVES)}, floor=0.1)
    validation, train, *_ = lines = figure.axes[0].lines
    assert len(lines) == 5
    np.testing.assert_array_equal(validation.get_ydata(), CURVES["val_loss"])
    np.testing.assert_array_equal(train.get_ydata(), CURVES["loss"])
    np.testing.assert_array_equal(validation.get_xdata(), [1, 2, 3])
    assert validation.get_linestyle() == "-"
    assert train.get_linestyle() == "--"
    assert validation.get_color() == train.get_color() == PALETTE[0]
    assert lines[-1].get_ydata()[0] == 0.1


def test_without_validation_the_training_loss_takes_its_place() -> None:
    figure = draw_learning_curves({"RNN": {"loss": [1.0, 0.5], "val_loss": []}})
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), [1.0, 0.5])


def test_errors_show_seeds_mean_spread_and_the_published_figure() -> None:
    values = np.array([0.002, 0.003, 0.004])
    figure = draw_errors({"naive": [0.02], "RNN": values}, published={"RNN": 0.0029}, floor=0.001)
    naive, seeds, spread, mean, published, floor = figure.axes[0].lines
    assert naive.get_xdata()[0] == 0.02
    np.testing.assert_array_equal(seeds.get_xdata(), values)
    np.testing.assert_allclose(spread.get_xdata(), [0.002, 0.004])
    assert mean.get_xdata()[0] == pytest.approx(0.003)
    assert published.get_xdata()[0] == 0.0029
    assert {line.get_ydata()[0] for line in (seeds, spread, mean, published)} == {1}
    assert floor.get_xdata()[0] == 0.001
    assert figure.axes[0].get_ylim() == (1.5, -0.5)  # the first label is at the top


def test_a_spread_wider_than_the_mean_stays_on_the_axis() -> None:
    figure = draw_errors({"RNN": [0.001, 0.1]})
    low = figure.axes[0].lines[1].get_xdata()[0]
    assert 0 < low <= 0.001


def test_influence_leaves_a_gap_at_zero() -> None:
    figure = draw_influence({"$a$": np.array([1.0, 0.0, 0.1])})
    figure.draw_without_rendering()
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [1.0, 0.0, 0.1])
    assert figure.axes[0].get_ylim()[0] > 0


def test_both_futures_leave_from_the_shared_value() -> None:
    history = np.array([[0.0, 1.0], [2.0, 1.0]])
    figure = draw_fork(history, np.array([[2.0, 3.0], [0.0, -1.0]]))
    first = figure.axes[0].lines[1]
    np.testing.assert_array_equal(first.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(first.get_ydata(), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_waves(np.zeros((9, 30))), r"series\[:4\]"),
        (lambda: draw_waves(np.zeros((2, 30)), horizon=30), "shorter than the 30 steps"),
        (lambda: draw_waves(np.zeros(30)), r"`series` must have shape \(B, T\)"),
        (lambda: draw_waves(np.full((2, 30), np.nan)), "must be finite"),
        (lambda: draw_forecast(np.zeros(5), np.zeros(2), {"a": np.zeros(3)}), "as many steps"),
        (lambda: draw_forecast(np.zeros(5), np.zeros(2), {}), "nothing to draw"),
        (lambda: draw_hidden_states(np.zeros((2, 5, 3))), r"h\[0\]"),
        (lambda: draw_hidden_states(np.zeros((5, 3)), np.zeros(4)), "the 5 steps of `h`"),
        (lambda: draw_learning_curves({"a": {"loss": [1.0, 0.0]}}), "not positive"),
        (lambda: draw_learning_curves({"a": {"val_loss": [1.0]}}), "must hold `loss`"),
        (lambda: draw_errors({"a": [0.0]}), "must be positive"),
        (lambda: draw_errors({"a": [1.0]}, published={"b": 1.0}), "without errors: b"),
        (lambda: draw_memory({"a": np.zeros(3), "b": np.zeros(4)}), "one length"),
        (lambda: draw_influence({"a": np.array([-1.0])}), "absolute values"),
        (lambda: draw_fork(np.array([[0.0, 1.0], [0.0, 2.0]]), np.zeros((2, 1))), "must meet"),
        (lambda: draw_fork(np.zeros((3, 2)), np.zeros((2, 1))), r"shape \(2, T\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()


def test_a_list_in_place_of_a_mapping_is_refused() -> None:
    with pytest.raises(TypeError, match="must map labels"):
        draw_errors([0.1, 0.2])  # type: ignore[arg-type]
