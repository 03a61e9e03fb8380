"""What every floor shares when it makes a cell: first weights, drawn with NumPy, and sizes.

The same generator gives the same initial weights in NumPy, Keras and PyTorch.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw weights U(-a, a) with a = sqrt(6 / (rows + columns)).

    Args:
        rng: the source of randomness.
        shape: (inputs, outputs).

    Returns:
        A float64 array of that shape, whose variance keeps the variance of a signal on its way
        forward and backward.

    References: Glorot & Bengio 2010.

    Example:
        >>> glorot_uniform(np.random.default_rng(0), (3, 5)).shape
        (3, 5)
    """
    limit = np.sqrt(6.0 / (shape[0] + shape[1]))
    return rng.uniform(-limit, limit, size=shape)


def orthogonal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer.

    A square one keeps the length of every vector, so a hidden state neither fades nor grows by
    the recurrent weights alone.

    Args:
        rng: the source of randomness.
        shape: (rows, columns).

    Returns:
        A float64 array of that shape.

    References: Saxe, McClelland & Ganguli 2014.

    Example:
        >>> U = orthogonal(np.random.default_rng(0), (4, 4))
        >>> bool(np.allclose(U @ U.T, np.eye(4)))
        True
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    # The signs of R's diagonal make the draw uniform over all orthogonal matrices.
    q = q * np.sign(np.diag(r))
    return np.ascontiguousarray(q if rows >= columns else q.T)


def positive_sizes(**sizes: int) -> None:
    """Refuse a size that is not a positive whole number.

    Raises:
        TypeError: if a size is not a whole number.
        ValueError: if a size is below 1.

    Example:
        >>> positive_sizes(hidden_size=0)
        Traceback (most recent call last):
        ValueError: `hidden_size` must be at least 1; received 0.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(
                f"`{name}` must be a whole number; received {size!r} ({type(size).__name__})."
            )
        if size < 1:
            raise ValueError(f"`{name}` must be at least 1; received {size}.")


def check_epsilon(epsilon: float) -> float:
    """Return `epsilon`, or refuse it if it is not positive."""
    if not epsilon > 0:
        raise ValueError(f"`epsilon` must be positive; received {epsilon}.")
    return epsilon


def recurrence_target(recurrence: str, hidden_size: int, output_size: int) -> int:
    """Return the size of the layer into which the last output is fed.

    Raises:
        ValueError: if `recurrence` is unknown.
    """
    targets = {"output_to_hidden": hidden_size, "output_to_output": output_size}
    if recurrence not in targets:
        raise ValueError(f"`recurrence` must be one of {sorted(targets)}; received {recurrence!r}.")
    return targets[recurrence]


def recurrent_weights(
    rng: np.random.Generator,
    cell: str,
    input_size: int,
    hidden_size: int,
    *,
    forget_bias: float = 1.0,
    reset_after: bool = True,
) -> dict[str, np.ndarray]:
    """Draw the first weights of a recurrent layer, in the layout of Keras.

    As Keras draws them: W uniform and U orthogonal over all gates side by side, b zero except for
    the forget gate of an LSTM, which starts at 1 and so keeps the memory.

    Args:
        rng: the source of randomness.
        cell: "rnn", "lstm" or "gru".
        input_size: D.
        hidden_size: H.
        forget_bias: where the forget gate of an LSTM starts.
        reset_after: whether the reset gate of a GRU acts after the projection.

    Returns:
        {"W": (D, G H), "U": (H, G H), "b": (G H,), or (2, 3H) for a GRU that resets after}.

    Raises:
        ValueError: if `cell` is unknown.

    Example:
        >>> recurrent_weights(np.random.default_rng(0), "lstm", 1, 2)["b"]
        array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    gates = {"rnn": 1, "lstm": 4, "gru": 3}
    if cell not in gates:
        raise ValueError(f"`cell` must be one of {sorted(gates)}; received {cell!r}.")
    columns = gates[cell] * hidden_size
    weights = {
        "W": glorot_uniform(rng, (input_size, columns)),
        "U": orthogonal(rng, (hidden_size, columns)),
        "b": np.zeros((2, columns) if cell == "gru" and reset_after else columns),
    }
    if cell == "lstm":
        weights["b"][hidden_size : 2 * hidden_size] = forget_bias
    return weights


def forecaster_weights(
    rng: np.random.Generator | None,
    cell: str,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    horizon: int,
    head: str,
    dropout: float,
) -> dict[str, Any]:
    """Check the arguments of a `Forecaster` and draw its first weights; see there.

    Returns:
        {"recurrent": one dict a layer from the bottom up, "head": a dict}.

    Raises:
        ValueError: if the arguments do not fit together.
    """
    positive_sizes(input_size=input_size, hidden_size=hidden_size, horizon=horizon)
    if head not in ("dense", "rnn"):
        raise ValueError(f'`head` must be "dense" or "rnn"; received {head!r}.')
    if num_layers != 0 or head != "rnn":  # a lone recurrent head needs nothing under it
        positive_sizes(num_layers=num_layers)
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must lie in [0, 1); received {dropout}.")
    if dropout and num_layers < 2:
        raise ValueError(
            f"`dropout` acts between recurrent layers, so it needs `num_layers` of at least 2; "
            f"received {num_layers}."
        )
    rng = np.random.default_rng(rng)
    sizes = [input_size] + [hidden_size] * num_layers
    layers = [recurrent_weights(rng, cell, *pair) for pair in itertools.pairwise(sizes)]
    if head == "rnn":
        return {"recurrent": layers, "head": recurrent_weights(rng, cell, sizes[-1], horizon)}
    W = glorot_uniform(rng, (sizes[-1], horizon))
    return {"recurrent": layers, "head": {"W": W, "b": np.zeros(horizon)}}


BIDIRECTIONAL_MERGES = ("concat", "sum", "mul", "ave")


def check_bidirectional(ahead: Any, back: Any, merge: str) -> None:
    """Refuse two layers that cannot be merged.

    Raises:
        ValueError: saying what does not fit.
    """
    if ahead.return_sequences != back.return_sequences or ahead.return_state or back.return_state:
        raise ValueError(
            "`ahead` and `back` must have the same `return_sequences` and no `return_state`."
        )
    if ahead is back or ahead.cell is back.cell:
        raise ValueError("`ahead` and `back` must have cells of their own; received the same one.")
    if merge not in BIDIRECTIONAL_MERGES:
        raise ValueError(
            f"`merge` must be one of {sorted(BIDIRECTIONAL_MERGES)}; received {merge!r}."
        )
    if merge != "concat" and ahead.cell.output_size != back.cell.output_size:
        raise ValueError(
            f'`merge` "{merge}" needs outputs of the same size; received '
            f"{ahead.cell.output_size} and {back.cell.output_size}."
        )


def convolution_weight(
    rng: np.random.Generator, kernel_size: int, input_size: int, output_size: int
) -> np.ndarray:
    """Draw W (K, D, C) of a convolution as Keras does: uniform, by the number of terms.

    Example:
        >>> convolution_weight(np.random.default_rng(0), 4, 1, 20).shape
        (4, 1, 20)
    """
    limit = np.sqrt(6.0 / (kernel_size * (input_size + output_size)))
    return rng.uniform(-limit, limit, size=(kernel_size, input_size, output_size))


def convolution_length(x: Any, layer: Any) -> int | None:
    """Return how many outputs a convolution has over `x` (B, T, D), None for an unknown T.

    Raises:
        ValueError: if the sequence is shorter than what one output sees.
    """
    length = x.shape[1]
    if length is None:
        return None
    seen = (layer.kernel_size - 1) * layer.dilation + 1
    if length < seen:
        raise ValueError(
            f"`x` must have at least {seen} steps, which one output sees; received {length}."
        )
    return (length - seen) // layer.stride + 1


def embedding_weight(rng: np.random.Generator, vocab_size: int, embedding_size: int) -> np.ndarray:
    """Draw one vector for each token, normal, of mean squared length 1.

    Example:
        >>> embedding_weight(np.random.default_rng(0), 5, 3).shape
        (5, 3)
    """
    return rng.normal(scale=embedding_size**-0.5, size=(vocab_size, embedding_size))


def attention_weights(
    rng: np.random.Generator, embedding_size: int, num_heads: int
) -> dict[str, np.ndarray]:
    """Check the sizes of a self-attention layer and draw its first weights.

    Returns:
        {"W": (E, 3E) for queries, keys and values side by side, "b": (3E,), "V": (E, E),
        "c": (E,)}: each square uniform as by Glorot, biases zero.

    Raises:
        ValueError: if the heads do not share the embedding evenly.
    """
    positive_sizes(embedding_size=embedding_size, num_heads=num_heads)
    if embedding_size % num_heads:
        raise ValueError(
            f"`embedding_size` must be a multiple of `num_heads`, so that each head gets an equal "
            f"part; received {embedding_size} and {num_heads}."
        )
    square = (embedding_size, embedding_size)
    return {
        "W": np.concatenate([glorot_uniform(rng, square) for _ in range(3)], axis=1),
        "b": np.zeros(3 * embedding_size),
        "V": glorot_uniform(rng, square),
        "c": np.zeros(embedding_size),
    }


def check_rate(rate: float, name: str) -> float:
    """Return a probability of dropping, or refuse it if it does not lie in [0, 1).

    Example:
        >>> check_rate(1.5, "dropout")
        Traceback (most recent call last):
        ValueError: `dropout` must lie in [0, 1); received 1.5.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"`{name}` must lie in [0, 1); received {rate}.")
    return float(rate)


def stack_weights(
    rng: np.random.Generator | None,
    cell: str,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    dropout: float,
    recurrent_dropout: float,
) -> list[list[dict[str, np.ndarray]]]:
    """Check the arguments of a `RecurrentStack` and draw its first weights; see there.

    Returns:
        For each layer from the bottom up, one dict for each direction.

    Raises:
        ValueError: if the arguments do not fit together.
    """
    positive_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
    check_rate(recurrent_dropout, "recurrent_dropout")
    if check_rate(dropout, "dropout") and num_layers < 2:
        raise ValueError(
            f"`dropout` acts between recurrent layers, so it needs `num_layers` of at least 2; "
            f"received {num_layers}."
        )
    if bidirectional and hidden_size % 2:
        raise ValueError(
            f"`hidden_size` must be even when `bidirectional`, half of it for each direction; "
            f"received {hidden_size}."
        )
    rng = np.random.default_rng(rng)
    directions = 2 if bidirectional else 1
    sizes = [input_size] + [hidden_size] * (num_layers - 1)
    return [
        [recurrent_weights(rng, cell, size, hidden_size // directions) for _ in range(directions)]
        for size in sizes
    ]


def check_probability(probability: float, name: str) -> float:
    """Return a probability, or refuse it if it does not lie in [0, 1].

    Example:
        >>> check_probability(2, "rate")
        Traceback (most recent call last):
        ValueError: `rate` must lie in [0, 1]; received 2.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"`{name}` must lie in [0, 1]; received {probability}.")
    return float(probability)


def check_attention(attention: str | None) -> None:
    """Refuse an unknown kind of attention.

    Raises:
        ValueError: with the kinds there are.
    """
    if attention not in ("additive", "dot", None):
        raise ValueError(f'`attention` must be "additive", "dot" or None; received {attention!r}.')


def check_fed_back(input_size: int, output_size: int) -> None:
    """Refuse forecasts that are no features of the input and so cannot follow its last step.

    Raises:
        ValueError: if `output_size` is larger than `input_size`.
    """
    positive_sizes(input_size=input_size, output_size=output_size)
    if output_size > input_size:
        raise ValueError(
            f"`output_size` must be at most `input_size`, because the first forecast follows the "
            f"last input; received {output_size} and {input_size}."
        )
