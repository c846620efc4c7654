"""Whom an alert is told, when, and until when; and from when on a merchant wants to be told."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.access.permissions import Role
from domain.alerts import change, opening, tell, work
from domain.alerts.rules import HeldRule
from domain.deliveries import due
from domain.deliveries.answers import Sent
from domain.deliveries.due import Answered, ClaimedTry
from domain.deliveries.endpoints import NewEndpoint
from domain.deliveries.endpoints import create as create_endpoint
from domain.findings.findings import FindingKind
from domain.models import AlertNotice, Endpoint
from domain.models.alerts import AlertKind, Severity, What
from domain.models.deliveries import EndpointKind
from domain.platform.database import execute, rows
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from tests.domain.alerts.looked import SETTINGS, a_channel, a_finding, messages_of, open_alerts
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_payment, a_person, a_refund, a_shop

pytestmark = pytest.mark.usefixtures("books")


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


async def test_one_message_tells_what_came_up_meanwhile_and_waits_for_the_one_before(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    robot, pager = (
        await a_channel(shop, language="pt-BR"),
        await a_channel(shop, EndpointKind.PAGERDUTY, "https://events.pagerduty.com/v2/enqueue"),
    )
    await owner_rows(
        "UPDATE connections SET down_since = now() - interval '2 minutes' WHERE id = $1", shop.connection.id
    )
    await opening.look()
    assert await tell.refresh(SETTINGS) == (1, 2)
    assert await tell.refresh(SETTINGS) == (0, 0)
    (told,), (page,) = await messages_of(robot), await messages_of(pager)
    assert told.title == "✕ Crítico: pix-main não responde"
    assert "O que fazer: " in told.markdown
    assert "docs/runbooks#pse-down" in told.text
    assert (told.severity, told.language, told.link) == (
        "critical",
        "pt-BR",
        f"https://estorno.example/console/news/alerts/{(await open_alerts(shop))[AlertKind.PSE_DOWN].id}",
    )
    refund = await a_refund(shop, await a_payment(shop), 500)
    await a_finding(shop, FindingKind.DOUBT_UNRESOLVED, 500, refund_id=refund.id)
    for invariant in ('{"payments": [], "invariants": ["ledger"]}',):
        await owner_rows(
            "INSERT INTO checks (at, whole, events, ledger_entries, settlement_lines, listed_money, standing) "
            "VALUES (now(), false, 0, 0, 0, 0, $1)",
            invariant,
        )
    await opening.look()
    await tell.refresh(SETTINGS)
    assert len(await messages_of(robot)) == 1, "A message still waits to be sent there."
    assert len(await messages_of(pager)) == 3, "Each incident is one of its own."
    await _arrives(robot)
    assert await tell.say(SETTINGS) == 1
    both = (await messages_of(robot))[-1]
    assert both.title == "2 alertas em Loja"
    assert both.key is None
    assert both.markdown.count("**✕ Crítico: ") == 2
    await _arrives(robot)
    await owner_rows("UPDATE connections SET down_since = NULL")
    await opening.look()
    await tell.refresh(SETTINGS)
    over = (await messages_of(robot))[-1]
    assert (over.type, over.resolves, over.key) == ("alert.resolved", True, told.key)
    assert over.title == "✓ Encerrado: pix-main não responde"
    assert {one.key for one in await messages_of(pager) if one.resolves} == {page.key}


async def test_nobody_acknowledges_so_the_next_and_the_last_are_told_until_somebody_does(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    first, second = await a_channel(shop), await a_channel(shop)
    admin = a_person(shop, "admin", Role.ADMIN)
    rule = HeldRule("PSE_DOWN", AlertKind.PSE_DOWN, endpoints=[first.id], next=[second.id], last=[second.id])
    await change.set_rule(admin, rule, CAUSE)
    await owner_rows(
        "UPDATE connections SET down_since = now() - interval '2 minutes' WHERE id = $1", shop.connection.id
    )
    await opening.look()
    alert = (await open_alerts(shop))[AlertKind.PSE_DOWN]

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
    assert "45 minutes" in (await messages_of(second))[-1].text
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
    channel, hook = await a_channel(shop), await create_endpoint(
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
    await a_finding(shop, FindingKind.FEE_MISMATCH, 1_000)
    await opening.look()
    assert await open_alerts(shop) == {}
    admin = a_person(shop, "admin", Role.ADMIN)
    await change.set_rule(admin, HeldRule("FINDING", AlertKind.FINDING, least={"BRL": 1_000}), CAUSE)
    await opening.look()
    assert set(await open_alerts(shop)) == {AlertKind.FINDING}
