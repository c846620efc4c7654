"""Money of nobody that a report told to have come back, and that no valid one tells so any more: it is gone after all.

It is booked as taken again, so that it is not refunded once more, and a person is told. What the PSE itself said came
back has come back.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Payment
from domain.money import Money
from domain.payments import external, witnessed
from domain.platform.database import execute, rows
from domain.reconciliation import told_lines

_BACK: Final = "/back"
_OF_NAME: Final = f"{FindingKind.MISSING_IN_LEDGER}/"  # begins the finding's fingerprint, as in external
_BACK_AGAIN: Final = "It is booked as taken no longer."
# The nameless of one amount stand in for each other: where none of them stands, this one does not.
_AGAIN_BACK: Final = f"""SELECT f.id, $3::text AS said FROM findings f
  WHERE f.merchant_id = $1 AND f.connection_id = $2 AND {findings.MAY_END} AND f.kind = 'MISSING_IN_LEDGER'
    AND f.fingerprint = $4 || (f.detail ->> 'booked') AND (EXISTS (SELECT 1 FROM ledger_entries b
      WHERE b.cause IN (f.detail ->> 'booked' || '/back', f.detail ->> 'booked' || '/ours'))
    OR (starts_with(f.detail ->> 'reference', $5) AND 0 >= (
      SELECT count(*) FILTER (WHERE e.entry = 'TAKEN') - count(*) FILTER (WHERE e.entry = 'TAKEN_BACK')
      FROM ledger_entries e WHERE e.payment_id = f.payment_id AND e.amount = f.amount)))"""  # noqa: S608 - ours
# What only reports told to have come back of a payment, and under which name; the nameless by their amount.
_BACKS: Final = """SELECT b.cause, b.amount, split_part(left(b.cause, -5), $2, 1) AS name,
    starts_with(b.cause, $3) AS by_amount FROM ledger_entries b
  WHERE b.payment_id = $1 AND b.entry = 'TAKEN_BACK' AND right(b.cause, 5) = '/back' AND starts_with(b.request_id, $4)
  ORDER BY b.id"""
# How often the nameless came back of so much, beside what was taken again.
_NAMELESS_BACKS: Final = """SELECT count(*) FILTER (WHERE entry = 'TAKEN_BACK' AND right(cause, 5) = '/back')
    - count(*) FILTER (WHERE entry = 'TAKEN' AND starts_with(request_id, $4)) AS times FROM ledger_entries
  WHERE payment_id = $1 AND amount = $2 AND starts_with(cause, $3)"""
# What stands as taken of so much under the names of nameless lines; what was taken again comes last.
_NAMELESS_TAKEN: Final = """SELECT split_part(t.cause, $4, 1) AS name FROM ledger_entries t
  WHERE t.payment_id = $1 AND t.amount = $2 AND t.entry = 'TAKEN' AND starts_with(t.cause, $3)
    AND NOT EXISTS (SELECT 1 FROM ledger_entries b
      WHERE b.cause = ANY(ARRAY[t.cause || '/back', t.cause || '/ours', t.cause || '/void']))
  ORDER BY starts_with(t.request_id, $5), t.id"""


async def of_report(report_id: UUID) -> set[UUID]:
    """The payments of which a line of the report told that money came back."""
    found = await rows(
        "SELECT DISTINCT payment_id FROM settlement_lines WHERE report_id = $1 AND type = 'REFUND' "
        "  AND state = ANY($2) AND payment_id IS NOT NULL",
        report_id,
        list(told_lines.BACK),
    )
    return {row["payment_id"] for row in found}


async def booked_by(request_ids: Sequence[str]) -> set[UUID]:
    """The payments of which one of these requests has booked that money came back."""
    found = await rows(
        "SELECT DISTINCT payment_id FROM ledger_entries WHERE request_id = ANY($1) AND entry = 'TAKEN_BACK'",
        list(request_ids),
    )
    return {row["payment_id"] for row in found}


async def take_again(payment: Payment, cause: Cause) -> list[tuple[str, int, bool]]:
    """Book as taken again what no valid line tells to have come back. Inside the transaction that locks the payment.

    Gives what may have to be given back now, because no line tells either that it had left: names (external.name_of),
    amounts in minor units, whether a nameless line told of it. Safe to repeat.
    """
    told = await told_lines.told(payment, told_lines.BACK)
    names = {external.name_of(payment, told_lines.name(line)) for line in told}
    nameless = external.name_of(payment, external.BY_AMOUNT)
    doubtful: list[tuple[str, int, bool]] = []
    for row in await rows(_BACKS, payment.id, external.AGAIN, nameless, external.BY_REPORT):
        name, amount = row["name"], row["amount"]
        if name in names or await _settled(name, row["cause"]):
            continue
        if row["by_amount"] and not await _too_many(payment, name, amount, told):
            continue
        await external.take_again(payment, name, amount, cause)
        await findings.open_finding(_gone_after_all(payment, name, await external.current(name), amount))
        doubtful += await _standing(payment, amount) if row["by_amount"] else [(name, amount, False)]
    return doubtful


async def came_back_again(connection: Connection) -> None:
    """Close the findings of what was gone after all and has come back since, or turned out to be ours."""
    of = (connection.merchant_id, connection.id)
    await execute(findings.closing(_AGAIN_BACK), *of, _BACK_AGAIN, _OF_NAME, external.BY_AMOUNT)


def _gone_after_all(payment: Payment, name: str, now: str, amount: int) -> Found:
    said, called = Money(amount, payment.currency), name.removeprefix(external.name_of(payment, ""))
    return Found(
        kind=FindingKind.MISSING_IN_LEDGER,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=f"{_OF_NAME}{now}",
        amount=said,
        explanation=(
            f"A report told that {said} of payment {payment.pse_reference} came back ({called}), and no report tells "
            "it any longer: the money is gone after all, and is booked as taken again."
        ),
        payment_id=payment.id,
        detail={"reference": called, "booked": now},
    )


async def _settled(name: str, booked_as: str) -> bool:
    """Whether it was taken again already, or the PSE itself says that it came back."""
    return await external.current(name) + _BACK != booked_as or await witnessed.has(name + _BACK)


async def _too_many(payment: Payment, name: str, amount: int, told: Sequence[Mapping[str, Any]]) -> bool:
    """Whether more of so much came back in the books than is told: a nameless line may be called otherwise now.

    What a line told that stands, under that name, may have gone back to another line's name: it has as long as no more
    is told to have left than stands.
    """
    nameless = external.name_of(payment, external.BY_AMOUNT)
    (booked,) = await rows(_NAMELESS_BACKS, payment.id, amount, nameless, external.KEPT)
    back = told_lines.nobodys([line for line in told if line["state"] == "RETURNED"], amount)
    lines = await told_lines.told(payment)
    named = any(external.name_of(payment, told_lines.name(line)) == name for line in lines)
    if booked["times"] > back and not named:
        return True
    left = await told_lines.wanted(payment, lines, amount)
    return await external.standing(payment, amount) < left - back


async def _standing(payment: Payment, amount: int) -> list[tuple[str, int, bool]]:
    nameless = external.name_of(payment, external.BY_AMOUNT)
    found = await rows(_NAMELESS_TAKEN, payment.id, amount, nameless, external.AGAIN, external.KEPT)
    return [(row["name"], amount, True) for row in found]
