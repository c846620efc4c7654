"""What must hold: after every step, and at the end when all is quiet. The PSE's log of money is the oracle."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from domain.invariants import INVARIANTS
from domain.models.refunds import RELEASED, State
from domain.refunds.request import Requested
from tests.trials.simulation.life import Life

# Nobody works while the clock is moved, so lateness is the simulation's own doing until the end.
_AFTER_EACH_STEP: Final = {
    name: query for name, query in INVARIANTS.items() if not name.startswith(("late", "after closing"))
}
# One statement: the same queries as invariants.check, on one snapshot.
_BROKEN: Final = " UNION ALL ".join(
    f"SELECT '{name.partition(':')[0]}' AS name, detail FROM ({query}) AS broken"  # noqa: S608 - our own
    for name, query in _AFTER_EACH_STEP.items()
)
_TAKEN: Final = """SELECT p.pse_reference AS payment, p.taken_by_bank + p.charged_back AS taken, p.captured,
  (SELECT coalesce(sum(r.amount), 0) FROM refunds r
    WHERE r.payment_id = p.id AND r.paid_by_bank_transfer AND r.state = 'SUCCEEDED') AS by_transfer,
  (SELECT count(*) FROM findings f WHERE f.payment_id = p.id AND f.kind NOT IN ('VAT_REVERSAL_NEEDED',
    'MISSING_IN_REPORT', 'DOUBT_UNRESOLVED', 'PENDING_TOO_LONG', 'NOT_SENT')) AS findings FROM payments p"""
_CLEARING: Final = """SELECT coalesce(sum(CASE WHEN debit = 'PSE_CLEARING' THEN amount ELSE -amount END), 0)
  FROM ledger_entries WHERE 'PSE_CLEARING' IN (debit, credit)"""
_REFUNDS: Final = """SELECT r.reference, r.state, r.amount, r.needs_person_since, r.due_at,
  EXISTS (SELECT 1 FROM manual_settlements m WHERE m.refund_id = r.id) AS by_hand, p.pse_reference AS payment,
  p.taken_by_bank, p.charged_back, p.captured, p.reserved, p.refunded, p.reserved + p.refunded <= p.captured AS within
FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id"""
# What was booked as taken under the name of the refund that a retry repeats, before the retry was sent.
_RETRIED: Final = """SELECT r.reference FROM refunds r JOIN refunds o ON o.id = r.retry_of_id
JOIN attempts a ON a.refund_id = r.id JOIN ledger_entries t ON t.payment_id = r.payment_id AND t.entry = 'TAKEN'
  AND t.booked_at < a.sent_at AND strpos(t.cause, o.reference) > 0
WHERE NOT EXISTS (SELECT 1 FROM ledger_entries b WHERE b.entry = 'TAKEN_BACK' AND b.booked_at <= a.sent_at
  AND starts_with(b.cause, t.cause))"""

EVENTS: Final = "SELECT previous_state, state FROM events"

Row = Mapping[str, Any]


class Violation(AssertionError):
    """The simulation found a broken promise."""


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise Violation(what)


async def check(life: Life) -> None:
    """After every step. Raises Violation."""
    broken = await life.stage.hand.fetch(_BROKEN)
    _must(not broken, "; ".join(f"{row['name']}: {row['detail']}" for row in broken))
    found = await life.stage.hand.fetch(_REFUNDS)
    for row in found:
        _must(row["within"], f"Payment {row['payment']}: {row['reserved']} + {row['refunded']} > {row['captured']}.")
    for row in await life.stage.hand.fetch(_RETRIED):
        _must(False, f"Retry {row['reference']} was sent for a refund the money of which had left.")
    _never_twice(life)
    _only_ours(life, {row["reference"] for row in found})
    for row in await life.stage.hand.fetch(_TAKEN):
        _taken_is_possible(life, row)
    for row in found:
        if row["reference"] is not None:
            _says_what_is_true(life, row)


def _never_twice(life: Life) -> None:
    oracle = life.pse.oracle
    for reference, times in oracle.times.items():
        _must(times == 1, f"Refund {reference} was paid {times} times.")
    for captured in life.captured:
        ours = {one.reference for one in life.pse.held if one.payment == captured.reference and not one.by_bank}
        paid = sum(oracle.net(reference) for reference in ours - life.pse.excused)
        _must(paid <= captured.amount, f"{paid} of {captured.amount} was paid for {captured.reference}.")


def _taken_is_possible(life: Life, row: Row) -> None:
    """What the books call taken has at least left the payment, or a report still says so; and what a night was told by
    name is booked.
    """
    payment, taken = row["payment"], row["taken"]
    left = sum(one.amount for one in life.pse.held if one.payment == payment and one.settled_at is not None)
    most = left + life.outside.mistaken.get(payment, 0)
    _must(taken <= most, f"{taken} of {payment} is booked as taken, only {most} ever left it.")
    ours = {one.reference for one in life.pse.held if one.payment == payment and not one.by_bank}
    paid = sum(life.pse.oracle.net(reference) for reference in ours - life.pse.excused) + row["by_transfer"]
    _must(paid <= row["captured"], f"{paid} of {row['captured']} was paid for {payment}, by bank transfer too.")


def _only_ours(life: Life, known: set[str | None]) -> None:
    for held in life.pse.held:
        _must(
            held.by_bank or held.reference in known, f"The PSE has {held.reference}, which no refund of ours asked for."
        )


def _says_what_is_true(life: Life, row: Row) -> None:
    oracle, reference, state = life.pse.oracle, row["reference"], State(row["state"])
    if state is State.SUCCEEDED:
        _must(row["by_hand"] or reference in oracle.out, f"Refund {reference} is SUCCEEDED, and nothing was paid.")
        paid = oracle.out.get(reference, 0)
        _must(row["by_hand"] or paid == row["amount"], f"Refund {reference} of {row['amount']} was paid with {paid}.")
    if row["by_hand"]:
        _must(state is State.SUCCEEDED, f"Refund {reference} was paid by hand, and is {state}.")
        _must(reference not in oracle.out, f"Refund {reference} was paid by hand, and by the PSE too.")
    if state is State.RETURNED:
        _must(reference in oracle.back, f"Refund {reference} is RETURNED, and nothing came back.")
    if state in RELEASED and reference not in life.pse.excused:
        # The PSE keeps its word here, and people are honest: released money must not be on its way.
        _must(oracle.net(reference) == 0, f"Refund {reference} is {state}, and the PSE has paid it.")


async def check_quiet(life: Life) -> None:
    """At the end, with every fault over and every report in. Raises Violation."""
    await check(life)
    found = await life.stage.hand.fetch(_REFUNDS)
    for row in found:
        if row["reference"] is not None and not _unsaid(life, row):
            state = State(row["state"])
            _must(state in RELEASED | {State.SUCCEEDED}, f"Refund {row['reference']} is still {state}.")
            paid = row["amount"] if row["by_hand"] else life.pse.oracle.net(row["reference"])
            _must(
                paid == (row["amount"] if state is State.SUCCEEDED else 0), f"{row['reference']}: {state}, paid {paid}."
            )
        taken = life.pse.bank_took(row["payment"]) + sum(
            life.pse.oracle.net(one["reference"])
            for one in found
            if one["payment"] == row["payment"] and _unsaid(life, one)
        )
        _must(
            row["taken_by_bank"] == taken,
            f"Of {row['payment']} others took {taken}, the books say {row['taken_by_bank']}.",
        )
        charged = life.pse.charged_back(row["payment"])
        _must(
            row["charged_back"] == charged,
            f"Of {row['payment']} {charged} is charged back, the books say {row['charged_back']}.",
        )
    await _balance_is_the_oracles(life)
    for row in await life.stage.hand.fetch(_TAKEN):
        _a_person_is_told(life, row)
    late = await life.stage.hand.fetch(INVARIANTS[next(name for name in INVARIANTS if name.startswith("late"))])
    _must(not late, "; ".join(row["detail"] for row in late))


def _unsaid(life: Life, row: Row) -> bool:
    """Whether the PSE paid what it had refused before: that money is in SUSPENSE, not the refund's."""
    return row["reference"] in life.pse.excused and State(row["state"]) in RELEASED


# What valid lines have moved in each account of the PSE's.
_HELD = """SELECT account, sum(moved) AS held FROM ledger_entries CROSS JOIN LATERAL
    (VALUES (debit, ledger_entries.amount), (credit, -ledger_entries.amount)) AS side (account, moved)
  WHERE entry LIKE 'PROVE_%' AND account IN ('PSE_BALANCE', 'FEES', 'SUSPENSE') GROUP BY 1"""
_TOLD_FEES = """SELECT coalesce(sum(CASE WHEN type = 'FEE' THEN amount ELSE -settled_fee * 100 END), 0)::bigint
  FROM settlement_lines WHERE voided_at IS NULL AND booked_as <> 'NONE'"""


async def _balance_is_the_oracles(life: Life) -> None:
    held = {row["account"]: int(row["held"]) for row in await life.stage.hand.fetch(_HELD)}
    oracle = life.pse.oracle
    left = sum(one.amount for one in life.captured) - sum(oracle.net(reference) for reference in oracle.out)
    left -= sum(one.amount for one in life.outside.payouts)
    balance, fees, waits = (held.get(account, 0) for account in ("PSE_BALANCE", "FEES", "SUSPENSE"))
    twice = any(one.lines > 1 for one in life.pse.held)
    _must(waits == 0 or twice, f"{waits} waits in SUSPENSE, and no file has told anything twice.")
    _must(
        balance + fees + waits == left, f"PSE_BALANCE is {balance}, after fees of {fees}; the PSE has {left} of ours."
    )
    told = await life.stage.hand.fetchval(_TOLD_FEES)
    _must(fees == told, f"Fees of {fees} are booked, the reports tell {told}.")
    clearing = await life.stage.hand.fetchval(_CLEARING)
    _must(clearing == 0, f"PSE_CLEARING is {int(clearing)} after every report has come in.")


def _a_person_is_told(life: Life, row: Row) -> None:
    went = [one for one in life.outside.went() if one.payment == row["payment"]]
    wanted = bool(went) + any(one.lines > 1 for one in went)
    _must(row["findings"] >= wanted, f"{row['findings']} findings of {row['payment']}, where {wanted} are due.")


def same_answer(one: object, other: object) -> None:
    """The same key twice: both times the same refund, or both times a refusal. Raises Violation."""
    if isinstance(one, Requested):
        _must(isinstance(other, Requested) and one.refund.id == other.refund.id, "The same key made two refunds.")


def moves_of(rows: Iterable[Row]) -> set[tuple[State | None, State]]:
    """The moves that events tell of."""
    return {
        (State(row["previous_state"]) if row["previous_state"] else None, State(row["state"]))
        for row in rows
        if row["previous_state"] != row["state"]
    }
