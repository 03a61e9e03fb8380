"""Waves: two sines and a little noise, the first forecasting task of the course."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from runtun.checks import generator, positive_int
from runtun.data.windows import Part, Splits, cut_targets

NOISE = 0.1
"""Width of the uniform noise: it lies within ±NOISE/2."""

NOISE_FLOOR = NOISE**2 / 12
"""Variance of the noise: no forecast can have a smaller expected squared error (0.00083)."""


def generate_waves(
    num_series: int,
    length: int,
    rng: np.random.Generator,
    *,
    step: float | None = None,
) -> np.ndarray:
    """Generate series that are the sum of two sine waves and uniform noise.

    x_t = 0.5 sin((t - o1)(10 f1 + 10)) + 0.2 sin((t - o2)(20 f2 + 20)) + 0.1 (u_t - 0.5)

    where f1, f2, o1, o2 ~ U[0, 1) are drawn once for each series and u_t ~ U[0, 1) at each step.

    By default t runs from 0 to 1 whatever the length, as in the published chapter. A longer
    series then has a smaller step: the same waves look slower, and a model trained on one length
    meets other frequencies on another. Pass the `step` of the training data to avoid that.

    Args:
        num_series: B, how many series; positive.
        length: T, the number of time steps; at least 2.
        rng: source of randomness.
        step: time between two values, for example 1 / 50; None means 1 / (T - 1).

    Returns:
        float32 (B, T, 1).

    Raises:
        TypeError: if a size is not an integer or `rng` is not a Generator.
        ValueError: if a size is too small or `step` is not positive.

    References: Géron 2019, chapter 15.

    >>> generate_waves(3, 51, np.random.default_rng(0)).shape
    (3, 51, 1)
    """
    return _draw(num_series, length, generator(rng), step)


def _draw(
    num_series: int,
    length: int,
    rng: np.random.Generator | np.random.RandomState,
    step: float | None,
) -> np.ndarray:
    num_series = positive_int(num_series, "num_series")
    length = positive_int(length, "length", least=2)
    if step is None:
        t = np.linspace(0.0, 1.0, length)  # (T,)
    elif np.isfinite(step) and step > 0:
        t = step * np.arange(length)  # (T,)
    else:
        raise ValueError(f"`step` must be positive and finite; received {step!r}.")
    f1, f2, o1, o2 = rng.random((4, num_series, 1))  # each (B, 1)
    x = 0.5 * np.sin((t - o1) * (10 * f1 + 10))  # (B, T)
    x += 0.2 * np.sin((t - o2) * (20 * f2 + 20))
    x += NOISE * (rng.random((num_series, length)) - 0.5)
    return x[..., None].astype(np.float32)


def published_waves(horizon: int = 1, *, every_step: bool = False) -> Splits:
    """Return exactly the data on which the published chapter's figures were measured.

    10,000 series of 50 + horizon steps from the legacy generator with seed 42: 7,000 to train,
    2,000 to validate, 1,000 to test. On the validation part the naive forecast has a mean
    squared error of 0.020211 one step ahead.

    Args:
        horizon: how many steps to forecast; the chapter uses 1 and 10.
        every_step: whether to ask for a forecast at each of the 50 steps.

    Returns:
        Splits(train, validation, test), each a Part(x, y): x float32 (B, 50, 1);
        y float32 (B, horizon), or (B, 50, horizon) with `every_step`.

    References: Géron 2019, chapter 15.

    >>> (x, y), (x_validation, y_validation), _ = published_waves()
    >>> x.shape, y.shape, x_validation.shape
    ((7000, 50, 1), (7000, 1), (2000, 50, 1))
    >>> print(f"{np.mean((x_validation[:, -1] - y_validation) ** 2):.6f}")
    0.020211
    """
    horizon = positive_int(horizon, "horizon")
    # The one place that uses NumPy's legacy generator: the published split exists in no other.
    series = _draw(10_000, 50 + horizon, np.random.RandomState(42), None)
    x, y = cut_targets(series, horizon, every_step=every_step)
    ends = (0, 7000, 9000, 10_000)
    return Splits(
        *(
            Part(np.ascontiguousarray(x[a:b]), np.ascontiguousarray(y[a:b]))
            for a, b in pairwise(ends)
        )
    )
