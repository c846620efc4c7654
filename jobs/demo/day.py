"""The demo day itself: what a frontend team, a support desk and accounting do, and whether it came out as it must."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from rich.table import Column, Table

from domain import invariants
from domain.access.tokens import Role
from domain.models import ReconciliationRun
from jobs import reconciliation
from jobs.demo import books, handed, morning, news, others, revoked, second_person, sheet, shop
from jobs.demo.client import BALANCES, FINDINGS, REFUND, REGISTER, Client
from jobs.demo.course import Day
from jobs.demo.others import DemoAccount
from jobs.demo.stage import PAYMENTS, register_listed
from jobs.wire.sender import Sender

_FOLLOW_SECONDS_MAX: Final = 40.0
_VAT_PERCENT: Final = 18
# A machine of one's own has no address that a PSE could reach: the preflight says so.
EXPECTED_FINDINGS: Final = {"BANK_INITIATED", "PREFLIGHT_FAILED", "RETURNED", "VAT_REVERSAL_NEEDED"}


async def play(day: Day, *, tamper: bool) -> bool:
    """Play it; True when everything came out as it must."""
    say = day.console.rule
    say("[bold]Opening: a merchant, its people, and an account at a PSE")
    for holds, promise in day.stage.promises:
        day.expect(holds, promise)
    await revoked.play(day)
    await news.begin(day)
    say("[bold]Morning: captured payments are registered")
    listed = await _register(day)
    say("[bold]Day: refunds through the public GraphQL API")
    await _refund_all(day, listed)
    await second_person.play(day)
    await shop.play(day)
    await sheet.play(day)
    places = await others.play(day)
    await news.end(day)
    say("[bold]Night: reconciliation")
    await others.night(day, places)
    await handed.play(day, places)
    await _night(day)
    say("[bold]Next morning: accounting")
    await morning.play(day)
    say("[bold]Proof: our books against the sandbox's own log")
    await _prove(day, places)
    if tamper:
        await prove_tampered(day, places)
    return not day.broken


async def prove_tampered(day: Day, places: Sequence[DemoAccount]) -> None:
    """Change one number in the sandbox's log, and prove again: a proof that cannot fail proves nothing."""
    await day.sandbox("tamper", {})
    day.console.rule("[bold]One number in the sandbox's log was changed: the same must fail now")
    await _prove(day, places)


async def _prove(day: Day, places: Sequence[DemoAccount]) -> None:
    """Compare, and say what has come of the whole day."""
    await books.compare(day)
    await others.compare(day, places)
    for promise in day.broken:
        day.console.print(f"[bold red]Broken:[/] {promise}")
    if day.broken:
        day.console.print("[bold red]The demo day did not come out as it must; see above.")
    else:
        day.console.print("[bold green]The demo day came out as it must: our books and the sandbox's log are equal.")


async def _register(day: Day) -> list[dict[str, Any]]:
    client = day.client(Role.FRONTEND)
    log = await books.oracle(day)
    taxed = [movement for movement in log["movements"] if movement["kind"] == "CAPTURE"][4:8]
    for movement in taxed:
        await _register_with_tax(day, client, movement)
    new = await register_listed(day.stage, day.settings)
    listed = await client.payments()
    day.expect(len(listed) == PAYMENTS, f"{PAYMENTS} payments in two stores are known ({new} from the PSE's listing)")
    day.expect({payment["storeCode"] for payment in listed} == {"sp", "rj"}, "each is in the store of its Pix key")
    return listed


async def _register_with_tax(day: Day, client: Client, movement: dict[str, Any]) -> None:
    listed = await day.http.get(
        f"{day.stage.addresses.sandbox_url}/_admin/pix/payment", params={"payment": movement["payment"]}
    )
    facts = listed.json()
    tax = movement["amount"] * _VAT_PERCENT // (100 + _VAT_PERCENT)
    money = {"currency": "BRL"}
    wanted = {
        "connectionId": str(day.stage.connection.id),
        "storeCode": "sp" if facts["key"].startswith("sp") else "rj",
        "pseReference": movement["payment"],
        "method": "PIX",
        "amount": {**money, "minorUnits": str(movement["amount"])},
        "capturedAt": facts["captured_at"],
        "orderReference": facts["order"],
        "customerTaxId": "52998224725",
        "tax": {"amount": {**money, "minorUnits": str(tax)}, "rate": f"{_VAT_PERCENT}.00", "document": "NF-e 1"},
        "idempotencyKey": str(uuid4()),
    }
    told = (await client.ask(REGISTER, input=wanted))["paymentRegister"]
    day.expect(told["payment"] is not None, f"a sale with VAT is registered by mutation ({movement['payment'][-6:]})")


async def _refund_all(day: Day, listed: Sequence[dict[str, Any]]) -> None:
    client = day.client(Role.FRONTEND)
    too_old = next(payment for payment in listed if payment["pseReference"] == day.stage.too_old)
    fresh = [payment for payment in listed if payment is not too_old]
    fresh.sort(key=lambda payment: payment["capturedAt"], reverse=True)
    taxed = [payment for payment in fresh if payment["orderReference"] in {f"demo{n:028d}" for n in range(4, 8)}]
    plain = iter([payment for payment in fresh if payment not in taxed])

    told = await client.refund(too_old["id"])
    refused = told["errors"][0]
    deadline = refused.get("deadlineAt") == too_old["refundableUntil"]
    day.expect(deadline, f"a Pix of 91 days ago is refused: possible until {too_old['refundableUntil']}")

    await _start(day, client, "full", taxed[0], None, "SUCCEEDED")
    await _start(day, client, "partial", taxed[1], 1_234, "SUCCEEDED")
    await _start(day, client, "two partials, the first", taxed[2], 1_001, "SUCCEEDED")
    await _start(day, client, "two partials, the second", taxed[2], 2_002, "SUCCEEDED")
    await _too_much(day, client, taxed[2])
    await _same_key_twice(day, client, next(plain))
    await _with_mood(day, client, "refused by the PSE", next(plain), "refused", "FAILED")
    await _with_mood(day, client, "pending, then done", next(plain), "pending", "SUCCEEDED", seconds=1)
    await _with_mood(day, client, "answer lost", next(plain), "lost_answer", "SUCCEEDED")
    await _with_mood(day, client, "applied, then 500", next(plain), "applied_then_500", "SUCCEEDED")
    returned = next(plain)
    refund = await _start(day, client, "returned later", returned, 3_000, "SUCCEEDED")
    await asyncio.gather(*day.followers)
    await _give_back(day, client, returned, refund)
    await _med(day, client, fresh[-1])


async def _start(
    day: Day, client: Client, name: str, payment: dict[str, Any], minor_units: int | None, ends: str
) -> dict[str, Any]:
    told = await client.refund(payment["id"], minor_units)
    if told["refund"] is None:
        day.expect(False, f"{name}: {told['errors']}")
        return {}
    refund: dict[str, Any] = told["refund"]
    day.followers.append(asyncio.create_task(_follow(day, client, name, refund, ends)))
    return refund


async def _follow(day: Day, client: Client, name: str, refund: dict[str, Any], ends: str) -> None:
    """Print each status as it comes over the subscription, and see how it ends."""
    seen: list[str] = []
    try:
        async with asyncio.timeout(_FOLLOW_SECONDS_MAX):
            async for event in client.follow(refund["id"]):
                seen.append(event["status"])
                code = f" [dim]{event['code']}[/]" if event["code"] else ""
                day.console.print(f"    {name:<26} {refund['amount']['display']:>12}  {event['status']}{code}")
    except TimeoutError:
        seen.append("nothing in time")
    day.expect(bool(seen) and seen[-1] == ends, f"{name}: ends {ends}")


async def _with_mood(
    day: Day, client: Client, name: str, payment: dict[str, Any], mood: str, ends: str, seconds: float = 0
) -> None:
    moods = [{"name": mood, "seconds": seconds}]
    await day.sandbox("moods", {"payment": payment["pseReference"], "moods": moods})
    await _start(day, client, name, payment, 2_500, ends)


async def _too_much(day: Day, client: Client, payment: dict[str, Any]) -> None:
    told = await client.refund(payment["id"], int(payment["captured"]["minorUnits"]))
    error = told["errors"][0]
    refused = error["__typename"] == "AmountExceedsRefundableError"
    day.expect(refused, f"one above the remainder is refused: {error['message']}")


async def _same_key_twice(day: Day, client: Client, payment: dict[str, Any]) -> None:
    key = str(uuid4())
    first = await client.refund(payment["id"], 1_500, key)
    again = await client.refund(payment["id"], 1_500, key)
    same = again["replayed"] and again["refund"]["id"] == first["refund"]["id"]
    day.expect(same, "the same key twice is one refund, the second answer replayed")
    day.followers.append(asyncio.create_task(_follow(day, client, "same key twice", first["refund"], "SUCCEEDED")))


async def _give_back(day: Day, client: Client, payment: dict[str, Any], refund: dict[str, Any]) -> None:
    await day.sandbox("give-back", {"payment": payment["pseReference"], "refund": refund["reference"]})
    back = await _until(client, refund["id"], "RETURNED")
    day.expect(back, "money that came back later is RETURNED, by webhook and look-up")


async def _until(client: Client, refund_id: str, status: str) -> bool:
    for _ in range(100):
        if (await client.ask(REFUND_STATUS, by={"id": refund_id}))["refund"]["status"] == status:
            return True
        await asyncio.sleep(0.1)
    return False


REFUND_STATUS: Final = "query Status($by: RefundBy!) { refund(by: $by) { status } }"


async def _med(day: Day, client: Client, payment: dict[str, Any]) -> None:
    amount = int(payment["captured"]["minorUnits"])
    await day.sandbox("med", {"payment": payment["pseReference"], "amount": amount, "nature": "MED_FRAUDE"})
    for _ in range(100):
        known = next(one for one in await client.payments() if one["id"] == payment["id"])
        if int(known["takenByBank"]["minorUnits"]) == amount:
            break
        await asyncio.sleep(0.2)
    taken = int(known["takenByBank"]["minorUnits"]) == amount and known["refundable"]["minorUnits"] == "0"
    day.expect(taken, f"the bank took {payment['captured']['display']} back (MED): recorded, nothing refundable")


async def _night(day: Day) -> None:
    today = datetime.now(UTC).astimezone(ZoneInfo(day.stage.merchant.zone)).date()
    sender = Sender(day.settings.secret_key, day.settings.send_limit_seconds)
    try:
        run: ReconciliationRun = await reconciliation.run(day.stage.connection.id, today, sender)
    finally:
        await sender.close()
    day.expect(run.state == "COMPLETED", f"business date {today} is reconciled ({run.error or 'no error'})")
    await _support(day)
    await _findings(day)
    await _balances(day)
    broken = await invariants.check()
    for one in broken:
        day.console.print(f"    {one.name}: {one.detail}")
    day.expect(not broken, f"estorno check: {len(invariants.INVARIANTS)} invariants hold")


async def _support(day: Day) -> None:
    """Support finds a refund by its request ID, with every call that was made for it."""
    client = day.client(Role.SUPPORT)
    asked = "query Last { refunds(first: 1, filter: {statuses: [FAILED]}) { edges { node { requestId } } } }"
    edges = (await client.ask(asked))["refunds"]["edges"]
    request_id = edges[0]["node"]["requestId"] if edges else ""
    found = (await client.ask(REFUND, by={"requestId": request_id}))["refund"] if request_id else None
    held = found is not None and any(call["purpose"] == "REFUND" for call in found["calls"])
    day.expect(held, f"support finds the failed refund by request ID {request_id}, with its calls")
    if found is not None:
        day.console.print(f"    {found['failureCode']}: {found['failureExplanation']}")


async def _findings(day: Day) -> None:
    edges = (await day.client(Role.ACCOUNTING).ask(FINDINGS))["findings"]["edges"]
    table = Table("Finding", "Amount", "What differs", "What to do", title="Findings")
    for edge in edges:
        node = edge["node"]
        table.add_row(node["kind"], node["amount"]["display"], node["explanation"], node["action"])
    day.console.print(table)
    kinds = {edge["node"]["kind"] for edge in edges}
    day.expect(kinds == EXPECTED_FINDINGS, f"exactly what should be found is found: {', '.join(sorted(kinds))}")


async def _balances(day: Day) -> None:
    last = datetime.now(UTC).date() + timedelta(days=1)
    asked = {"from": (last - timedelta(days=2)).replace(day=1).isoformat(), "to": last.isoformat()}
    told = (await day.client(Role.ACCOUNTING).ask(BALANCES, **asked))["trialBalance"]
    amounts = ("debits", "credits", "closing")
    whose = sorted({(row["pse"], row["connectionName"]) for row in told["rows"]})
    for pse, name in whose:
        columns = [Column("Account", no_wrap=True), *(Column(one.title(), justify="right") for one in amounts)]
        table = Table(*columns, title=f"Trial balance: {pse}, {name}")
        for row in told["rows"]:
            if (row["pse"], row["connectionName"]) == (pse, name):
                table.add_row(row["account"], *(row[one]["display"] for one in amounts))
        day.console.print(table)
    balanced = bool(told["totals"]) and all(one["debits"] == one["credits"] for one in told["totals"])
    day.expect(balanced, "debits and credits are equal in each currency")
