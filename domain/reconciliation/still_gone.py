"""Money of nobody of which some came back under its name: what is still gone stays taken, by the lines in force.

What left and came back whole is booked as it is entered. Where only a part came back, or some left again, the sums of
the name say what is still gone: so much is booked as taken, and no more is refundable than that leaves.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.models import Connection, Payment
from domain.money import Money
from domain.payments import external, witnessed
from domain.platform.database import rows, transaction
from domain.pse.vocabulary import KnownRefund, Succeeded

_SAID: Final = "Reports tell how much of it is still gone: it is booked with that."
_OF_NOBODY: Final = "{0}.refund_id IS NULL AND NOT {0}.by_amount AND {0}.type = 'REFUND'"
_NAME: Final = "coalesce({0}.reference, {0}.pse_refund_reference)"
# Names of which this report tells, or the one before it told, that money left or came back; and some did come back.
# Each part of the union has an index of few rows.
_NAMES: Final = f"""WITH told AS (SELECT id FROM reports WHERE connection_id = $1 AND name = $2
    ORDER BY created_at DESC, id LIMIT 2)
  SELECT DISTINCT n.payment_id, {_NAME.format("n")} AS name FROM (
    SELECT l.* FROM told r JOIN settlement_lines l ON l.report_id = r.id AND l.effect = 'TAKEN'
    UNION ALL SELECT l.* FROM told r JOIN settlement_lines l ON l.report_id = r.id AND l.effect = 'TAKEN_BACK'
      AND l.voided_at IS NULL
    UNION ALL SELECT l.* FROM told r JOIN settlement_lines l ON l.report_id = r.id AND l.effect = 'TAKEN_BACK'
      AND l.voided_at IS NOT NULL) n
  WHERE {_OF_NOBODY.format("n")} AND (
    EXISTS (SELECT 1 FROM ledger_entries e WHERE e.payment_id = n.payment_id AND e.entry = 'TAKEN_BACK')
    OR EXISTS (SELECT 1 FROM settlement_lines l WHERE l.payment_id = n.payment_id AND l.effect = 'TAKEN_BACK'
      AND l.voided_at IS NULL AND {_OF_NOBODY.format("l")} AND {_NAME.format("l")} = {_NAME.format("n")}))
  ORDER BY 1, 2"""  # noqa: S608 - ours
# What the lines in force say of a name. What nothing tells to have left is not looked at here. Where no line proves yet
# that it came back, one that is read again does.
_TOLD: Final = f"""SELECT sum(l.amount) FILTER (WHERE l.effect = 'TAKEN')::bigint AS out,
    coalesce(sum(l.amount) FILTER (WHERE l.effect = 'TAKEN_BACK'), max(l.amount) FILTER (
      WHERE l.effect = 'NONE' AND l.state = 'RETURNED' AND r.repeat_since IS NOT NULL), 0)::bigint AS back,
    min(l.pse_refund_reference) AS pse_refund_reference, bool_or(l.by_bank) AS by_bank, min(l.kind) AS kind,
    min(l.booked_at) AS booked_at
  FROM settlement_lines l JOIN reports r ON r.id = l.report_id WHERE l.payment_id = $1 AND l.voided_at IS NULL
    AND {_OF_NOBODY.format("l")} AND {_NAME.format("l")} = $2
  HAVING count(*) FILTER (WHERE l.effect = 'TAKEN') > 0"""  # noqa: S608 - ours
_CAME_BACK: Final = f"""SELECT 1 AS one FROM settlement_lines l WHERE l.payment_id = $1 AND l.voided_at IS NULL
  AND l.effect = 'TAKEN_BACK' AND {_OF_NOBODY.format("l")} AND {_NAME.format("l")} = $2 LIMIT 1"""  # noqa: S608 - ours


async def agree(connection: Connection, report: str, cause: Cause) -> None:
    """Make the books say what the reports in force say of the names of this report. After it is stored; safe to
    repeat.
    """
    for row in await rows(_NAMES, connection.id, report):
        await _agree(row["payment_id"], row["name"], cause)


async def is_of_sums(payment: Payment, name: str) -> bool:
    """Whether lines in force tell that some of what has this name came back, so that `agree` books what is gone."""
    return bool(await rows(_CAME_BACK, payment.id, name))


async def _agree(payment_id: UUID, name: str, cause: Cause) -> None:
    async with transaction():
        payment = await Payment.filter(id=payment_id).select_for_update(no_key=True).get()
        for told in await rows(_TOLD, payment_id, name):
            called = external.name_of(payment, name)
            gone = await _gone(called, told["out"], told["back"])
            await external.restate_as(payment, _known(payment, name, told, gone), _SAID, cause)


async def _gone(called: str, out: int, back: int) -> int:
    """How much is gone: the PSE itself may have told more than the lines that left, or came back. Of what came back as
    the lines say that it left, nothing is.
    """
    if out == back:
        return 0
    return max(0, await witnessed.more(called, out) - await witnessed.more(f"{called}/back", back))


def _known(payment: Payment, name: str, told: Mapping[str, Any], gone: int) -> KnownRefund:
    return KnownRefund(
        reference=name,
        pse_refund_reference=told["pse_refund_reference"],
        amount=Money(gone, payment.currency),
        outcome=Succeeded(told["pse_refund_reference"]),
        by_bank=told["by_bank"],
        kind=told["kind"] or "",
        requested_at=None,
        settled_at=told["booked_at"],
    )
