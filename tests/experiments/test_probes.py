"""Probes: exact where the answer is known, and they find what a trained network looks at."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from runtun.data.temporal_order import LEVELS, generate_temporal_order, one_hot
from runtun.experiments.probes import (
    integrate_gradients,
    measure_state_jacobians,
    replace_steps,
)
from runtun.figures.memory import draw_connectivity
from runtun.scratch import LSTMCell, SimpleRNNCell
from tests.support import require

R = np.random.default_rng(0)


def test_replacing_a_step_of_a_linear_model_moves_it_by_its_weight() -> None:
    x, weights = R.normal(size=(3, 5, 2)), R.normal(size=(5, 2))
    neutral = R.normal(size=2)
    influence = replace_steps(lambda x: (x * weights).sum(axis=(1, 2)), x, neutral)
    expected = np.abs(((x - neutral) * weights).sum(axis=2))
    np.testing.assert_allclose(influence, expected, atol=1e-12)


def test_integrated_gradients_add_up_to_the_change_of_the_output() -> None:
    x = R.normal(size=(4, 6, 3))
    neutral = R.normal(size=3)

    def output(x: np.ndarray) -> np.ndarray:
        return np.tanh(x.sum(axis=2)).prod(axis=1)

    def gradient(x: np.ndarray) -> np.ndarray:
        step, h = np.zeros_like(x), 1e-6
        slope = np.empty_like(x)
        for index in np.ndindex(x.shape[1:]):
            step[:] = 0
            step[:, *index] = h
            slope[:, *index] = (output(x + step) - output(x - step)) / (2 * h)
        return slope

    shares = integrate_gradients(gradient, x, neutral, points=400)
    change = output(x) - output(np.broadcast_to(neutral, x.shape))
    np.testing.assert_allclose(shares.sum(axis=1), change, atol=1e-5)


def test_jacobians_are_those_of_finite_differences() -> None:
    cell = SimpleRNNCell(2, 4, rng=np.random.default_rng(1))
    x = R.normal(size=(6, 2))
    norms = measure_state_jacobians(cell, x)
    _, state = cell.forward(x[None, :2])
    jacobian = np.empty((4, 4))
    for unit in range(4):
        change = np.zeros((1, 4))
        change[0, unit] = 1e-6
        up = cell.forward(x[None, 2:], type(state)(state.h + change))[1].h
        down = cell.forward(x[None, 2:], type(state)(state.h - change))[1].h
        jacobian[:, unit] = (up - down)[0] / 2e-6
    assert norms[2] == pytest.approx(np.linalg.norm(jacobian, 2), rel=1e-6)
    assert norms[-1] == 1


def test_the_whole_state_of_an_lstm_is_more_than_its_hidden_state() -> None:
    cell = LSTMCell(2, 3, rng=np.random.default_rng(1))
    x = R.normal(size=(6, 2))
    norms = measure_state_jacobians(cell, x, whole=True)
    _, state = cell.forward(x[None, :2])
    start = np.concatenate([state.h, state.c], axis=1)[0]

    def end(values: np.ndarray) -> np.ndarray:
        after = cell.forward(x[None, 2:], type(state)(values[None, :3], values[None, 3:]))[1]
        return np.concatenate([after.h, after.c], axis=1)[0]

    change = 1e-6 * np.eye(6)
    jacobian = np.stack([(end(start + d) - end(start - d)) / 2e-6 for d in change], axis=1)
    assert norms[2] == pytest.approx(np.linalg.norm(jacobian, 2), rel=1e-6)
    assert norms[2] > measure_state_jacobians(cell, x)[2]  # c, the highway, is left out there
    assert norms[-1] == 1


@pytest.mark.parametrize(("scale", "grows"), [(0.5, False), (1.5, True)])
def test_linear_memory_vanishes_or_explodes_with_the_scale(scale: float, grows: bool) -> None:
    cell = SimpleRNNCell(1, 3, activation="linear", rng=np.random.default_rng(0))
    cell.params["U"][:] = scale * np.eye(3)
    norms = measure_state_jacobians(cell, np.zeros((8, 1)))
    np.testing.assert_allclose(norms, scale ** np.arange(9.0)[::-1], rtol=1e-12)
    assert (norms[0] > 1) == grows


def test_bad_shapes_are_refused() -> None:
    x = np.zeros((2, 3, 4))
    with pytest.raises(ValueError, match=r"`neutral` must have shape \(D,\) = \(4,\)"):
        replace_steps(lambda x: x, x, np.zeros(3))
    with pytest.raises(ValueError, match=r"`x` must have shape \(B, T, D\)"):
        replace_steps(lambda x: x, x[0], np.zeros(4))
    with pytest.raises(ValueError, match="`gradient` must return the shape"):
        integrate_gradients(lambda x: x[:, 0], x, np.zeros(4))
    with pytest.raises(ValueError, match="one sequence"):
        measure_state_jacobians(SimpleRNNCell(4, 2), x)


@pytest.fixture(scope="module")
def solved() -> Iterator[SimpleNamespace]:
    """An LSTM that has solved temporal order (normal), and 200 sequences it never saw."""
    require(importlib.util.find_spec("torch"), "PyTorch is not installed", "pip install .[torch]")
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small matrices: more threads only wait for one another
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(8, 16, batch_first=True)
    head = torch.nn.Linear(16, 4)
    with torch.no_grad():  # memory of many lengths from the start (Tallec & Ollivier 2018)
        forget = torch.tensor(np.log(rng.uniform(1, LEVELS["normal"].length[1] - 1, 16)))
        for bias in (lstm.bias_ih_l0, lstm.bias_hh_l0):
            bias.zero_()
        lstm.bias_ih_l0[16:32] = forget
        lstm.bias_ih_l0[:16] = -forget

    def logits(x: torch.Tensor) -> torch.Tensor:
        return head(lstm(x)[0][:, -1])

    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(250):
        batch = generate_temporal_order(64, "normal", rng, part="train")
        loss = torch.nn.functional.cross_entropy(
            logits(torch.tensor(one_hot(batch.symbols))), torch.tensor(batch.labels)
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return logits(torch.tensor(x)).numpy()

    def gradient(x: np.ndarray) -> np.ndarray:
        leaf = torch.tensor(x, requires_grad=True)
        rows = logits(leaf)
        rows[torch.arange(len(rows)), labels].sum().backward()
        return leaf.grad.numpy()

    test = generate_temporal_order(200, "normal", rng, part="test")
    labels = torch.tensor(test.labels)
    x = one_hot(test.symbols)
    neutral = x.copy()  # a distractor of no particular letter, in place of every X, Y, a, b, c, d
    neutral[(x[..., :6].sum(axis=2) == 1)] = [0, 0, 0.25, 0.25, 0.25, 0.25, 0, 0]
    yield SimpleNamespace(predict=predict, gradient=gradient, test=test, x=x, neutral=neutral)
    torch.set_num_threads(threads)


def share_of_right_peaks(influence: np.ndarray, positions: np.ndarray) -> float:
    """Share of sequences whose two largest influences are the two relevant steps."""
    peaks = np.sort(np.argsort(-np.abs(influence), axis=1)[:, :2], axis=1)
    return float((peaks == positions).all(axis=1).mean())


def test_the_connectivity_map_peaks_at_the_relevant_steps(solved: SimpleNamespace) -> None:
    assert (solved.predict(solved.x).argmax(axis=1) == solved.test.labels).mean() == 1
    influence = replace_steps(solved.predict, solved.x, solved.neutral)
    positions = solved.test.positions
    assert share_of_right_peaks(influence, positions) > 0.9
    row = int(
        np.argmax(
            [
                share_of_right_peaks(i[None], p[None])
                for i, p in zip(influence, positions, strict=True)
            ]
        )
    )
    start = int(solved.x.shape[1] - solved.test.lengths[row])
    figure = draw_connectivity(
        influence[row, start:], solved.test.text(row), positions[row] - start
    )
    shades = figure.axes[0].images[0].get_array()[0]
    assert set(np.argsort(-shades)[:2]) == set(positions[row] - start)


def test_integrated_gradients_find_them_and_the_plain_gradient_does_not(
    solved: SimpleNamespace,
) -> None:
    positions = solved.test.positions
    integrated = integrate_gradients(solved.gradient, solved.x, solved.neutral)
    plain = np.linalg.norm(solved.gradient(solved.x), axis=2)
    assert share_of_right_peaks(integrated, positions) > 0.8
    assert share_of_right_peaks(plain, positions) < 0.2
