"""The other PSEs on the demo day: the same merchant's account at each, a handful of refunds, and the same proof."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from rich.table import Table

from domain.access.tokens import Role
from domain.books import ledger
from domain.connections import connections
from domain.connections.connections import NewConnection
from domain.models import Connection, Payment, ReconciliationRun
from domain.models.ledger import Account
from domain.pse import registry
from domain.reconciliation.nights import DONE
from jobs import reconciliation
from jobs.demo import invented, second_person
from jobs.demo.client import REGISTER, Client
from jobs.demo.course import Day
from jobs.demo.second_person import Waited
from jobs.wire.sender import Sender

_KEY: Final = "demo"
_AMOUNT, _PART = 10_000, 4_000  # minor units
_WAIT_SECONDS_MAX: Final = 60.0
_STATUS: Final = "query Status($by: RefundBy!) { refund(by: $by) { status reference pseReference } }"
_SIGNS: Final = {"CAPTURE": 1, "REFUND": -1, "RETURN": 1, "MED": -1}
_RETURNED: Final = "returned"  # paid like the others, and given back once we know that it was paid
# Each payment's mood at the PSE, and how its refund must end.
_PLAN: Final = (
    ("ok", None, "SUCCEEDED"),
    ("pending", 1.0, "SUCCEEDED"),
    ("lost_answer", None, "SUCCEEDED"),
    ("applied_then_500", None, "SUCCEEDED"),
    ("refused", None, "FAILED"),
    (_RETURNED, None, "RETURNED"),
)


@dataclass(slots=True)
class DemoAccount:
    """The merchant's account at one PSE."""

    pse: str
    account: dict[str, Any]
    connection: Connection
    endings: list[tuple[str, str]] = field(default_factory=list)  # mood, and the state it ended in
    waited: list[Waited] = field(default_factory=list)


async def play(day: Day) -> list[DemoAccount]:
    """Connect to every PSE but Pix, refund through the public API, and see how each refund ends."""
    accounts = (await day.http.get(f"{day.stage.addresses.sandbox_url}/_admin/accounts")).json()
    names = [name for name in registry.connectors() if name != "pix"]
    places = [await _connect(day, name, accounts[name]) for name in names]
    at_stripe = next(place.connection.id for place in places if place.pse == "stripe")
    await asyncio.gather(invented.play(day, at_stripe), *(_refund_all(day, place) for place in places))
    table = Table("PSE", *(mood for mood, _, _ in _PLAN), title="One merchant, and its account at each of the others")
    for place in places:
        ended = dict(place.endings)
        table.add_row(place.pse, *(ended.get(mood, "?") for mood, _, _ in _PLAN))
        day.expect(
            all(ended.get(mood) == wanted for mood, _, wanted in _PLAN), f"{place.pse}: every refund ends as it must"
        )
    day.console.print(table)
    return places


async def _connect(day: Day, pse: str, account: dict[str, Any]) -> DemoAccount:
    sandbox = day.stage.addresses.sandbox_url
    new = NewConnection(
        pse=pse,
        name=f"{pse}-sandbox",
        base_url=f"{sandbox}{account['path']}",
        token_url=f"{sandbox}{account['token_path']}" if account["token_path"] else None,
        report_url=f"{sandbox}{account['report_path']}" if account["report_path"] else None,
        client_id=account["client_id"],
        secrets=account["secrets"],
        default_store_id=day.stage.connection.default_store_id,
    )
    connection = await connections.create(day.stage.merchant.id, new, day.settings.secret_key)
    url = f"{day.stage.addresses.api_url}/webhooks/{connection.id}{account['hook']}"
    await day.sandbox("webhooks", {"key": _KEY, "url": url}, pse=pse)
    return DemoAccount(pse, account, connection)


async def _refund_all(day: Day, place: DemoAccount) -> None:
    now = datetime.now(UTC)
    wanted = [
        {
            "amount": _AMOUNT,
            "key": _KEY,
            "order": f"demo-{place.pse}-{number}",
            "method": place.account["method"],
            "currency": place.account["currency"],
            "captured_at": now.isoformat(),
            "moods": [] if mood == _RETURNED else [{"name": mood, **({"seconds": seconds} if seconds else {})}],
        }
        for number, (mood, seconds, _) in enumerate(_PLAN)
    ]
    made = (await day.sandbox("payments", {"payments": wanted}, pse=place.pse))["payments"]
    client = day.client(Role.FRONTEND)
    plan = zip(made, wanted, _PLAN, strict=True)
    await asyncio.gather(*(_refund(day, client, place, reference, facts, step) for reference, facts, step in plan))


async def _refund(
    day: Day,
    client: Client,
    place: DemoAccount,
    reference: str,
    facts: dict[str, Any],
    step: tuple[str, float | None, str],
) -> None:
    mood, _, ends = step
    registered = await client.ask(
        REGISTER,
        input={
            "connectionId": str(place.connection.id),
            "storeCode": "sp",
            "pseReference": reference,
            "orderReference": facts["order"],
            "method": facts["method"],
            "amount": {"minorUnits": str(_AMOUNT), "currency": facts["currency"]},
            "capturedAt": facts["captured_at"],
            "idempotencyKey": str(uuid4()),
        },
    )
    payment = registered["paymentRegister"]["payment"]["id"]
    told = await client.refund(payment, _PART, currency=facts["currency"])
    if told["refund"] is None:
        place.endings.append((mood, str(told["errors"])))
        return
    refund = told["refund"]["id"]
    # Where nobody but the client knows of the payment, and its PSE cannot be asked, the first refund waits.
    if (waited := await second_person.say_yes(day, refund)) is not None:
        place.waited.append(waited)
    if mood == _RETURNED:
        await _ending(client, refund, "SUCCEEDED")
        known = (await client.ask(_STATUS, by={"id": refund}))["refund"]
        named = known["pseReference"] or known["reference"]
        await day.sandbox("give-back", {"payment": reference, "refund": named}, pse=place.pse)
    place.endings.append((mood, await _ending(client, refund, ends)))


async def _ending(client: Client, refund: str, wanted: str) -> str:
    """The state it ends in: the wanted one, or where it was when time was up."""
    status = ""
    for _ in range(int(_WAIT_SECONDS_MAX / 0.2)):
        status = str((await client.ask(_STATUS, by={"id": refund}))["refund"]["status"])
        if status == wanted:
            return status
        await asyncio.sleep(0.2)
    return status


async def night(day: Day, places: list[DemoAccount]) -> None:
    """Reconcile today at each PSE."""
    today = datetime.now(UTC).astimezone(ZoneInfo(day.stage.merchant.zone)).date()
    sender = Sender(day.settings.secret_key, day.settings.send_limit_seconds)
    try:
        for place in places:
            run: ReconciliationRun = await reconciliation.run(place.connection.id, today, sender)
            said = run.error or run.manifest["completeness"]
            day.expect(run.state in DONE, f"{place.pse}: business date {today} is reconciled ({said})")
    finally:
        await sender.close()


async def compare(day: Day, places: Sequence[DemoAccount]) -> None:
    """Our books against each PSE's own log."""
    for place in places:
        log = (await day.http.get(f"{day.stage.addresses.sandbox_url}/_admin/{place.pse}/log")).json()
        left: dict[str, int] = {}
        for row in log["movements"]:
            taken = 0 if row["kind"] == "CAPTURE" else -_SIGNS[row["kind"]] * row["amount"]
            left[row["payment"]] = left.get(row["payment"], 0) + taken
        ours = {
            row.pse_reference: row.refunded
            async for row in Payment.filter(connection_id=place.connection.id, withdrawn_at=None)
        }
        day.expect(left == ours, f"{place.pse}: all {len(left)} payments agree with its log, to the cent")
        await _compare_balances(day, place, log)


async def _compare_balances(day: Day, place: DemoAccount, log: dict[str, Any]) -> None:
    """After its report PSE_BALANCE is what the PSE has after fees and payouts; before it all of it is only claimed."""
    balances = await ledger.balances(day.stage.merchant.id, connection_id=place.connection.id)

    def ours(account: Account) -> dict[str, int]:
        return {row.currency: row.balance for row in balances if row.account is account and row.balance}

    claimed: dict[str, int] = {}
    for row in log["movements"]:
        claimed[row["currency"]] = claimed.get(row["currency"], 0) + _SIGNS[row["kind"]] * row["amount"]
    held, paid_out = ours(Account.PSE_BALANCE), ours(Account.PAYOUTS_IN_TRANSIT)
    if held or paid_out:
        theirs = [{currency: units for currency, units in log[name].items() if units} for name in ("held", "paid_out")]
        day.expect([held, paid_out] == theirs, f"{place.pse}: PSE_BALANCE is what it has, after fees and payouts")
    else:
        claims = {currency: units for currency, units in claimed.items() if units}
        day.expect(ours(Account.PSE_CLEARING) == claims, f"{place.pse}: PSE_CLEARING is what its log says")
