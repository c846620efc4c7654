"""How often something may be asked for: a bucket per key that fills by the second, in one statement each.

A bucket is the moment until which it is spoken for (the generic cell rate algorithm), so it takes one row, and many at
once cannot pass together. It lives in PostgreSQL, because it guards what PostgreSQL holds: no Valkey, no gap.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.platform.database import rows
from domain.problems import RateLimited


@dataclass(frozen=True, slots=True)
class Pace:
    """`burst` times at once, then once every `seconds`."""

    burst: int
    seconds: float


# A PSE answers 429 to too many questions, and then the whole connection rests: one client must not bring that about.
REFRESHES_OF_REFUND: Final = Pace(burst=3, seconds=20)
REFRESHES_OF_TOKEN: Final = Pace(burst=20, seconds=3)
REFRESHES_OF_CONNECTION: Final = Pace(burst=40, seconds=1.5)
# A series of refunds, and a series of questions: nobody needs them oftener, and a PSE counts them as ours.
PREFLIGHTS_OF_CONNECTION: Final = Pace(burst=10, seconds=60)
CERTIFICATIONS_OF_CONNECTION: Final = Pace(burst=5, seconds=600)


def an_hour(count: int) -> Pace:
    """So many in an hour, all of them at once where none was taken before."""
    return Pace(burst=count, seconds=3600 / count)


async def keep(wanted: Mapping[str, Pace], what: str, meanwhile: str = "") -> None:
    """Take one from each bucket, or from none when the caller's transaction ends with the RateLimited raised here.

    `what` is asked for too often; `meanwhile`: what happens by itself, as a sentence.
    """
    for key, pace in sorted(wanted.items()):
        if not await _taken(key, pace):
            wait = await _wait(key, pace)
            raise RateLimited(f"Too many {what}; try again in {wait} s. {meanwhile}".rstrip(), retry_after=wait)


def refreshes(refund_id: UUID, connection_id: UUID, token_id: UUID | None) -> Mapping[str, Pace]:
    """The buckets of one refundRefresh."""
    named = {f"refresh/refund/{refund_id}": REFRESHES_OF_REFUND}
    named[f"refresh/connection/{connection_id}"] = REFRESHES_OF_CONNECTION
    if token_id is not None:
        named[f"refresh/token/{token_id}"] = REFRESHES_OF_TOKEN
    return named


async def _taken(key: str, pace: Pace) -> bool:
    return bool(
        await rows(
            "INSERT INTO paces AS p (key, until) VALUES ($1, now() + make_interval(secs => $2::float8)) "
            "ON CONFLICT (key) DO UPDATE "
            "SET until = greatest(p.until, now()) + make_interval(secs => $2::float8) "
            "WHERE greatest(p.until, now()) + make_interval(secs => $2::float8) "
            "  <= now() + make_interval(secs => $2::float8 * $3::float8) RETURNING key",
            key,
            pace.seconds,
            float(pace.burst),
        )
    )


async def _wait(key: str, pace: Pace) -> int:
    (row,) = await rows(
        "SELECT extract(epoch FROM until - now())::float8 AS seconds FROM paces WHERE key = $1",
        key,
    )
    seconds: float = row["seconds"] - pace.seconds * (pace.burst - 1)
    return max(1, math.ceil(seconds))
