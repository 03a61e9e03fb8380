"""Probes: measuring what a trained network looks at and how far its memory reaches.

The plain gradient of an output with respect to each input is a poor map of what a network uses.
Once a gate is saturated, the gradient at the very symbol that closed it is near zero: on temporal
order a network that makes no mistake shows its largest gradients at steps it ignores. Two probes
that do find the right steps ask what would have been answered had the step been another:
`replace_steps` tries it, `integrate_gradients` adds up the gradients on the way there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from runtun.checks import finite, positive_int

Function = Callable[[np.ndarray], np.ndarray]


def replace_steps(predict: Function, x: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Measure how far the output moves when one step is replaced by a neutral input.

    influence_t = ‖predict(x with x_t replaced by neutral_t) - predict(x)‖

    Args:
        predict: from (B, T, D) to outputs (B, ...), before any softmax.
        x: the sequences (B, T, D).
        neutral: what to put in place of each step, (D,) or of the shape of `x`.

    Returns:
        Influence of each step, float64 (B, T); zero where x already is neutral.

    >>> x = np.array([[[3.0], [4.0]]])
    >>> replace_steps(lambda x: 2 * x[:, 0], x, np.zeros(1))
    array([[6., 0.]])
    """
    x, other = _pair(x, neutral)
    base = np.asarray(predict(x), dtype=np.float64).reshape(len(x), -1)
    influence = np.zeros(x.shape[:2])
    for t in range(x.shape[1]):
        changed = x.copy()
        changed[:, t] = other[:, t]
        output = np.asarray(predict(changed), dtype=np.float64).reshape(len(x), -1)
        influence[:, t] = np.linalg.norm(output - base, axis=1)
    return influence


def integrate_gradients(
    gradient: Function, x: np.ndarray, neutral: np.ndarray, *, points: int = 32
) -> np.ndarray:
    """Share out the change of one output from a neutral input to x among the steps.

    influence_t = (x_t - neutral_t) · ∫₀¹ ∂y/∂x_t (neutral + a (x - neutral)) da

    The influences of all steps add up to y(x) - y(neutral).

    Args:
        gradient: from (B, T, D) to ∂y/∂x, (B, T, D), of the one output y of each sequence.
        x: the sequences (B, T, D).
        neutral: where the way to x begins, (D,) or of the shape of `x`.
        points: how many points of the way the integral is taken at; positive.

    Returns:
        Influence of each step with its sign, float64 (B, T).

    References: Sundararajan, Taly & Yan 2017.

    >>> x = np.array([[[3.0], [4.0]]])
    >>> integrate_gradients(lambda x: 2 * x, x, np.zeros(1))  # y = x_0² + x_1²
    array([[ 9., 16.]])
    """
    x, other = _pair(x, neutral)
    points = positive_int(points, "points")
    total = np.zeros(x.shape)
    for k in range(points):
        place = (other + (x - other) * ((k + 0.5) / points)).astype(x.dtype)
        slope = np.asarray(gradient(place), dtype=np.float64)
        if slope.shape != x.shape:
            raise ValueError(
                f"`gradient` must return the shape of `x`, {x.shape}; received {slope.shape}."
            )
        total += slope / points
    return ((x - other) * total).sum(axis=2)


def measure_state_jacobians(cell: Any, x: np.ndarray, *, whole: bool = False) -> np.ndarray:
    """Measure how much of each state is left in the last one.

    norm_t = ‖∂h_T/∂h_t‖₂, the largest factor by which a small change of h_t can arrive in h_T.
    For a cell with more than one state, the others are held at their values at t; with `whole`
    all parts of the state, h and c of an LSTM, count as one vector s, and ∂s_T/∂s_t is measured.

    Args:
        cell: a cell of `runtun.scratch`, with forward, backward and initial_state.
        x: one sequence (T, D).
        whole: measure the whole state instead of h alone.

    Returns:
        (T + 1,), for t = 0 (the initial state) ... T; the last is 1.

    >>> from runtun.scratch import SimpleRNNCell
    >>> cell = SimpleRNNCell(1, 2, activation="linear", rng=np.random.default_rng(0))
    >>> cell.params["U"][:] = np.diag([0.5, 0.1])
    >>> measure_state_jacobians(cell, np.zeros((3, 1)))
    array([0.125, 0.25 , 0.5  , 1.   ])
    """
    x = finite(x, "x").astype(np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"`x` must be one sequence (T, D); received shape {x.shape}.")
    steps, state = len(x), cell.initial_state(1)
    states = [state]
    for t in range(steps):
        _, state = cell.forward(x[None, t : t + 1], state)
        states.append(state)
    kind = type(state)
    sizes = [np.asarray(part).shape[1] for part in state[: None if whole else 1]]
    rows = np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    norms = np.ones(steps + 1)
    for t in range(steps):
        # One row of the batch for each entry of s_T: its gradient is a row of the Jacobian.
        start = kind(*(np.repeat(np.asarray(part), sum(sizes), axis=0) for part in states[t]))
        outputs, end = cell.forward(np.repeat(x[None, t:], sum(sizes), axis=0), start)
        asked = [np.zeros_like(np.asarray(part)) for part in end]
        asked[: len(rows)] = rows
        _, d_state, _ = cell.backward(np.zeros_like(outputs), kind(*asked))
        jacobian = np.concatenate([np.asarray(part) for part in d_state[: len(rows)]], axis=1)
        norms[t] = np.linalg.norm(jacobian, ord=2)
    return norms


def _pair(x: np.ndarray, neutral: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, neutral = finite(x, "x"), finite(neutral, "neutral")
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"`x` must have shape (B, T, D), none of them 0; received {x.shape}.")
    if neutral.shape not in (x.shape, x.shape[2:]):
        raise ValueError(
            f"`neutral` must have shape (D,) = {x.shape[2:]} or that of `x`, {x.shape}; received "
            f"{neutral.shape}."
        )
    return x, np.broadcast_to(neutral, x.shape).astype(x.dtype)
