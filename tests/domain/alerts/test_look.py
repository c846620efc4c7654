"""What is looked for in the books and by the clock: opened once, counted, and resolved when it is so no longer."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from domain.access.permissions import Role
from domain.access.tokens import create_token
from domain.alerts import opening, rules, tell, words, work
from domain.alerts.words import AlertReader
from domain.findings.findings import FindingKind
from domain.models import Alert, AlertNotice, Connection
from domain.models.alerts import AlertKind, Severity
from domain.onboarding.certificates import Certificate
from domain.onboarding.preflight import announce
from domain.pse.vocabulary import Accepted, Declined, InDoubt
from tests.domain.alerts.looked import SETTINGS, a_channel, a_finding, messages_of, open_alerts
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.sealing import sealed

pytestmark = pytest.mark.usefixtures("books")


async def test_refunds_of_one_cause_are_one_alert_that_is_opened_once_counted_and_resolved(
    owner_rows: OwnerRows,
) -> None:
    shop = await a_shop()
    slow = [await a_refund(shop, await a_payment(shop), 1_000) for _ in range(3)]
    for one in slow:
        await an_answer(one, InDoubt("TIMEOUT", "no answer"))
    await opening.look()
    assert await open_alerts(shop) == {}, "A lost answer is soon asked about."
    await owner_rows("UPDATE refunds SET doubt_since = now() - interval '31 minutes'")
    for _ in range(2):
        await opening.look()
    (alert,) = (await open_alerts(shop)).values()
    assert (alert.kind, alert.count, alert.amounts) == (AlertKind.REFUND_STUCK, 3, {"BRL": 3_000})
    assert {one["name"] for one in alert.subjects} == {one.reference for one in slow}
    assert await Alert.filter(merchant_id=shop.id).count() == 1
    await owner_rows("UPDATE refunds SET doubt_since = now()")
    await opening.look()
    assert await open_alerts(shop) == {}
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
    assert await open_alerts(shop) == {}
    await owner_rows("UPDATE refunds SET updated_at = now() - interval '40 days'")
    await opening.look()
    assert set(await open_alerts(shop)) == {AlertKind.REFUND_STUCK}


async def test_refusals_are_told_from_the_sealed_history_once_and_a_taken_on_one_makes_room_for_the_next() -> None:
    shop = await a_shop()
    channel = await a_channel(shop)
    for _ in range(2):
        await an_answer(await a_refund(shop, await a_payment(shop), 700), Declined("NO", "no"))
    await opening.look()
    assert await open_alerts(shop) == {}, "What is not sealed yet may be undone yet."
    await sealed(shop)
    for _ in range(2):
        await opening.look()
    alert = (await open_alerts(shop))[AlertKind.REFUND_FAILED]
    assert (alert.count, alert.amounts, len(alert.subjects)) == (2, {"BRL": 1_400}, 2)
    await an_answer(await a_refund(shop, await a_payment(shop), 300), Declined("NO", "no"))
    await sealed(shop)
    await opening.look()
    alert = (await open_alerts(shop))[AlertKind.REFUND_FAILED]
    assert (alert.count, alert.amounts, len(alert.subjects)) == (3, {"BRL": 1_700}, 3)
    await tell.note(await rules.read(), datetime.now(UTC))
    support = a_person(shop, "support", Role.SUPPORT)
    taken = await work.acknowledge(support, alert.id, CAUSE)
    assert (taken.acknowledged_by, taken.resolved_at is not None) == ("support", True)
    assert await AlertNotice.filter(alert_id=alert.id, due_at__isnull=False).count() == 0
    assert await work.acknowledge(support, alert.id, CAUSE) == taken, "Twice is once."
    assert await messages_of(channel) == []
    await an_answer(await a_refund(shop, await a_payment(shop), 100), Declined("NO", "no"))
    await sealed(shop)
    await opening.look()
    assert (await open_alerts(shop))[AlertKind.REFUND_FAILED].count == 1


async def test_what_has_happened_and_was_told_is_over_for_good_when_it_is_over(owner_rows: OwnerRows) -> None:
    """Else all that ever happened would be weighed again, every minute."""
    shop = await a_shop()
    await a_channel(shop)
    await an_answer(await a_refund(shop, await a_payment(shop), 700), Declined("NO", "no"))
    await sealed(shop)
    await opening.look()
    await tell.note(await rules.read(), datetime.now(UTC))
    await owner_rows("UPDATE alert_notices SET due_at = now()")
    assert await tell.say(SETTINGS) == 1
    alert = (await open_alerts(shop))[AlertKind.REFUND_FAILED]
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
    broken = await a_channel(shop)
    other = await a_shop(name="another")
    for kind in ("DOUBT_UNRESOLVED", "NOT_SENT"):
        refund = await a_refund(shop, await a_payment(shop), 500)
        await a_finding(shop, FindingKind[kind], 500, refund_id=refund.id)
    for kind in ("VAT_REVERSAL_OVERDUE", "NIGHT_FAILED", "EXPIRES_SOON"):
        await a_finding(shop, FindingKind[kind], 500)
    await a_finding(shop, FindingKind.MISSING_IN_LEDGER, 50_000_000)
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
    found = await open_alerts(shop)
    assert set(found) == {
        AlertKind.DOUBT, AlertKind.REFUND_STUCK, AlertKind.VAT_DEADLINE, AlertKind.REPORT_LATE, AlertKind.EXPIRING,
        AlertKind.FINDING, AlertKind.PSE_DOWN, AlertKind.ACCESS_REFUSED, AlertKind.CHANNEL_FAILING,
        AlertKind.WEBHOOKS_REFUSED, AlertKind.APPROVAL_WAITING, AlertKind.INVARIANT_BROKEN,
    }  # fmt: skip
    assert found[AlertKind.FINDING].facts["said"] == "MISSING_IN_LEDGER"
    assert found[AlertKind.CHANNEL_FAILING].endpoint_id == broken.id
    assert {one.kind for one in await Alert.filter(merchant_id=other.id)} == {AlertKind.ACCESS_REFUSED}
    assert await tell.note(await rules.read(), datetime.now(UTC)) == 0, "There is nobody who could be told."
    channel = await a_channel(shop)
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
    low = (await open_alerts(shop))[AlertKind.BALANCE_LOW]
    assert (low.count, low.amounts, low.facts["balance"], low.severity) == (3, {"BRL": 3_000}, 2_999, Severity.CRITICAL)
    await _report(shop, owner_rows, 3_000)
    await opening.look()
    assert await open_alerts(shop) == {}
    for _ in range(27):
        await a_refund(shop, payment, 1_000)
    await _report(shop, owner_rows, 300_000)
    await opening.look()
    many = await open_alerts(shop)
    assert set(many) == {AlertKind.UNUSUAL_VOLUME}
    assert (many[AlertKind.UNUSUAL_VOLUME].count, many[AlertKind.UNUSUAL_VOLUME].facts["usual"]) == (30, 0)
