"""Gated recurrent units in NumPy: one step, the loop over time, and both backward.

The same file exists on each floor: `runtun.scratch.gru`, `runtun.keras.gru`, `runtun.torch.gru`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from runtun.initializers import positive_sizes, recurrent_weights
from runtun.scratch.activations import sigmoid
from runtun.scratch.rnn import RNNState, prepare, prepare_backward, sum_over_time
from runtun.scratch.trainable import Trainable, float_type
from runtun.shapes import expect


class GRUCell(Trainable):
    """One step of a gated recurrent unit, in either published form.

    z = sigmoid(x_t W_z + h_prev U_z + b_z)      r = sigmoid(x_t W_r + h_prev U_r + b_r)
    reset after the projection:   n = tanh(x_t W_n + b_n + r * (h_prev U_n + b'_n))
    reset before the projection:  n = tanh(x_t W_n + b_n + (r * h_prev) U_n)
    h = z * h_prev + (1 - z) * n

    The weights of the gates lie side by side in the order z, r, n: W (D, 3H), U (H, 3H), and b
    (2, 3H) (for the input and for the recurrent products) or, with the reset before, (3H,).

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        reset_after: the form; True is that of PyTorch and the default of Keras.
        rng: draws the initial weights (W uniform, U orthogonal, b zero); a fresh one if None.
            The same seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    Memory:
        Forward and backward over T steps together need B (2D + 12H) numbers for each step more (in
        the default form), so memory grows in a straight line with T.

    References: Cho et al. 2014 (reset before in the final version, after in the first).

    Example:
        >>> cell = GRUCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(np.ones((2, 3)), cell.initial_state(2))
        >>> h.shape
        (2, 5)
        >>> cell.num_params == 3 * (3 * 5 + 5 * 5 + 2 * 5)
        True
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "U", "b")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset_after: bool = True,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        dtype = float_type(dtype)
        rng = np.random.default_rng(rng)
        weights = recurrent_weights(rng, "gru", input_size, hidden_size, reset_after=reset_after)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.reset_after = reset_after
        self.W = weights["W"].astype(dtype)
        self.U = weights["U"].astype(dtype)
        self.b = weights["b"].astype(dtype)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(np.zeros((batch_size, self.hidden_size), self.dtype))

    def __call__(self, x_t: np.ndarray, state: RNNState) -> tuple[np.ndarray, RNNState]:
        expect(x_t, "B D", name="x_t", D=self.input_size)
        (h_prev,) = state
        if self.reset_after:
            x_z, x_r, x_n = np.split(x_t @ self.W + self.b[0], 3, axis=-1)
            h_z, h_r, h_n = np.split(h_prev @ self.U + self.b[1], 3, axis=-1)
            z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
            n = np.tanh(x_n + r * h_n)
        else:
            x_z, x_r, x_n = np.split(x_t @ self.W + self.b, 3, axis=-1)
            U_z, U_r, U_n = np.split(self.U, 3, axis=-1)
            z = sigmoid(x_z + h_prev @ U_z)
            r = sigmoid(x_r + h_prev @ U_r)
            n = np.tanh(x_n + (r * h_prev) @ U_n)
        h = z * h_prev + (1 - z) * n
        return h, RNNState(h)

    def forward(self, x: Any, state: RNNState | None = None) -> tuple[np.ndarray, RNNState]:
        """Run all steps, as `unroll` does, and remember what `backward` needs.

        Args:
            x: (B, T, D). The products x_t W of all steps are taken at once, which is faster.
            state: the state before the first step; zero if None.

        Returns:
            (outputs (B, T, H), the state after the last step).
        """
        x, state = prepare(self, x, state)  # (T, B, D)
        H = self.hidden_size
        U_gates, U_n = self.U[:, : 2 * H], self.U[:, 2 * H :]
        a = x @ self.W + (self.b[0] if self.reset_after else self.b)  # (T, B, 3H)
        gates = np.empty_like(a)  # z, r, n
        h_n = np.empty_like(a[..., :H])  # what r lets into n
        h = np.concatenate([state.h[None], h_n])  # (T + 1, B, H); h[t + 1] is h_t
        for t in range(len(x)):
            if self.reset_after:
                s = h[t] @ self.U + self.b[1]  # (B, 3H)
                gates[t, :, : 2 * H] = sigmoid(a[t, :, : 2 * H] + s[:, : 2 * H])
                z, r = gates[t, :, :H], gates[t, :, H : 2 * H]
                h_n[t] = s[:, 2 * H :]
                gates[t, :, 2 * H :] = np.tanh(a[t, :, 2 * H :] + r * h_n[t])
            else:
                gates[t, :, : 2 * H] = sigmoid(a[t, :, : 2 * H] + h[t] @ U_gates)
                z, r = gates[t, :, :H], gates[t, :, H : 2 * H]
                h_n[t] = r * h[t]
                gates[t, :, 2 * H :] = np.tanh(a[t, :, 2 * H :] + h_n[t] @ U_n)
            n = gates[t, :, 2 * H :]
            h[t + 1] = n + z * (h[t] - n)
        self._memory = x, gates, h_n, h
        return h[1:].swapaxes(0, 1), RNNState(h[-1])

    def backward(
        self, d_outputs: np.ndarray, d_state: RNNState | None = None
    ) -> tuple[np.ndarray, RNNState, dict[str, np.ndarray]]:
        """Send a gradient back through all steps of the last `forward`.

        Args:
            d_outputs: (B, T, H), the gradient of the loss with respect to the outputs.
            d_state: the gradient with respect to the state after the last step; zero if None.

        Returns:
            The gradients with respect to `x`, the state before the first step, and the weights.
        """
        x, gates, h_n, h = self._memory
        d_outputs, d_state = prepare_backward(self, d_outputs, d_state)  # (T, B, H)
        H = self.hidden_size
        U_gates, U_n = self.U[:, : 2 * H], self.U[:, 2 * H :]
        d_a = np.empty_like(gates)  # at the products with x_t
        d_s = np.empty_like(gates)  # at the products with h_prev
        d_h = d_state.h
        for t in reversed(range(len(x))):
            z, r, n = gates[t, :, :H], gates[t, :, H : 2 * H], gates[t, :, 2 * H :]
            d_h = d_h + d_outputs[t]  # h_t is seen by the loss and by the next step
            d_n = d_h * (1 - z) * (1 - n * n)
            d_z = d_h * (h[t] - n) * z * (1 - z)
            if self.reset_after:
                d_r = d_n * h_n[t] * r * (1 - r)
                d_s[t] = np.concatenate([d_z, d_r, d_n * r], axis=-1)
                d_h = d_h * z + d_s[t] @ self.U.T
            else:
                d_reset = d_n @ U_n.T  # at r * h_prev
                d_r = d_reset * h[t] * r * (1 - r)
                d_s[t] = np.concatenate([d_z, d_r, d_n], axis=-1)
                d_h = d_h * z + d_reset * r + d_s[t, :, : 2 * H] @ U_gates.T
            d_a[t] = np.concatenate([d_z, d_r, d_n], axis=-1)
        if self.reset_after:
            d_U = sum_over_time(h[:-1], d_s)
            d_b = np.stack([d_a.sum(axis=(0, 1)), d_s.sum(axis=(0, 1))])
        else:
            d_U = np.concatenate(
                [sum_over_time(h[:-1], d_s[..., : 2 * H]), sum_over_time(h_n, d_s[..., 2 * H :])],
                axis=-1,
            )
            d_b = d_a.sum(axis=(0, 1))
        grads = {"W": sum_over_time(x, d_a), "U": d_U, "b": d_b}
        return (d_a @ self.W.T).swapaxes(0, 1), RNNState(d_h), grads
