"""News in the chain: written by the database where it becomes true, sealed with the rest, tampering found."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from domain.connections import health
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.history import news, seals
from domain.models import Connection, EventSeal, News, ReconciliationRun
from domain.models.connections import ConnectionState
from domain.money import Money
from domain.platform.database import execute, rows, transaction
from tests.domain.history.test_sealed_deeds import a_deed
from tests.domain.history.test_seals import _history
from tests.kit.factories import OwnerRows, Shop, a_payment, a_shop
from tests.kit.sealing import sealed

pytestmark = pytest.mark.usefixtures("books")


def a_found(shop: Shop, name: str, **more: Any) -> Found:
    return Found(
        kind=FindingKind.UNKNOWN_LINE,
        merchant_id=shop.id,
        connection_id=shop.connection.id,
        fingerprint=name,
        amount=Money(500, "BRL"),
        explanation="Something.",
        **more,
    )


async def told(shop: Shop) -> list[tuple[str, str]]:
    return [(one.kind, one.subject_id) for one in await News.filter(merchant_id=shop.id).order_by("id")]


async def kinds(shop: Shop) -> list[str]:
    return [kind for kind, _ in await told(shop)]


async def test_findings_are_told_as_they_open_end_and_open_again_and_not_when_nothing_came_of_it() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    await findings.open_findings([a_found(shop, "one", payment_id=payment.id), a_found(shop, "two", again=True)])
    await findings.open_findings([a_found(shop, "one", payment_id=payment.id)])  # it is open
    await findings.resolve(shop.id, "two", "It was nothing.")
    await findings.open_findings([a_found(shop, "two", again=True)])
    assert await kinds(shop) == ["finding.opened", "finding.opened", "finding.resolved", "finding.reopened"]
    first = await News.filter(merchant_id=shop.id).order_by("id").first()
    assert first is not None
    by_payment = [one for one in await News.filter(merchant_id=shop.id) if one.store_id == shop.store.id]
    assert len(by_payment) == 1, "What is of a payment is of its store."
    assert first.data["amount"] == 500
    assert first.data["currency"] == "BRL"

    async def undone() -> None:
        async with transaction():
            await findings.open_findings([a_found(shop, "three")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await undone()
    assert len(await told(shop)) == 4, "What did not become true is not told."


async def test_a_night_that_goes_on_failing_is_told_once_and_what_comes_of_it_each_time() -> None:
    shop = await a_shop()
    run = await ReconciliationRun.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, business_date=date(2026, 11, 20),
        state="RUNNING", manifest={},
    )  # fmt: skip
    moves = [("FAILED", "no"), ("FAILED", "no"), ("FAILED", "late since 2026-11-21 09:00 UTC: no"), ("NO_REPORT", None)]
    for state, error in (*moves, ("NO_REPORT", None), ("COMPLETED", None), ("COMPLETED", None)):
        await ReconciliationRun.filter(id=run.id).update(state="RUNNING")
        await ReconciliationRun.filter(id=run.id).update(state=state, error=error)
    await ReconciliationRun.filter(id=run.id).update(state="RUNNING")
    against = {"files": [{"proof": "COMPLETE"}, {"proof": "CONTRADICTED"}]}
    await ReconciliationRun.filter(id=run.id).update(state="COMPLETED", manifest=against)
    assert await kinds(shop) == [
        "night.failed", "night.late", "night.no_report", "night.completed", "night.completed", "night.contradicted",
    ]  # fmt: skip
    assert {subject for _, subject in await told(shop)} == {str(run.id)}


async def test_a_connections_state_its_access_and_its_psess_silence_are_told_and_others_changes_are_not() -> None:
    shop = await a_shop()
    mine = Connection.filter(id=shop.connection.id)
    await mine.update(name="another name")
    await mine.update(refused_since=datetime.now(UTC), refused_because="401")
    await mine.update(refused_since=datetime.now(UTC))
    assert (await health.down(shop.connection.id), await health.down(shop.connection.id)) == (True, False)
    await mine.update(refused_since=None, state=ConnectionState.SUSPENDED)
    assert (await health.up(shop.connection.id), await health.up(shop.connection.id)) == (True, False)
    assert await kinds(shop) == [
        "connection.failing", "connection.down", "connection.state_changed", "connection.recovered", "connection.up",
    ]  # fmt: skip


async def test_news_stands_in_the_chain_with_events_and_deeds_and_the_feed_goes_on_beside_it() -> None:
    shop = await _history(1)
    await sealed(shop)
    before = await seals.after(shop.id, 0)
    await a_deed(shop, "one")
    await findings.open_findings([a_found(shop, "one")])
    await sealed(shop)
    mine = await EventSeal.filter(merchant_id=shop.id).order_by("position")
    assert [seal.position for seal in mine] == list(range(1, len(mine) + 1))
    assert sum(seal.news_id is not None for seal in mine) == 1
    assert await seals.after(shop.id, 0) == before
    assert await seals.verify() == []


async def test_a_sealer_of_the_version_before_leaves_news_behind_and_it_is_sealed_all_the_same() -> None:
    shop = await _history(1)
    await sealed(shop)
    await findings.open_findings([a_found(shop, "between")])
    await a_deed(shop, "later")
    (deed,) = await rows("SELECT max(id) AS id FROM deeds WHERE merchant_id = $1", shop.id)
    head = await seals.head(shop.id)
    await EventSeal.create(merchant_id=shop.id, position=head.position + 1, deed_id=deed["id"], hash="f" * 64)
    await sealed(shop)
    assert await EventSeal.filter(merchant_id=shop.id, news_id__isnull=False).count() == 1


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM news WHERE id = $1", "is missing"),
        ("UPDATE news SET kind = 'finding.resolved' WHERE id = $1", "is not what was sealed here"),
        ("UPDATE news SET data = '{}' WHERE id = $1", "is not what was sealed here"),
        ("UPDATE news SET occurred_at = occurred_at - interval '1 day' WHERE id = $1", "is not what was sealed here"),
        ("DELETE FROM event_seals WHERE news_id = $1", "the seal of this position is missing"),
    ],
)
async def test_news_that_the_owner_takes_away_or_changes_is_found(
    owner_rows: OwnerRows, statement: str, said: str
) -> None:
    shop = await _history(1)
    await findings.open_findings([a_found(shop, "one")])
    await sealed(shop)
    await a_deed(shop, "behind")
    await sealed(shop)
    first = await News.filter(merchant_id=shop.id).order_by("id").first()
    assert first is not None
    for table in ("news", "event_seals"):
        await owner_rows(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    await owner_rows(statement, first.id)
    (found,) = await seals.verify()
    assert said in found.what


async def test_news_that_nobody_seals_is_seen_and_the_application_changes_none(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    await news.write(shop.id, "endpoint.failing", "endpoint", uuid4(), {"name": "x"})
    for attack in ("UPDATE news SET kind = 'a.b'", "DELETE FROM news"):
        with pytest.raises(Exception, match="permission denied"):
            await execute(attack)
    await execute(
        "INSERT INTO news (merchant_id, kind, subject_kind, subject_id, data, occurred_at, xact) "
        "VALUES ($1, 'a.b', 'x', 'x', '{}', '2020-01-01', '1')",
        shop.id,
    )
    (row,) = await rows("SELECT min(occurred_at) > now() - interval '1 hour' AND min(xact) > '1'::xid8 AS ok FROM news")
    assert row["ok"], "It counts as of the transaction that wrote it."
    await owner_rows("ALTER TABLE news DISABLE TRIGGER USER")
    await owner_rows("UPDATE news SET occurred_at = now() - interval '2 minutes'")
    (found,) = await seals.verify()
    assert "not sealed" in found.what
