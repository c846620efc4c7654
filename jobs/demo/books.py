"""Our books against the sandbox's own log, payment by payment and in sum: equal to the cent, or the day has failed."""

from collections import defaultdict
from typing import Any

from rich.table import Table

from domain.books import ledger
from domain.models import Payment
from domain.models.ledger import Account
from domain.money import Money
from jobs.demo.course import Day


async def oracle(day: Day) -> dict[str, Any]:
    """The log that the sandbox keeps at its own layer."""
    answer = await day.http.get(f"{day.stage.addresses.sandbox_url}/_admin/pix/log")
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


async def compare(day: Day) -> None:
    """Compare and print; what differs is a broken promise."""
    told = await oracle(day)
    movements = told["movements"]
    theirs = _by_payment(movements)
    ours = {
        payment.pse_reference: {
            "CAPTURE": payment.captured,
            "REFUND": payment.refunded,
            "MED": payment.taken_by_bank,
        }
        async for payment in Payment.filter(connection_id=day.stage.connection.id)
    }
    table = Table("", "Sandbox's log", "Our books", title="In sum")
    for kind, name in (("CAPTURE", "captured"), ("REFUND", "refunded, less returned"), ("MED", "taken by the bank")):
        one, other = sum(row[kind] for row in theirs.values()), sum(row[kind] for row in ours.values())
        table.add_row(name, str(Money(one, "BRL")), str(Money(other, "BRL")), style="" if one == other else "bold red")
    left, right = sum(told["held"].values()), await _held(day)
    table.add_row("held at the PSE", str(Money(left, "BRL")), str(Money(right, "BRL")))
    day.console.print(table)
    differing = [reference for reference in theirs.keys() | ours.keys() if theirs.get(reference) != ours.get(reference)]
    for reference in differing:
        day.console.print(f"    {reference}: log {theirs.get(reference)}, books {ours.get(reference)}")
    day.expect(not differing, f"all {len(theirs)} payments agree with the log, to the cent")
    day.expect(left == right, "PSE_BALANCE and PSE_CLEARING together are what the log says")


def _by_payment(movements: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"CAPTURE": 0, "REFUND": 0, "MED": 0})
    for row in movements:
        kind = "REFUND" if row["kind"] == "RETURN" else row["kind"]
        found[row["payment"]][kind] += -row["amount"] if row["kind"] == "RETURN" else row["amount"]
    return dict(found)


async def _held(day: Day) -> int:
    balances = await ledger.balances(day.stage.merchant.id, connection_id=day.stage.connection.id)
    return sum(row.balance for row in balances if row.account in (Account.PSE_CLEARING, Account.PSE_BALANCE))
