"""Long short-term memory in NumPy: one step, the loop over time, and both backward.

The same file exists on each floor: `runtun.scratch.lstm`, `runtun.keras.lstm`,
`runtun.torch.lstm`.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from runtun.initializers import positive_sizes, recurrent_weights
from runtun.scratch.activations import sigmoid
from runtun.scratch.rnn import prepare, prepare_backward, sum_over_time
from runtun.scratch.trainable import Trainable, float_type
from runtun.shapes import expect


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next: h (B, H) and c (B, H)."""

    h: np.ndarray
    c: np.ndarray


class LSTMCell(Trainable):
    """One step of a long short-term memory with a forget gate.

    i = sigmoid(x_t W_i + h_prev U_i + b_i)      f = sigmoid(x_t W_f + h_prev U_f + b_f)
    g = tanh(x_t W_g + h_prev U_g + b_g)         o = sigmoid(x_t W_o + h_prev U_o + b_o)
    c = f * c_prev + i * g                       h = o * tanh(c)

    The weights of the gates lie side by side in this order: W (D, 4H), U (H, 4H), b (4H,).

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h` and of `c`; positive.
        forget_bias: initial value of b_f (1.0 keeps memory at the start, Jozefowicz et al. 2015).
        rng: draws the initial weights (W uniform, U orthogonal); a fresh one if None. The same
            seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: LSTMState(h (B, H), c (B, H)). Returns (h, LSTMState(h, c)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    Memory:
        Forward and backward over T steps together need B (2D + 17H) numbers for each step more, so
        memory grows in a straight line with T.

    References: Hochreiter & Schmidhuber 1997; Gers et al. 2000 (forget gate).

    Example:
        >>> cell = LSTMCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(np.ones((2, 3)), cell.initial_state(2))
        >>> h.shape, state.c.shape
        ((2, 5), (2, 5))
        >>> cell.num_params == 4 * (3 * 5 + 5 * 5 + 5)
        True
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "U", "b")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        dtype = float_type(dtype)
        rng = np.random.default_rng(rng)
        weights = recurrent_weights(rng, "lstm", input_size, hidden_size, forget_bias=forget_bias)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.W = weights["W"].astype(dtype)
        self.U = weights["U"].astype(dtype)
        self.b = weights["b"].astype(dtype)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return the state before the first step: h = 0, c = 0."""
        zero = np.zeros((batch_size, self.hidden_size), self.dtype)
        return LSTMState(zero, zero.copy())

    def __call__(self, x_t: np.ndarray, state: LSTMState) -> tuple[np.ndarray, LSTMState]:
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h_prev, c_prev = state
        a = x_t @ self.W + h_prev @ self.U + self.b  # (B, 4H)
        i, f, g, o = np.split(a, 4, axis=-1)  # (B, H) each
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c_prev + i * g
        h = o * np.tanh(c)
        return h, LSTMState(h, c)

    def forward(self, x: Any, state: LSTMState | None = None) -> tuple[np.ndarray, LSTMState]:
        """Run all steps, as `unroll` does, and remember what `backward` needs.

        Args:
            x: (B, T, D). The products x_t W of all steps are taken at once, which is faster.
            state: the state before the first step; zero if None.

        Returns:
            (outputs (B, T, H), the state after the last step).
        """
        x, state = prepare(self, x, state)  # (T, B, D)
        H = self.hidden_size
        # sigmoid(a) = (1 + tanh(a / 2)) / 2, so one tanh serves all four gates of a step: halve
        # what goes into i, f and o here, and shift what comes out.
        half = np.full(4 * H, 0.5, self.dtype)
        half[2 * H : 3 * H] = 1.0
        a = x @ (self.W * half) + self.b * half  # (T, B, 4H)
        U = self.U * half
        gates = a  # each step overwrites its a_t by i, f, g, o
        h = np.empty((len(x) + 1, x.shape[1], H), self.dtype)  # h[t + 1] is h_t
        c = np.empty_like(h)
        tanh_c = np.empty_like(h[1:])
        h[0], c[0] = state
        for t in range(len(x)):
            gates[t] += h[t] @ U
            np.tanh(gates[t], out=gates[t])
            for part in (gates[t, :, : 2 * H], gates[t, :, 3 * H :]):
                part *= 0.5
                part += 0.5
            i, f, g, o = split(gates[t], H)
            np.multiply(f, c[t], out=c[t + 1])
            c[t + 1] += i * g
            np.tanh(c[t + 1], out=tanh_c[t])
            np.multiply(o, tanh_c[t], out=h[t + 1])
        self._memory = x, gates, h, c, tanh_c
        return h[1:].swapaxes(0, 1), LSTMState(h[-1], c[-1])

    def backward(
        self, d_outputs: np.ndarray, d_state: LSTMState | None = None
    ) -> tuple[np.ndarray, LSTMState, dict[str, np.ndarray]]:
        """Send a gradient back through all steps of the last `forward`.

        Args:
            d_outputs: (B, T, H), the gradient of the loss with respect to the outputs.
            d_state: the gradient with respect to the state after the last step; zero if None.

        Returns:
            The gradients with respect to `x`, the state before the first step, and the weights.
        """
        x, gates, h, c, tanh_c = self._memory
        d_outputs, (d_h, d_c) = prepare_backward(self, d_outputs, d_state)  # (T, B, H)
        H = self.hidden_size
        slope = gates * (1 - gates)  # sigmoid' = s (1 - s) and tanh' = 1 - g^2, all steps at once
        slope[..., 2 * H : 3 * H] = 1 - gates[..., 2 * H : 3 * H] ** 2
        through_h = gates[..., 3 * H :] * (1 - tanh_c**2)  # dh/dc
        d_a = np.empty_like(gates)  # (T, B, 4H)
        for t in reversed(range(len(x))):
            i, f, g, _ = split(gates[t], H)
            d_i, d_f, d_g, d_o = split(d_a[t], H)
            d_h = d_h + d_outputs[t]  # h_t is seen by the loss and by the next step
            d_c = d_c + d_h * through_h[t]  # c_t acts through h_t and on c_{t+1}
            np.multiply(d_c, g, out=d_i)
            np.multiply(d_c, c[t], out=d_f)
            np.multiply(d_c, i, out=d_g)
            np.multiply(d_h, tanh_c[t], out=d_o)
            d_a[t] *= slope[t]
            d_h = d_a[t] @ self.U.T
            d_c = d_c * f  # the highway: dc_t/dc_{t-1} = f_t
        grads = {
            "W": sum_over_time(x, d_a),
            "U": sum_over_time(h[:-1], d_a),
            "b": d_a.sum(axis=(0, 1)),
        }
        return (d_a @ self.W.T).swapaxes(0, 1), LSTMState(d_h, d_c), grads


class PeepholeLSTMCell(LSTMCell):
    """One step of a long short-term memory whose gates see the cell state.

    i = sigmoid(x_t W_i + h_prev U_i + P_i * c_prev + b_i)
    f = sigmoid(x_t W_f + h_prev U_f + P_f * c_prev + b_f)
    g = tanh(x_t W_g + h_prev U_g + b_g)
    c = f * c_prev + i * g
    o = sigmoid(x_t W_o + h_prev U_o + P_o * c + b_o)
    h = o * tanh(c)

    W, U and b as in `LSTMCell`; P (3, H) holds P_i, P_f, P_o and starts at zero, where the cell is
    an LSTM without peepholes.

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h` and of `c`; positive.
        forget_bias: initial value of b_f.
        rng: draws the initial weights; a fresh one if None.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: LSTMState(h (B, H), c (B, H)). Returns (h, LSTMState(h, c)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Gers & Schmidhuber 2000.

    Example:
        >>> cell = PeepholeLSTMCell(3, 5, rng=np.random.default_rng(0))
        >>> cell.num_params == 4 * (3 * 5 + 5 * 5 + 5) + 3 * 5
        True
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "U", "b", "P")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        super().__init__(input_size, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype)
        self.P = np.zeros((3, hidden_size), float_type(dtype))

    def __call__(self, x_t: np.ndarray, state: LSTMState) -> tuple[np.ndarray, LSTMState]:
        expect(x_t, "B D", name="x_t", D=self.input_size)
        return self._step(x_t @ self.W + self.b, state)[:2]

    def _step(self, a_t: np.ndarray, state: LSTMState) -> tuple[np.ndarray, LSTMState, tuple]:
        h_prev, c_prev = state
        P_i, P_f, P_o = self.P
        i, f, g, o = np.split(a_t + h_prev @ self.U, 4, axis=-1)  # (B, H) each
        i, f, g = sigmoid(i + P_i * c_prev), sigmoid(f + P_f * c_prev), np.tanh(g)
        c = f * c_prev + i * g
        o = sigmoid(o + P_o * c)
        h = o * np.tanh(c)
        return h, LSTMState(h, c), (i, f, g, o, np.tanh(c))

    def forward(self, x: Any, state: LSTMState | None = None) -> tuple[np.ndarray, LSTMState]:
        """Run all steps and remember what `backward` needs; see `LSTMCell.forward`."""
        x, state = prepare(self, x, state)  # (T, B, D)
        a = x @ self.W + self.b  # (T, B, 4H)
        states, gates = [state], []
        for t in range(len(x)):
            _, state, step_gates = self._step(a[t], state)
            states.append(state)
            gates.append(step_gates)
        h, c = (np.stack(values) for values in zip(*states, strict=True))  # (T + 1, B, H)
        self._memory = x, gates, h, c
        return h[1:].swapaxes(0, 1), state

    def backward(
        self, d_outputs: np.ndarray, d_state: LSTMState | None = None
    ) -> tuple[np.ndarray, LSTMState, dict[str, np.ndarray]]:
        """Send a gradient back through all steps; see `LSTMCell.backward`."""
        x, gates, h, c = self._memory
        d_outputs, (d_h, d_c) = prepare_backward(self, d_outputs, d_state)  # (T, B, H)
        P_i, P_f, P_o = self.P
        d_a = np.empty((*x.shape[:2], 4 * self.hidden_size), self.dtype)
        for t in reversed(range(len(x))):
            i, f, g, o, tanh_c = gates[t]
            d_h = d_h + d_outputs[t]  # h_t is seen by the loss and by the next step
            d_o = d_h * tanh_c * o * (1 - o)
            d_c = d_c + d_h * o * (1 - tanh_c**2) + d_o * P_o  # o_t sees c_t
            d_i = d_c * g * i * (1 - i)
            d_f = d_c * c[t] * f * (1 - f)
            d_g = d_c * i * (1 - g**2)
            d_a[t] = np.concatenate([d_i, d_f, d_g, d_o], axis=-1)
            d_h = d_a[t] @ self.U.T
            d_c = d_c * f + d_i * P_i + d_f * P_f  # i_t and f_t see c_{t-1}
        d_i, d_f, _, d_o = split(d_a, self.hidden_size)
        grads = {
            "W": sum_over_time(x, d_a),
            "U": sum_over_time(h[:-1], d_a),
            "b": d_a.sum(axis=(0, 1)),
            "P": np.stack([
                (d_i * c[:-1]).sum(axis=(0, 1)),
                (d_f * c[:-1]).sum(axis=(0, 1)),
                (d_o * c[1:]).sum(axis=(0, 1)),
            ]),
        }  # fmt: skip
        return (d_a @ self.W.T).swapaxes(0, 1), LSTMState(d_h, d_c), grads


def split(a: np.ndarray, size: int) -> list[np.ndarray]:
    """Return views of the parts of the last axis, `size` entries each."""
    return [a[..., k : k + size] for k in range(0, a.shape[-1], size)]
