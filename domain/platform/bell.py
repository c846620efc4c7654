"""The bell: arq jobs and live wake-ups over Valkey. It makes things quick; the due rows make them sure.

A job carries a name and an id, in JSON. Losing Valkey loses nothing but time, so nothing here ever raises.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from arq.connections import ArqRedis, create_pool
from arq.constants import expires_extra_ms, job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms, to_ms
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from domain.platform import tls

REFUNDS_QUEUE: Final = "estorno:refunds"
BATCH_QUEUE: Final = "estorno:batch"
# The jobs by name; what each does is in jobs/worker.
REFUND: Final = "refund"
NOTICE: Final = "notice"
RECONCILE: Final = "reconcile"
PREFLIGHT: Final = "preflight"
CERTIFY: Final = "certify"
HANDED_IN: Final = "handed_in"  # a report that somebody has brought
SOURCE: Final = "source"  # a server that is looked at for reports
INBOX: Final = "inbox"  # the watched folder
EXPORT: Final = "export"
DELIVER: Final = "deliver"  # what is due on an endpoint
DECISIONS: Final = "decisions"  # a sheet of them, row by row
SHOP: Final = "shop"  # a shop is looked at for what it has not told
SHOP_NOTICE: Final = "shop_notice"
SHOP_REFUND: Final = "shop_refund"  # to be worked out, or told to its shop
SHOP_CHECK: Final = "shop_check"
BATCH: Final = "batch"  # a sheet of refunds or payments, to be judged or worked off
TOKENS_CHANNEL: Final = "estorno:tokens"  # a token was revoked
DEFER_SECONDS_MAX: Final = 120.0  # what is due later is left to the sweep
_HEARD_SECONDS: Final = 10  # the list of what was rung for lives so long after the last ring, if no worker is there
_RING_SECONDS_MAX: Final = 1.0
_REST_SECONDS: Final = 5.0  # after a Valkey that did not answer in time: else each who rings would wait for it
# One command for all of it: a pipeline of four for each ring is most of what Valkey's client costs a request. A ring is
# what arq's own enqueue_job writes (no other job has this id, so nothing need be asked first), and a line in the list
# of what was rung.
_RING: Final = "ring"
WAKE: Final = "wake"
_TELL: Final = f"""
local at = 1
while ARGV[at] do
  if ARGV[at] == '{WAKE}' then
    redis.call('PUBLISH', ARGV[at + 1], '1')
    at = at + 2
  else
    redis.call('PSETEX', ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
    redis.call('ZADD', ARGV[at + 4], ARGV[at + 5], ARGV[at + 6])
    redis.call('RPUSH', ARGV[at + 7], ARGV[at + 5] .. ' ' .. ARGV[at + 6])
    redis.call('EXPIRE', ARGV[at + 7], ARGV[at + 8])
    at = at + 9
  end
end
"""
_log = structlog.get_logger()
_pool: ArqRedis | None = None
_said: list[Any] = []  # and not told yet: `_TELL`'s words
_telling: asyncio.Task[None] | None = None
_resting_until = 0.0  # zero: it answered the last time


def serialize(job: dict[str, Any]) -> bytes:
    """A job as JSON, as `deserialize` reads it."""
    return json.dumps(job, default=str).encode()


def deserialize(raw: bytes) -> dict[str, Any]:
    """What arq reads back. JSON only: a write to Valkey must not become code in a worker."""
    job: dict[str, Any] = json.loads(raw)
    return job


class BellError(RuntimeError):
    """Valkey cannot be reached at the start."""


async def connect(redis_url: str) -> ArqRedis:
    """Open the process's pool. Raises BellError with what to do."""
    global _pool, _resting_until, _telling
    _resting_until, _telling = 0.0, None
    settings = tls.arq(redis_url)
    settings.conn_retries = 3
    settings.retry_on_timeout = True
    try:
        _pool = await create_pool(settings, job_serializer=serialize, job_deserializer=deserialize)
    except (TimeoutError, RedisError, OSError) as error:
        place = f"{settings.host}:{settings.port}"
        raise BellError(f"Valkey at {place} cannot be reached ({error}); start it or correct REDIS_URL.") from error
    return _pool


async def close() -> None:
    """Close the process's pool; ringing does nothing afterwards."""
    global _pool, _telling
    pool, _pool, _telling = _pool, None, None
    _said.clear()
    if pool is not None:
        await pool.aclose(close_connection_pool=True)


async def ring(
    job: str, subject: UUID | str, *, queue: str = REFUNDS_QUEUE, seconds: float = 0, once_in: float | None = None
) -> None:
    """Ask a worker to look at `subject` in so many seconds. `once_in`: not again within about so many seconds."""
    if once_in is not None:
        await _ring_once(job, subject, queue, once_in)
        return
    now = timestamp_ms()
    job_id, score = uuid4().hex, now + to_ms(seconds)
    work = serialize_job(job, (str(subject),), {}, None, now, serializer=serialize)

    kept_ms = score - now + expires_extra_ms
    await _told(_RING, f"{job_key_prefix}{job_id}", kept_ms, work, queue, score, job_id, rung(queue), _HEARD_SECONDS)


async def _ring_once(job: str, subject: UUID | str, queue: str, once_in: float) -> None:
    job_id = f"{job}:{subject}:{int(time.time() / once_in)}"

    async def enqueue(pool: ArqRedis) -> None:
        await pool.enqueue_job(job, str(subject), _queue_name=queue, _job_id=job_id)

    await _unless_resting(enqueue)


async def waiting(queue: str = REFUNDS_QUEUE) -> int:
    """How many jobs of a queue are due and not done yet; zero where Valkey cannot tell."""
    counted = 0

    async def count(pool: ArqRedis) -> None:
        nonlocal counted
        counted = int(await pool.zcount(queue, "-inf", timestamp_ms()))

    await _unless_resting(count)
    return counted


async def wake(channel: str) -> None:
    """Tell live readers of `channel` to read their table again."""
    await _told(WAKE, channel)


async def _told(*words: str | bytes | int) -> None:
    """Say it to Valkey, in one command with all that is said in this turn of the loop."""
    global _telling
    if _pool is None or time.monotonic() < _resting_until:
        return
    if _telling is None:
        _telling = asyncio.create_task(_tell())
    _said.extend(words)
    await asyncio.shield(_telling)  # who is cancelled leaves the others' words alone


async def _tell() -> None:
    global _telling
    _telling = None  # what is said from now on goes into the next command
    said = _said[:]
    _said.clear()

    async def say(pool: ArqRedis) -> None:
        telling: Any = pool.eval(_TELL, 0, *said)
        await telling

    await _unless_resting(say)


async def _unless_resting(say: Callable[[ArqRedis], Awaitable[None]]) -> None:
    """Say it, unless Valkey hung a moment ago. After the rest one tries for all. Never raises."""
    global _resting_until
    now = time.monotonic()
    if _pool is None or now < _resting_until:
        return
    if _resting_until:
        _resting_until = now + _REST_SECONDS
    try:
        async with asyncio.timeout(_RING_SECONDS_MAX):
            await say(_pool)
        _resting_until = 0.0
    except (RedisError, OSError, TimeoutError) as error:
        hung = isinstance(error, TimeoutError | RedisTimeoutError)  # who is refused at once has waited for nothing
        _resting_until = now + _REST_SECONDS if hung else 0.0
        _log.warning("bell.lost", error=str(error))


def rung(queue: str) -> str:
    """The list from which one of the queue's workers takes each job: when it is due (milliseconds since 1970), its id.

    It is no promise: what nobody takes is in the queue, too.
    """
    return f"rung:{queue}"


def merchant_channel(merchant_id: UUID | str) -> str:
    """Where it is told that something of a merchant has changed."""
    return f"estorno:merchant:{merchant_id}"


def refund_channel(refund_id: UUID | str) -> str:
    """Where it is told that a refund has an event more."""
    return f"estorno:refund:{refund_id}"


def findings_channel(merchant_id: UUID | str) -> str:
    """Where it is told that a person has done something with a merchant's findings."""
    return f"estorno:findings:{merchant_id}"


def batch_channel(batch_id: UUID | str) -> str:
    """Where it is told that a sheet of refunds or payments is further than it was."""
    return f"estorno:batch:{batch_id}"


def run_channel(run_id: UUID | str) -> str:
    """Where it is told that a reconciliation's run is further than it was."""
    return f"estorno:run:{run_id}"
