"""Chance under the run's hand: one seed gives one story, so what was found once is found again."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

_SEED: Final = 1


class Chance:
    """What the operating system's randomness is while the simulation plays; anew from the same start each example."""

    def __init__(self) -> None:
        self._source = random.Random(_SEED)

    def again(self) -> None:
        """Start over: every example draws the same references and ids."""
        self._source.seed(_SEED)

    def urandom(self, size: int, /) -> bytes:
        """`size` bytes, in place of os.urandom."""
        return self._source.randbytes(size)


@contextmanager
def ours() -> Iterator[Chance]:
    """Ids (uuid4), references (secrets) and nonces come from here; Hypothesis seeds the rest of `random` itself."""
    chance = Chance()
    with patch.object(os, "urandom", chance.urandom), patch.object(random, "_urandom", chance.urandom):
        yield chance
