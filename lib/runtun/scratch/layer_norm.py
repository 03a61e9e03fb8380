"""Layer normalisation, and a simple recurrent network with it, in NumPy, forward and backward.

The same file exists on each floor: `runtun.scratch.layer_norm`, `runtun.keras.layer_norm`,
`runtun.torch.layer_norm`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from runtun.initializers import check_epsilon, glorot_uniform, orthogonal, positive_sizes
from runtun.scratch.activations import get_activation
from runtun.scratch.rnn import RNNState, prepare, prepare_backward, sum_over_time
from runtun.scratch.trainable import Trainable, as_floats, float_type
from runtun.shapes import expect


class LayerNormRNNCell(Trainable):
    """One step of a simple recurrent network that normalises before its activation.

    s = x_t W + h_prev U
    h = activation(gain * (s - mean(s)) / sqrt(var(s) + epsilon) + b)

    Mean and variance are over the H units of one sequence at one step, so nothing depends on the
    other sequences of the batch or on other steps, and training and use are the same.

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        activation: "tanh", "relu", "sigmoid" or "linear".
        epsilon: keeps the quotient finite. (Frameworks disagree: Keras 1e-3, PyTorch 1e-5.)
        rng: draws the initial weights (W uniform, U orthogonal, gain one, b zero); a fresh one if
            None. The same seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Ba, Kiros & Hinton 2016.

    Example:
        >>> cell = LayerNormRNNCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(np.ones((2, 3)), cell.initial_state(2))
        >>> h.shape
        (2, 5)
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "U", "gain", "b")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: str = "tanh",
        epsilon: float = 1e-5,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        dtype = float_type(dtype)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.activation, self.derivative = get_activation(activation)
        self.epsilon = check_epsilon(epsilon)
        self.W = glorot_uniform(rng, (input_size, hidden_size)).astype(dtype)
        self.U = orthogonal(rng, (hidden_size, hidden_size)).astype(dtype)
        self.gain = np.ones(hidden_size, dtype)
        self.b = np.zeros(hidden_size, dtype)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(np.zeros((batch_size, self.hidden_size), self.dtype))

    def __call__(self, x_t: np.ndarray, state: RNNState) -> tuple[np.ndarray, RNNState]:
        expect(x_t, "B D", name="x_t", D=self.input_size)
        (h_prev,) = state
        s = x_t @ self.W + h_prev @ self.U
        mean, var = s.mean(axis=-1, keepdims=True), s.var(axis=-1, keepdims=True)
        s_hat = (s - mean) / np.sqrt(var + self.epsilon)
        h = self.activation(self.gain * s_hat + self.b)
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
        a = x @ self.W  # (T, B, H)
        s_hat = np.empty_like(a)
        deviation = np.empty_like(a[..., :1])  # (T, B, 1)
        h = np.concatenate([state.h[None], np.empty_like(a)])  # (T + 1, B, H); h[t + 1] is h_t
        for t in range(len(x)):
            s = a[t] + h[t] @ self.U
            s -= s.mean(axis=-1, keepdims=True)
            deviation[t] = np.sqrt((s * s).mean(axis=-1, keepdims=True) + self.epsilon)
            s_hat[t] = s / deviation[t]
            h[t + 1] = self.activation(self.gain * s_hat[t] + self.b)
        self._memory = x, s_hat, deviation, h
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
        x, s_hat, deviation, h = self._memory
        d_outputs, d_state = prepare_backward(self, d_outputs, d_state)  # (T, B, H)
        d_a = np.empty_like(s_hat)  # before the activation
        d_s = np.empty_like(s_hat)  # before the normalisation
        d_h = d_state.h
        for t in reversed(range(len(x))):
            d_h = d_h + d_outputs[t]  # h_t is seen by the loss and by the next step
            d_a[t] = d_h * self.derivative(h[t + 1])
            d_s_hat = d_a[t] * self.gain
            # Shifting or stretching s changes nothing, so the gradient has no part along either.
            along = (d_s_hat * s_hat[t]).mean(axis=-1, keepdims=True)
            d_s[t] = d_s_hat - d_s_hat.mean(axis=-1, keepdims=True) - along * s_hat[t]
            d_s[t] /= deviation[t]
            d_h = d_s[t] @ self.U.T
        grads = {
            "W": sum_over_time(x, d_s),
            "U": sum_over_time(h[:-1], d_s),
            "gain": (d_a * s_hat).sum(axis=(0, 1)),
            "b": d_a.sum(axis=(0, 1)),
        }
        return (d_s @ self.W.T).swapaxes(0, 1), RNNState(d_h), grads


class LayerNorm(Trainable):
    """Gives every vector mean 0 and variance 1, then a gain and a bias of its own.

    y = gain * (x - mean(x)) / sqrt(var(x) + epsilon) + b

    Mean and variance are over the last axis: one position of one sequence.

    Args:
        size: E, the size of the last axis; positive.
        epsilon: keeps the quotient finite. (Frameworks disagree: Keras 1e-3, PyTorch 1e-5.)
        dtype: "float32" or "float64".

    Call:
        x: (..., E). Returns the same shape.

    Raises:
        ValueError: if the last axis of `x` is not E.

    References: Ba, Kiros & Hinton 2016.

    Example:
        >>> LayerNorm(2)(np.array([[1.0, 3.0]])).round(3)
        array([[-1.,  1.]])
    """

    weight_names: ClassVar[tuple[str, ...]] = ("gain", "b")

    def __init__(self, size: int, *, epsilon: float = 1e-5, dtype: str = "float64") -> None:
        positive_sizes(size=size)
        self.size = size
        self.epsilon = check_epsilon(epsilon)
        self.gain = np.ones(size, float_type(dtype))
        self.b = np.zeros(size, float_type(dtype))

    def __call__(self, x: Any) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: Any) -> np.ndarray:
        """Compute y and remember what `backward` needs."""
        x = as_floats(x, self.dtype)
        expect(x, "... E", E=self.size)
        deviation = np.sqrt(x.var(axis=-1, keepdims=True) + self.epsilon)
        x_hat = (x - x.mean(axis=-1, keepdims=True)) / deviation
        self._memory = x_hat, deviation
        return self.gain * x_hat + self.b

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the gradients of a loss with respect to `x` and to the weights.

        Args:
            d_outputs: (..., E), the gradient of the loss with respect to y.
        """
        x_hat, deviation = self._memory
        d_x_hat = d_outputs * self.gain
        # Shifting or stretching x changes nothing, so the gradient has no part along either.
        along = (d_x_hat * x_hat).mean(axis=-1, keepdims=True)
        d_x = (d_x_hat - d_x_hat.mean(axis=-1, keepdims=True) - along * x_hat) / deviation
        axes = tuple(range(x_hat.ndim - 1))
        return d_x, {"gain": (d_outputs * x_hat).sum(axis=axes), "b": d_outputs.sum(axis=axes)}
