"""How the work of something grows with its input: a ratio of CPU to CPU, which no machine and no load changes."""

import gc
import time
from collections.abc import Callable

QUADRUPLE = 4
LINEAR_MAX = 9.0  # between 4 (linear) and 16 (quadratic): what a linear run may come to with all its noise
_TRIES = 3
_RUNS = 3


def growth(run: Callable[[int], object], size: int) -> float:
    """How many times the CPU of `run(size)` a `run(4 * size)` takes; the smallest ratio of some tries.

    Of each size the quickest run counts: what else the machine does can only lengthen one.
    """
    ratios: list[float] = []
    while len(ratios) < _TRIES and min(ratios, default=LINEAR_MAX + 1) > LINEAR_MAX:
        ratios.append(_quickest(run, QUADRUPLE * size) / _quickest(run, size))
    return min(ratios)


def _quickest(run: Callable[[int], object], size: int) -> float:
    gc.disable()
    try:
        return min(_cpu(run, size) for _ in range(_RUNS))
    finally:
        gc.enable()


def _cpu(run: Callable[[int], object], size: int) -> float:
    begun = time.thread_time_ns()
    run(size)
    return max(1, time.thread_time_ns() - begun)
