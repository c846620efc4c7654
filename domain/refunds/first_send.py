"""The first send of a plain order: seen with one read and claimed with one statement, if nothing has changed meanwhile.

What needs more than the refund and its payment to decide (a retry, a destination, a PSE that can only list, a send that
may have arrived) is decided under the refund's lock instead (next_step).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cause import WORKER, Cause
from domain.models import Connection, Payment, Refund
from domain.models.refunds import State
from domain.payments import confirmations
from domain.platform.crash import crash_here
from domain.platform.database import rows
from domain.platform.joined import columns, model_of
from domain.pse.capabilities import Capability, LookUp, Route
from domain.pse.registry import capability
from domain.refunds import held, moves
from domain.refunds.work import Send, parts_of

_SEEN: Final = """
SELECT {refund}, {payment}, {connection}, now() AS now, sent.number, sent.arrived FROM refunds r
JOIN payments p ON p.id = r.payment_id JOIN connections c ON c.id = r.connection_id
CROSS JOIN LATERAL (SELECT coalesce(max(number), 0) AS number,
  count(*) FILTER (WHERE outcome IS DISTINCT FROM 'UNSENT') AS arrived FROM attempts WHERE refund_id = r.id) AS sent
WHERE r.id = $1"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A refund and what belongs to it, as one read shows it; nothing is locked. `now`: the database's clock.

    `number`: of its newest attempt, 0 for none. `arrived`: how many of its sends may have reached the PSE.
    """

    refund: Refund
    payment: Payment
    connection: Connection
    able: Capability
    now: datetime
    number: int
    arrived: int


async def look(refund_id: UUID) -> Seen | None:
    """The refund and what belongs to it; None: there is no such refund."""
    names = {"refund": columns(Refund, "r"), "payment": columns(Payment, "p"), "connection": columns(Connection, "c")}
    found = await rows(_SEEN.format(**names), refund_id)
    if not found:
        return None
    (row,) = found
    payment, connection = model_of(Payment, row, "p"), model_of(Connection, row, "c")
    able = capability(connection.pse, payment.method)
    return Seen(model_of(Refund, row, "r"), payment, connection, able, row["now"], row["number"], row["arrived"])


async def claim(seen: Seen, *, lease_seconds: float, send_before: float) -> Send | None:
    """Claim the refund for its first send; None, and nothing is written, where the lock must decide.

    `send_before`: of `time.monotonic()`, past which the order is not sent.
    """
    crash_here("take.seen")
    if not await _is_plain(seen):
        return None
    number = seen.number + 1
    cause = Cause(seen.refund.request_id, WORKER)
    if not await moves.send_if_unchanged(seen.refund, seen.payment, cause, number, lease_seconds):
        return None
    parts = parts_of(seen.refund, seen.payment, seen.connection, seen.able, number, cause)
    return Send(**parts, send_before=send_before)


async def _is_plain(seen: Seen) -> bool:
    """Whether all that decides about the send is on the rows that were seen, and lets it go."""
    refund, able = seen.refund, seen.able
    if refund.state is not State.REQUESTED or refund.retry_of_id is not None or seen.arrived:
        return False
    if able.route is not Route.ORIGINAL or able.look_up is LookUp.BY_LISTING:
        return False
    if seen.payment.contradicted_at is not None or confirmations.is_open(seen.payment, able):
        return False
    in_time = able.window is None or seen.now <= seen.payment.captured_at + able.window
    return in_time and await held.why(refund, seen.payment) is None
