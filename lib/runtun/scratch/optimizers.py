"""Optimisers that change weights in place, and clipping of gradients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


class SGD:
    """Gradient descent, with momentum if wanted.

    v = momentum v - learning_rate g      w = w + v

    Args:
        learning_rate: size of a step; positive.
        momentum: part of the last step that is kept, in [0, 1).

    Example:
        >>> w = {"w": np.array([1.0])}
        >>> SGD(0.1).step(w, {"w": np.array([2.0])})
        >>> w["w"]
        array([0.8])
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0) -> None:
        _check_rate(learning_rate)
        if not 0 <= momentum < 1:
            raise ValueError(f"`momentum` must lie in [0, 1); received {momentum}.")
        self.learning_rate = learning_rate
        self.momentum = momentum
        self._velocity: dict[str, np.ndarray] = {}

    def step(self, params: Arrays, grads: Arrays) -> None:
        """Change every weight in `params` by its gradient in `grads`."""
        for name, weight in params.items():
            if self.momentum:
                velocity = self._velocity.setdefault(name, np.zeros_like(weight))
                velocity *= self.momentum
                velocity -= self.learning_rate * grads[name]
                weight += velocity
            else:
                weight -= self.learning_rate * grads[name]

    def get_state(self) -> dict[str, np.ndarray]:
        """Return a copy of what the next step depends on, beside weights and gradients."""
        return {f"velocity/{name}": array.copy() for name, array in self._velocity.items()}

    def set_state(self, state: Arrays) -> None:
        """Go on from a state that `get_state` returned."""
        self._velocity = _named("velocity/", state)


class Adam:
    """Steps scaled by running means of the gradient and of its square.

    m = beta_1 m + (1 - beta_1) g      v = beta_2 v + (1 - beta_2) g^2
    w = w - learning_rate m' / (sqrt(v') + epsilon), where m' = m / (1 - beta_1^t) and
    v' = v / (1 - beta_2^t) make up for the start at zero.

    Args:
        learning_rate: size of a step; positive.
        beta_1: how long the mean of the gradient remembers, in [0, 1).
        beta_2: how long the mean of its square remembers, in [0, 1).
        epsilon: keeps the quotient finite. (Keras adds it before making up for the start.)

    References: Kingma & Ba 2015.

    Example:
        >>> w = {"w": np.array([1.0])}
        >>> Adam(0.1).step(w, {"w": np.array([2.0])})
        >>> w["w"].round(6)
        array([0.9])
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        _check_rate(learning_rate)
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"`{name}` must lie in [0, 1); received {beta}.")
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self._steps = 0
        self._m: dict[str, np.ndarray] = {}
        self._v: dict[str, np.ndarray] = {}

    def step(self, params: Arrays, grads: Arrays) -> None:
        """Change every weight in `params` by its gradient in `grads`."""
        self._steps += 1
        for name, weight in params.items():
            g = grads[name]
            m = self._m.setdefault(name, np.zeros_like(weight))
            v = self._v.setdefault(name, np.zeros_like(weight))
            m += (1 - self.beta_1) * (g - m)
            v += (1 - self.beta_2) * (g * g - v)
            m_hat = m / (1 - self.beta_1**self._steps)
            v_hat = v / (1 - self.beta_2**self._steps)
            weight -= self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)

    def get_state(self) -> dict[str, np.ndarray]:
        """Return a copy of what the next step depends on, beside weights and gradients."""
        state = {"steps": np.array(self._steps)}
        state |= {f"m/{name}": array.copy() for name, array in self._m.items()}
        return state | {f"v/{name}": array.copy() for name, array in self._v.items()}

    def set_state(self, state: Arrays) -> None:
        """Go on from a state that `get_state` returned."""
        self._steps = int(state["steps"])
        self._m, self._v = _named("m/", state), _named("v/", state)


def clip_by_norm(grads: Arrays, max_norm: float) -> tuple[dict[str, np.ndarray], float]:
    """Shrink all gradients together so that their common length is at most `max_norm`.

    Args:
        grads: the gradients by name; the length is that of all of them as one vector.
        max_norm: the greatest length allowed; positive.

    Returns:
        (gradients, their length before clipping). The direction is kept.

    References: Pascanu, Mikolov & Bengio 2013.

    Example:
        >>> clip_by_norm({"a": np.array([3.0]), "b": np.array([4.0])}, 1.0)
        ({'a': array([0.6]), 'b': array([0.8])}, 5.0)
    """
    if not max_norm > 0:
        raise ValueError(f"`max_norm` must be positive; received {max_norm}.")
    norm = float(np.sqrt(sum(np.vdot(grad, grad) for grad in grads.values())))
    scale = max_norm / max(norm, max_norm)
    return {name: scale * grad for name, grad in grads.items()}, norm


def clip_by_value(grads: Arrays, limit: float) -> dict[str, np.ndarray]:
    """Cut every entry of every gradient to [-limit, limit]; the direction may change.

    Example:
        >>> clip_by_value({"a": np.array([0.3, -4.0])}, 1.0)
        {'a': array([ 0.3, -1. ])}
    """
    if not limit > 0:
        raise ValueError(f"`limit` must be positive; received {limit}.")
    return {name: np.clip(grad, -limit, limit) for name, grad in grads.items()}


def _named(prefix: str, state: Arrays) -> dict[str, np.ndarray]:
    return {n.removeprefix(prefix): a.copy() for n, a in state.items() if n.startswith(prefix)}


def _check_rate(learning_rate: float) -> None:
    if not learning_rate > 0:
        raise ValueError(f"`learning_rate` must be positive; received {learning_rate}.")
