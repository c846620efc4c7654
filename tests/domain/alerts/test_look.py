"""What is looked for in the books and by the clock: opened once, counted, and resolved when it is so no longer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from domain.access.permissions import Role
from domain.access.tokens import create_token
from domain.alerts import change, opening, rules, tell, words, work
from domain.alerts.rules import HeldRule
from domain.alerts.words import AlertReader
from domain.deliveries import due
from domain.deliveries.answers import Sent
from domain.deliveries.channels.channel import Message, unpacked
from domain.deliveries.due import Answered, ClaimedTry
from domain.deliveries.endpoints import NewEndpoint
from domain.deliveries.endpoints import create as create_endpoint
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Alert, AlertNotice, Connection, Delivery, Endpoint
from domain.models.alerts import AlertKind, Severity, What
from domain.models.deliveries import EndpointKind
from domain.money import Money
from domain.onboarding.certificates import Certificate
from domain.onboarding.preflight import announce
from domain.platform.database import execute, rows
from domain.platform.settings import Settings
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from domain.pse.vocabulary import Accepted, Declined, InDoubt
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.sealing import sealed

pytestmark = pytest.mark.usefixtures("books")
SETTINGS = Settings(secret_key=KEY, public_url="https://estorno.example")
ROBOT = "https://oapi.dingtalk.com/robot/send?access_token=0123456789"


async def _channel(
    shop: Shop, kind: EndpointKind = EndpointKind.DINGTALK, url: str = ROBOT, **options: str
) -> Endpoint:
    new = NewEndpoint(kind, f"{kind} {uuid4().hex[:6]}", url, options=options)
    if kind is EndpointKind.PAGERDUTY:
        new = NewEndpoint(kind, f"{kind} {uuid4().hex[:6]}", url, "R" * 32, options)
    return (await create_endpoint(a_person(shop, "dev", Role.ADMIN), new, KEY, CAUSE)).endpoint


async def _open(shop: Shop, *kinds: AlertKind) -> dict[AlertKind, Alert]:
    found = await Alert.filter(merchant_id=shop.id, resolved_at=None, **({"kind__in": kinds} if kinds else {}))
    return {one.kind: one for one in found}


async def _said(endpoint: Endpoint) -> list[Message]:
    """What was posted there, as it came."""
    found = await Delivery.filter(endpoint_id=endpoint.id).order_by("id")
    return [unpacked(bytes(one.body)) for one in found if one.body]


async def _arrives(endpoint: Endpoint) -> None:
    """All that waits there has been sent."""
    await execute("UPDATE endpoints SET paced_until = NULL WHERE id = $1", endpoint.id)
    while isinstance(found := await due.claim(endpoint.id), ClaimedTry):
        await due.record(found, Answered(Sent("0"), 200))
        await execute("UPDATE endpoints SET paced_until = NULL WHERE id = $1", endpoint.id)


async def _later(owner_rows: OwnerRows, minutes: int) -> None:
    """So long ago all of it was told."""
    ago = f"interval '{minutes} minutes'"
    await owner_rows(f"UPDATE alerts SET told_at = told_at - {ago}, said_at = said_at - {ago}")  # noqa: S608
    await owner_rows(f"UPDATE alert_notices SET due_at = due_at - {ago}")  # noqa: S608


async def _finding(shop: Shop, kind: FindingKind, amount: int = 100, **more: Any) -> UUID:
    found = Found(
        kind=kind,
        merchant_id=shop.id,
        connection_id=shop.connection.id,
        fingerprint=uuid4().hex,
        amount=Money(amount, "BRL"),
        explanation="It differs.",
        **more,
    )
    made = await findings.open_finding(found)
    assert made is not None
    return made


async def test_refunds_of_one_cause_are_one_alert_that_is_opened_once_counted_and_resolved(
    owner_rows: OwnerRows,
) -> None:
    shop = await a_shop()
    slow = [await a_refund(shop, await a_payment(shop), 1_000) for _ in range(3)]
    for one in slow:
        await an_answer(one, InDoubt("TIMEOUT", "no answer"))
    await opening.look()
    assert await _open(shop) == {}, "A lost answer is soon asked about."
    await owner_rows("UPDATE refunds SET doubt_since = now() - interval '31 minutes'")
    for _ in range(2):
        await opening.look()
    (alert,) = (await _open(shop)).values()
    assert (alert.kind, alert.count, alert.amounts) == (AlertKind.REFUND_STUCK, 3, {"BRL": 3_000})
    assert {one["name"] for one in alert.subjects} == {one.reference for one in slow}
    assert await Alert.filter(merchant_id=shop.id).count() == 1
    await owner_rows("UPDATE refunds SET doubt_since = now()")
    await opening.look()
    assert await _open(shop) == {}
    await owner_rows("UPDATE refunds SET doubt_since = now() - interval '31 minutes'")
    await opening.look()
    assert await Alert.filter(merchant_id=shop.id).count() == 2, "What is so again is another alert."


async def test_a_refund_that_the_pse_has_for_longer_than_it_publishes_is_past_its_promise(
    owner_rows: OwnerRows,
) -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await an_answer(refund, Accepted("D1"))
    await opening.look()
    assert await _open(shop) == {}
    await owner_rows("UPDATE refunds SET updated_at = now() - interval '40 days'")
    await opening.look()
    assert set(await _open(shop)) == {AlertKind.REFUND_STUCK}


async def test_refusals_are_told_from_the_sealed_history_once_and_a_taken_on_one_makes_room_for_the_next() -> None:
    shop = await a_shop()
    channel = await _channel(shop)
    for _ in range(2):
        await an_answer(await a_refund(shop, await a_payment(shop), 700), Declined("NO", "no"))
    await opening.look()
    assert await _open(shop) == {}, "What is not sealed yet may be undone yet."
    await sealed(shop)
    for _ in range(2):
        await opening.look()
    alert = (await _open(shop))[AlertKind.REFUND_FAILED]
    assert (alert.count, alert.amounts, len(alert.subjects)) == (2, {"BRL": 1_400}, 2)
    await an_answer(await a_refund(shop, await a_payment(shop), 300), Declined("NO", "no"))
    await sealed(shop)
    await opening.look()
    alert = (await _open(shop))[AlertKind.REFUND_FAILED]
    assert (alert.count, alert.amounts, len(alert.subjects)) == (3, {"BRL": 1_700}, 3)
    await tell.note(await rules.read(), datetime.now(UTC))
    support = a_person(shop, "support", Role.SUPPORT)
    taken = await work.acknowledge(support, alert.id, CAUSE)
    assert (taken.acknowledged_by, taken.resolved_at is not None) == ("support", True)
    assert await AlertNotice.filter(alert_id=alert.id, due_at__isnull=False).count() == 0
    assert await work.acknowledge(support, alert.id, CAUSE) == taken, "Twice is once."
    assert await _said(channel) == []
    await an_answer(await a_refund(shop, await a_payment(shop), 100), Declined("NO", "no"))
    await sealed(shop)
    await opening.look()
    assert (await _open(shop))[AlertKind.REFUND_FAILED].count == 1


async def test_what_has_happened_and_was_told_is_over_for_good_when_it_is_over(owner_rows: OwnerRows) -> None:
    """Else all that ever happened would be weighed again, every minute."""
    shop = await a_shop()
    await _channel(shop)
    await an_answer(await a_refund(shop, await a_payment(shop), 700), Declined("NO", "no"))
    await sealed(shop)
    await opening.look()
    await tell.note(await rules.read(), datetime.now(UTC))
    await owner_rows("UPDATE alert_notices SET due_at = now()")
    assert await tell.say(SETTINGS) == 1
    alert = (await _open(shop))[AlertKind.REFUND_FAILED]
    await work.acknowledge(a_person(shop, "support", Role.SUPPORT), alert.id, CAUSE)
    assert await tell.note(await rules.read(), datetime.now(UTC)) == 0
    assert (await Alert.get(id=alert.id)).resolved_told


async def test_what_ends_soon_is_told_with_the_day_and_since_it_was_soon() -> None:
    shop = await a_shop()
    await create_token(shop.id, Role.SUPPORT, "robot", timedelta(days=3))
    key = Certificate("Client certificate", datetime.now(UTC), datetime.now(UTC) + timedelta(days=5))
    await announce(await Connection.get(id=shop.connection.id), [key], datetime.now(UTC))
    await opening.look()
    found = {one.connection_id: one for one in await Alert.filter(kind=AlertKind.EXPIRING)}
    for language, said in (("en", "ends on"), ("zh-CN", "到期"), ("es", "vence el"), ("pt-BR", "vence em")):
        reader = AlertReader(language, "Loja", ZoneInfo("UTC"), "https://e")
        for at, days in ((None, 3), (shop.connection.id, 5)):
            assert found[at].since <= datetime.now(UTC)
            told = words.says(found[at], reader, "x")
            assert words.day((datetime.now(UTC) + timedelta(days=days)).date(), reader) in told
            assert said in told.lower()


async def test_each_sign_of_the_books_and_the_clock_is_seen(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    broken = await _channel(shop)
    other = await a_shop(name="another")
    for kind in ("DOUBT_UNRESOLVED", "NOT_SENT"):
        refund = await a_refund(shop, await a_payment(shop), 500)
        await _finding(shop, FindingKind[kind], 500, refund_id=refund.id)
    for kind in ("VAT_REVERSAL_OVERDUE", "NIGHT_FAILED", "EXPIRES_SOON"):
        await _finding(shop, FindingKind[kind], 500)
    await _finding(shop, FindingKind.MISSING_IN_LEDGER, 50_000_000)
    await owner_rows("UPDATE connections SET down_since = now() - interval '2 minutes', refused_since = now()")
    await owner_rows("UPDATE connections SET down_since = NULL WHERE merchant_id <> $1", shop.id)
    await owner_rows("UPDATE endpoints SET state = 'BROKEN', why = 'token is not exist', failing_since = now()")
    await owner_rows(
        "INSERT INTO refused_webhooks (connection_id, day, times) VALUES ($1, (now() AT TIME ZONE 'UTC')::date, 20)",
        shop.connection.id,
    )
    waiting = await a_refund(shop, await a_payment(shop), 900)
    await owner_rows("UPDATE refunds SET state = 'AWAITING_APPROVAL' WHERE id = $1", waiting.id)
    await owner_rows(
        "INSERT INTO approval_needs (id, merchant_id, refund_id, amount, currency, needs, open_words, barred_ids, "
        "until, made_at) VALUES ($1, $2, $3, 900, 'BRL', '[]', '{}', '{}', now() + interval '1 day', "
        "now() - interval '9 hours')",
        uuid4(), shop.id, waiting.id,
    )  # fmt: skip
    await owner_rows(
        "INSERT INTO checks (at, whole, events, ledger_entries, settlement_lines, listed_money, standing) "
        "VALUES (now(), false, 0, 0, 0, 0, $1)",
        f'{{"payments": ["{waiting.payment_id}"], "invariants": []}}',
    )
    await opening.look()
    found = await _open(shop)
    assert set(found) == {
        AlertKind.DOUBT, AlertKind.REFUND_STUCK, AlertKind.VAT_DEADLINE, AlertKind.REPORT_LATE, AlertKind.EXPIRING,
        AlertKind.FINDING, AlertKind.PSE_DOWN, AlertKind.ACCESS_REFUSED, AlertKind.CHANNEL_FAILING,
        AlertKind.WEBHOOKS_REFUSED, AlertKind.APPROVAL_WAITING, AlertKind.INVARIANT_BROKEN,
    }  # fmt: skip
    assert found[AlertKind.FINDING].facts["said"] == "MISSING_IN_LEDGER"
    assert found[AlertKind.CHANNEL_FAILING].endpoint_id == broken.id
    assert {one.kind for one in await Alert.filter(merchant_id=other.id)} == {AlertKind.ACCESS_REFUSED}
    assert await tell.note(await rules.read(), datetime.now(UTC)) == 0, "There is nobody who could be told."
    channel = await _channel(shop)
    await tell.note(await rules.read(), datetime.now(UTC))
    told = {one.alert_id for one in await AlertNotice.filter(endpoint_id=channel.id)}
    held_back = {found[AlertKind.REFUND_STUCK].id, found[AlertKind.PSE_DOWN].id}
    assert told == {one.id for one in found.values()} - held_back, "Its cause is told, and what it explains is not."
    await owner_rows("UPDATE connections SET down_since = NULL, refused_since = NULL")
    await opening.look()
    await tell.note(await rules.read(), datetime.now(UTC))
    told = {one.alert_id for one in await AlertNotice.filter(endpoint_id=channel.id)}
    assert found[AlertKind.REFUND_STUCK].id in told, "It is so still, and nothing explains it any more."


async def _report(shop: Shop, owner_rows: OwnerRows, closing: int) -> None:
    """A report that shows this balance."""
    report_id = uuid4()
    await owner_rows(
        "INSERT INTO reports (id, merchant_id, connection_id, business_date, name, digest, content_type, "
        "content, totals, created_at) "
        "VALUES ($1, $2, $3, current_date, $4, 'd', 'text/csv', ''::bytea, '{}', clock_timestamp())",
        report_id,
        shop.id,
        shop.connection.id,
        report_id.hex,
    )
    await owner_rows(
        "INSERT INTO report_balances (report_id, currency, opening, closing, moved, paid_out) "
        "VALUES ($1, 'BRL', 0, $2, $2, 0)",
        report_id,
        closing,
    )


async def test_balances_and_volumes_are_measured_against_what_is_under_way_and_usual(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=1_000_000)
    for _ in range(3):
        await a_refund(shop, payment, 1_000)
    await _report(shop, owner_rows, 2_999)
    await opening.look()
    low = (await _open(shop))[AlertKind.BALANCE_LOW]
    assert (low.count, low.amounts, low.facts["balance"], low.severity) == (3, {"BRL": 3_000}, 2_999, Severity.CRITICAL)
    await _report(shop, owner_rows, 3_000)
    await opening.look()
    assert await _open(shop) == {}
    for _ in range(27):
        await a_refund(shop, payment, 1_000)
    await _report(shop, owner_rows, 300_000)
    await opening.look()
    many = await _open(shop)
    assert set(many) == {AlertKind.UNUSUAL_VOLUME}
    assert (many[AlertKind.UNUSUAL_VOLUME].count, many[AlertKind.UNUSUAL_VOLUME].facts["usual"]) == (30, 0)


async def test_one_message_tells_what_came_up_meanwhile_and_waits_for_the_one_before(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    robot, pager = (
        await _channel(shop, language="pt-BR"),
        await _channel(shop, EndpointKind.PAGERDUTY, "https://events.pagerduty.com/v2/enqueue"),
    )
    await owner_rows(
        "UPDATE connections SET down_since = now() - interval '2 minutes' WHERE id = $1", shop.connection.id
    )
    await opening.look()
    assert await tell.refresh(SETTINGS) == (1, 2)
    assert await tell.refresh(SETTINGS) == (0, 0)
    (told,), (page,) = await _said(robot), await _said(pager)
    assert told.title == "✕ Crítico: pix-main não responde"
    assert "O que fazer: " in told.markdown
    assert "docs/runbooks#pse-down" in told.text
    assert (told.severity, told.language, told.link) == (
        "critical",
        "pt-BR",
        f"https://estorno.example/console/news/alerts/{(await _open(shop))[AlertKind.PSE_DOWN].id}",
    )
    refund = await a_refund(shop, await a_payment(shop), 500)
    await _finding(shop, FindingKind.DOUBT_UNRESOLVED, 500, refund_id=refund.id)
    for invariant in ('{"payments": [], "invariants": ["ledger"]}',):
        await owner_rows(
            "INSERT INTO checks (at, whole, events, ledger_entries, settlement_lines, listed_money, standing) "
            "VALUES (now(), false, 0, 0, 0, 0, $1)",
            invariant,
        )
    await opening.look()
    await tell.refresh(SETTINGS)
    assert len(await _said(robot)) == 1, "A message still waits to be sent there."
    assert len(await _said(pager)) == 3, "Each incident is one of its own."
    await _arrives(robot)
    assert await tell.say(SETTINGS) == 1
    both = (await _said(robot))[-1]
    assert both.title == "2 alertas em Loja"
    assert both.key is None
    assert both.markdown.count("**✕ Crítico: ") == 2
    await _arrives(robot)
    await owner_rows("UPDATE connections SET down_since = NULL")
    await opening.look()
    await tell.refresh(SETTINGS)
    over = (await _said(robot))[-1]
    assert (over.type, over.resolves, over.key) == ("alert.resolved", True, told.key)
    assert over.title == "✓ Encerrado: pix-main não responde"
    assert {one.key for one in await _said(pager) if one.resolves} == {page.key}


async def test_nobody_acknowledges_so_the_next_and_the_last_are_told_until_somebody_does(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    first, second = await _channel(shop), await _channel(shop)
    admin = a_person(shop, "admin", Role.ADMIN)
    rule = HeldRule("PSE_DOWN", AlertKind.PSE_DOWN, endpoints=[first.id], next=[second.id], last=[second.id])
    await change.set_rule(admin, rule, CAUSE)
    await owner_rows(
        "UPDATE connections SET down_since = now() - interval '2 minutes' WHERE id = $1", shop.connection.id
    )
    await opening.look()
    alert = (await _open(shop))[AlertKind.PSE_DOWN]

    async def heard() -> tuple[list[What], list[What]]:
        await tell.refresh(SETTINGS)
        await _arrives(first)
        await _arrives(second)
        told = await AlertNotice.filter(alert_id=alert.id).order_by("id")
        return [one.what for one in told if one.endpoint_id == first.id], [
            one.what for one in told if one.endpoint_id == second.id
        ]

    assert await heard() == ([What.OPENED], [])
    await _later(owner_rows, 15)
    assert await heard() == ([What.OPENED], [What.ESCALATED])
    await _later(owner_rows, 30)
    assert await heard() == ([What.OPENED], [What.ESCALATED, What.ESCALATED])
    assert "45 minutes" in (await _said(second))[-1].text
    await _later(owner_rows, 30)
    assert await heard() == ([What.OPENED, What.REPEATED], [What.ESCALATED, What.ESCALATED])
    with pytest.raises(Forbidden):
        await work.acknowledge(a_person(shop, "auditor", Role.AUDITOR), alert.id, CAUSE)
    with pytest.raises(NotFound):
        await work.acknowledge(a_person(await a_shop(name="b"), "x", Role.ADMIN), alert.id, CAUSE)
    with pytest.raises(InvalidInput):
        await work.snooze(admin, alert.id, datetime.now(UTC) + timedelta(days=8), CAUSE)
    until = datetime.now(UTC) + timedelta(hours=1)
    assert (await work.snooze(admin, alert.id, until, CAUSE)).snoozed_until == until
    await _later(owner_rows, 120)
    assert await heard() == ([What.OPENED, What.REPEATED], [What.ESCALATED, What.ESCALATED])
    taken = await work.acknowledge(admin, alert.id, CAUSE)
    assert (taken.acknowledged_by, taken.snoozed_until, taken.resolved_at) == ("admin", None, None)
    await _later(owner_rows, 600)
    assert await heard() == ([What.OPENED, What.REPEATED], [What.ESCALATED, What.ESCALATED])
    await owner_rows("UPDATE connections SET down_since = NULL")
    await opening.look()
    assert await heard() == (
        [What.OPENED, What.REPEATED, What.RESOLVED],
        [What.ESCALATED, What.ESCALATED, What.RESOLVED],
    )
    with pytest.raises(InvalidState):
        await work.snooze(admin, alert.id, until, CAUSE)
    deeds = await rows(
        "SELECT operation FROM deeds WHERE object_kind = 'alert' AND merchant_id = $1 ORDER BY id", shop.id
    )
    assert [row["operation"] for row in deeds] == ["alertSnooze", "alertAcknowledge"]


async def test_rules_are_the_merchants_own_each_change_is_a_deed_and_a_default_comes_back() -> None:
    shop = await a_shop()
    admin = a_person(shop, "admin", Role.ADMIN)
    channel, hook = await _channel(shop), await create_endpoint(
        a_person(shop, "dev", Role.ADMIN),
        NewEndpoint(EndpointKind.WEBHOOK, "hook", "http://127.0.0.1:9/", types=["*"]),
        KEY, CAUSE,
    )  # fmt: skip
    rule = HeldRule("big ones", AlertKind.FINDING, endpoints=[channel.id], least={"BRL": 5}, severity=Severity.CRITICAL)
    for _ in range(2):
        await change.set_rule(admin, rule, CAUSE)
    held = {one.name: one for one in await change.held(admin)}
    assert held["big ones"].least == {"BRL": 5}
    assert set(held) == {*AlertKind, "big ones"}
    assert await change.own_names(admin) == {"big ones"}
    theirs = await a_shop(name="b")
    bad: list[tuple[HeldRule, type[Exception]]] = [
        (HeldRule("PSE_DOWN", AlertKind.DOUBT), InvalidInput),
        (HeldRule(" x", AlertKind.DOUBT), InvalidInput),
        (HeldRule("x", AlertKind.FINDING, least={"XYZ": 1}), InvalidInput),
        (HeldRule("x", AlertKind.DOUBT, hours=0), InvalidInput),
        (HeldRule("x", AlertKind.DOUBT, endpoints=[hook.endpoint.id]), InvalidInput),
        (HeldRule("x", AlertKind.DOUBT, endpoints=[uuid4()]), NotFound),
        (HeldRule("x", AlertKind.DOUBT, connections=frozenset({theirs.connection.id})), NotFound),
    ]
    for wrong, why in bad:
        with pytest.raises(why):
            await change.set_rule(admin, wrong, CAUSE)
    with pytest.raises(Forbidden):
        await change.set_rule(a_person(shop, "support", Role.SUPPORT), rule, CAUSE)
    await change.end_rule(admin, "big ones", CAUSE)
    with pytest.raises(NotFound):
        await change.end_rule(admin, "big ones", CAUSE)
    assert {one.name for one in await change.held(admin)} == {*AlertKind}
    told = await rows(
        "SELECT operation FROM deeds WHERE object_kind = 'alertRule' AND merchant_id = $1 ORDER BY id", shop.id
    )
    assert [row["operation"] for row in told] == ["alertRuleSet", "alertRuleSet", "alertRuleEnd"]


async def test_an_amount_of_the_merchants_own_says_from_when_on_a_finding_is_told() -> None:
    shop = await a_shop()
    await _finding(shop, FindingKind.FEE_MISMATCH, 1_000)
    await opening.look()
    assert await _open(shop) == {}
    admin = a_person(shop, "admin", Role.ADMIN)
    await change.set_rule(admin, HeldRule("FINDING", AlertKind.FINDING, least={"BRL": 1_000}), CAUSE)
    await opening.look()
    assert set(await _open(shop)) == {AlertKind.FINDING}
