"""Comparing speeds on a machine whose speed wanders: side by side, turn by turn."""

from __future__ import annotations

import statistics
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Pair(NamedTuple):
    """Seconds of two rivals, measured in turn.

    Attributes:
        first: seconds of each turn of the first, by the clock on the wall.
        second: seconds of the turns of the second right after.
        first_cpu: seconds of processor, of all threads, in the turns of the first; empty if they
            were not measured.
        second_cpu: the same for the second.
    """

    first: list[float]
    second: list[float]
    first_cpu: list[float]
    second_cpu: list[float]

    @property
    def ratio(self) -> float:
        """The median of first / second, turn by turn, by the clock on the wall."""
        return _ratio(self.first, self.second)

    @property
    def cpu_ratio(self) -> float:
        """The same in seconds of processor, which other programs disturb less."""
        return _ratio(self.first_cpu, self.second_cpu)


def alternate(
    first: Callable[[], Any], second: Callable[[], Any], rounds: int, warmup: int = 3
) -> Pair:
    """Time two functions in turn."""
    for _ in range(warmup):
        first(), second()
    pair = Pair([], [], [], [])
    for _ in range(rounds):
        for function, seconds in zip((first, second), pair[:2], strict=True):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
    return pair


def take_turns(
    first: Callable[[Callable[[], None]], Any],
    second: Callable[[Callable[[], None]], Any],
    *,
    skip: int = 1,
) -> Pair:
    """Time two loops that run at once but never at the same time: epoch by epoch in turn.

    Args:
        first: a training that calls its argument before each epoch and once after the last.
        second: another one of equally many epochs.
        skip: epochs at the beginning that do not count, because they compile.
    """
    batons = [threading.Semaphore(0), threading.Semaphore(0)]
    marks: list[list[tuple[float, float]]] = [[], []]
    failures: list[BaseException] = []

    def run(me: int, loop: Callable[[Callable[[], None]], Any]) -> None:
        begun: list[tuple[float, float]] = []

        def turn() -> None:
            if begun:
                wall, cpu = begun.pop()
                marks[me].append((time.perf_counter() - wall, time.process_time() - cpu))
                batons[1 - me].release()
            batons[me].acquire()
            begun.append((time.perf_counter(), time.process_time()))

        try:
            loop(turn)
        except BaseException as failure:  # handed on below; the other must not wait for ever
            failures.append(failure)
        batons[1 - me].release()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate((first, second))]
    for thread in threads:
        thread.start()
    batons[0].release()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    (first_wall, first_cpu), (second_wall, second_cpu) = (
        map(list, zip(*seconds[skip:], strict=True)) for seconds in marks
    )
    return Pair(first_wall, second_wall, first_cpu, second_cpu)


def measure_memory(step: Callable[[int], Any], lengths: Sequence[int]) -> tuple[float, float]:
    """Return how the greatest memory of a step grows with the length of its sequence.

    Args:
        step: does the work for a length.
        lengths: at least three.

    Returns:
        (bytes for each further step, greatest distance from a straight line relative to the
        memory at the greatest length).
    """
    peaks = []
    for length in lengths:
        tracemalloc.start()
        step(length)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    slope, start = np.polyfit(lengths, peaks, 1)
    distance = np.abs(np.polyval([slope, start], lengths) - peaks).max()
    return float(slope), float(distance / peaks[-1])


def _ratio(first: Sequence[float], second: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(first, second, strict=True))
