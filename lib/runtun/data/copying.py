"""Copy memory and echo: say again, later, what was seen."""

from __future__ import annotations

import numpy as np

from runtun.checks import generator, positive_int
from runtun.data.parts import PartName, draw_in_part
from runtun.data.windows import Part


def generate_copy(
    num_sequences: int,
    delay: int,
    rng: np.random.Generator,
    *,
    num_symbols: int = 8,
    memory_length: int = 10,
    part: PartName | None = None,
) -> Part:
    """Generate sequences whose first symbols are to be repeated after a long pause.

    With M = memory_length, the input is M symbols 1 ... num_symbols, delay - 1 blanks (0), one
    sign to speak (num_symbols + 1), and M blanks; the target is delay + M blanks, then the M
    symbols in order. Remembering nothing, the best cross-entropy is M ln(num_symbols) /
    (delay + 2M) nats a step.

    Args:
        num_sequences: B; positive.
        delay: steps between the last symbol to keep and the first to speak; positive.
        rng: source of randomness.
        num_symbols: how many symbols there are to remember; at least 2.
        memory_length: M; positive.
        part: "train" or "test" for streams that share no sequence; None for any.

    Returns:
        Part(x, y): both int64 (B, delay + 2M), symbols 0 ... num_symbols + 1.

    References: Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016 (this form).

    >>> x, y = generate_copy(1, 3, np.random.default_rng(0), memory_length=2)
    >>> x, y
    (array([[7, 6, 0, 0, 9, 0, 0]]), array([[0, 0, 0, 0, 0, 7, 6]]))
    """
    count = positive_int(num_sequences, "num_sequences")
    delay = positive_int(delay, "delay")
    num_symbols = positive_int(num_symbols, "num_symbols", least=2)
    memory = positive_int(memory_length, "memory_length")
    rng = generator(rng)
    (symbols,) = draw_in_part(
        lambda n: (rng.integers(1, num_symbols, size=(n, memory), endpoint=True),), count, part
    )
    x = np.zeros((count, delay + 2 * memory), dtype=np.int64)
    y = np.zeros_like(x)
    x[:, :memory] = symbols
    x[:, memory + delay - 1] = num_symbols + 1
    y[:, -memory:] = symbols
    return Part(x, y)


def generate_echo(num_series: int, length: int, delay: int, rng: np.random.Generator) -> Part:
    """Generate random bits and the same bits `delay` steps later.

    The task for truncated backpropagation: y_t = x_{t - delay}, and 0 for the first `delay` steps.
    Gradients need to reach back `delay` steps; the state must be carried from chunk to chunk.

    Args:
        num_series: B; positive.
        length: T; greater than `delay`.
        delay: steps from a bit to its echo; positive.
        rng: source of randomness.

    Returns:
        Part(x, y): both float32 (B, T, 1), of 0 and 1.

    Raises:
        ValueError: if no bit could ever be heard.

    >>> x, y = generate_echo(1, 8, 3, np.random.default_rng(0))
    >>> x[0, :5, 0], y[0, 3:, 0]
    (array([1., 1., 1., 0., 0.], dtype=float32), array([1., 1., 1., 0., 0.], dtype=float32))
    """
    count = positive_int(num_series, "num_series")
    delay = positive_int(delay, "delay")
    length = positive_int(length, "length")
    if length <= delay:
        raise ValueError(f"`length` must be greater than `delay` = {delay}; received {length}.")
    x = generator(rng).integers(2, size=(count, length, 1)).astype(np.float32)
    y = np.zeros_like(x)
    y[:, delay:] = x[:, :-delay]
    return Part(x, y)
