"""Findings live: replayed from any position, then news, by filter and store, without a gap, and nobody else's."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

from domain.access.permissions import Permission
from domain.access.principal import reach_of
from domain.access.tokens import Role
from domain.cause import Cause
from domain.findings import changes, findings, tasks, work
from domain.findings.changes import Chosen
from domain.findings.findings import FindingKind, Found
from domain.findings.search import WantedFindings
from domain.findings.work import Resolution
from domain.models import Finding, Store
from domain.models.findings import ClosingReason
from domain.money import Money
from domain.platform.database import for_all, rows, transaction
from tests.api.conftest import Asker, Enter
from tests.api.graphql.test_events import _socket
from tests.kit.factories import Shop, a_payment, a_person

QUERY = """subscription S($after: String, $filter: FindingFilter) { findingsChanged(after: $after, filter: $filter) {
  __typename ... on FindingChangedMessage { cursor replayed finding { kind state } }
  ... on CaughtUpMessage { cursor } ... on HeartbeatMessage { cursor } } }"""


async def _found(shop: Shop, name: str, kind: FindingKind = FindingKind.AMOUNT_MISMATCH, **more: Any) -> Finding:
    found = Found(kind, shop.id, shop.connection.id, name, Money(100, "BRL"), name, **more)
    await findings.open_finding(found)
    return await Finding.get(merchant_id=shop.id, fingerprint=name)


async def _next(socket: Any) -> tuple[str, str, bool]:
    """Cursor, what it is (kind and state, or "caught up"), replayed."""
    message: dict[str, Any] = {"__typename": "HeartbeatMessage"}
    async with asyncio.timeout(60):
        while message["__typename"] == "HeartbeatMessage":
            message = json.loads(await socket.recv())["payload"]["data"]["findingsChanged"]
    if message["__typename"] == "CaughtUpMessage":
        return message["cursor"], "caught up", False
    return message["cursor"], f"{message['finding']['kind']} {message['finding']['state']}", message["replayed"]


async def _subscribe(socket: Any, **variables: Any) -> None:
    payload = {"query": QUERY, "variables": variables}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))


async def test_findings_are_followed_from_any_position_by_filter_and_nobody_elses(enter: Enter) -> None:
    asker, stranger = await enter(Role.ACCOUNTANT), await enter(Role.ACCOUNTANT)
    first = await _found(asker.shop, "one")
    await _found(stranger.shop, "theirs", FindingKind.CHARGEBACK)
    ana, cause = a_person(asker.shop, "ana", Role.ACCOUNTANT), Cause("a-request", "ana")
    async with _socket(asker) as socket:
        await _subscribe(socket)
        assert [await _next(socket), await _next(socket)] == [
            ("1", "AMOUNT_MISMATCH OPEN", True),
            ("1", "caught up", False),
        ]
        second = await _found(asker.shop, "two", FindingKind.DUPLICATE_LINE)
        assert await _next(socket) == ("2", "DUPLICATE_LINE OPEN", False)
        await tasks.comment(ana, first.id, "I look into it.", "a-key-of-this-test-0001", cause)
        assert await _next(socket) == ("3", "AMOUNT_MISMATCH OPEN", False)
        await work.resolve(ana, second.id, Resolution(ClosingReason.EXPLAINED, "The same line twice."), cause)
        assert await _next(socket) == ("4", "DUPLICATE_LINE RESOLVED", False)
    async with _socket(asker) as socket:  # a cursor resumes, with a filter too: what is left out moves it on
        await _subscribe(socket, after="2", filter={"kinds": ["DUPLICATE_LINE"]})
        assert [await _next(socket), await _next(socket)] == [
            ("4", "DUPLICATE_LINE RESOLVED", True),
            ("4", "caught up", False),
        ]
    async with _socket(asker) as socket:
        await _subscribe(socket, after="99")
        assert "lies ahead of the feed" in await socket.recv()
    await _is_refused(await enter(Role.SUPPORT, asker.shop))


async def _is_refused(support: Asker) -> None:
    async with _socket(support) as socket:
        await _subscribe(socket)
        assert "FORBIDDEN" in await socket.recv()


async def test_of_one_store_its_own_alone_are_told_and_what_is_written_meanwhile_is_not_left_out(enter: Enter) -> None:
    shop = (await enter(Role.ACCOUNTANT)).shop
    rio = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    here, there = await a_payment(shop), await a_payment(replace(shop, store=rio))
    await _found(shop, "of all")
    await _found(shop, "here", payment_id=here.id)
    await _found(shop, "there", payment_id=there.id)
    seer = replace(a_person(shop, "bo", Role.ACCOUNTANT), reach=reach_of((frozenset({Permission.READ_LEDGER}), rio.id)))
    chosen = Chosen.of(seer.scope(Permission.READ_LEDGER), WantedFindings())
    whole = Chosen.of(a_person(shop, "ana", Role.ACCOUNTANT).scope(Permission.READ_LEDGER), WantedFindings())

    async def told(which: Chosen, after: int) -> list[tuple[int, str | None]]:
        with for_all("as the feed reads"):
            (found,) = await changes.after_each([(which, after)], 100)
        return [(position, one.fingerprint if one else None) for position, one in found]

    assert await told(chosen, 0) == [(3, "there")]
    assert await told(whole, 0) == [(1, "of all"), (2, "here"), (3, "there")]
    held = asyncio.Event()
    go_on = asyncio.Event()

    async def slowly() -> None:
        async with transaction():
            await rows("UPDATE findings SET severity = 4 WHERE fingerprint = 'here' AND merchant_id = $1", shop.id)
            held.set()
            await go_on.wait()

    writing = asyncio.create_task(slowly())
    await held.wait()
    await rows("UPDATE findings SET severity = 4 WHERE fingerprint = 'of all' AND merchant_id = $1", shop.id)
    assert await told(whole, 3) == [(4, "of all")]  # nobody waits for who writes
    go_on.set()
    await writing
    assert await told(whole, 4) == [(5, "here")]  # and what was written comes behind what was read
    assert await told(chosen, 3) == [(5, None)]
    assert await told(chosen, 5) == []
