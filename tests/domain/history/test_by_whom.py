"""By whom an event was done is known by ids under the seal: a name, which anybody may bear, hides nothing."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.access import people, service_tokens, tokens
from domain.access.grants import WantedRole as Granted
from domain.access.permissions import Role
from domain.access.principal import Principal, role_reach
from domain.access.tokens import NewToken
from domain.cause import OURS, Cause, Doer
from domain.deeds import deeds
from domain.history import log, seals
from domain.history.log import WantedHistory
from domain.models import Event, EventSeal, Person
from domain.models.refunds import Reason
from domain.platform.database import rows, transaction
from domain.problems import InvalidInput
from domain.refunds import request
from domain.refunds.request import NewRefund
from domain.refunds.withdraw import cancel
from tests.domain.history.test_sealed_deeds import deeds_sealed
from tests.domain.history.test_seals import _seal_all
from tests.kit.factories import KEY, OwnerRows, Shop, a_key, a_payment, a_shop

pytestmark = pytest.mark.usefixtures("books")


async def _person(shop: Shop, name: str) -> Person:
    person, _ = await people.make(shop.id, name, f"{a_key()}@example.com", [("ADMIN", None)], "tester")
    return person


async def _token(shop: Shop, name: str, party: UUID | None = None) -> Cause:
    """Of one who asks with a token of this name, as it was made at any time."""
    made = NewToken(shop.id, name, [("ADMIN", None)], datetime.now(UTC) + timedelta(hours=1), name, party_id=party)
    await tokens.make(made)
    return Cause("r", name, party or made.id, Doer(token_id=made.id))


async def _asked(shop: Shop, cause: Cause) -> UUID:
    new = NewRefund((await a_payment(shop)).id, None, Reason.OTHER)
    return (await request.request(shop.id, new, a_key(), cause, KEY)).refund.id


async def _told(shop: Shop, wanted: WantedHistory) -> list[str]:
    await _seal_all()
    await deeds_sealed(shop)
    return [one.operation for one in await log.entries(shop.id, wanted, None, 100)]


@pytest.mark.parametrize("name", sorted(OURS))
async def test_who_bears_a_name_of_ours_stands_in_the_log_all_the_same(name: str) -> None:
    shop = await a_shop()
    await _asked(shop, await _token(shop, name))
    assert await _told(shop, WantedHistory()) == ["REQUESTED"]


@pytest.mark.parametrize("name", ["worker", " PSE  Webhook", "Reconciliation", "customer"])
async def test_no_program_takes_a_name_that_stands_on_what_happens_without_a_token(name: str) -> None:
    shop = await a_shop()
    ana = await _person(shop, "Ana")
    boss = Principal(uuid4(), shop.id, "Ana", role_reach(Role.ADMIN), datetime.now(UTC), person_id=ana.id)
    with pytest.raises(InvalidInput, match="take another name"):
        await service_tokens.create(boss, name, [Granted("ADMIN")], 30, a_key(), Cause("r", "Ana"))


async def test_what_a_person_did_by_their_own_token_is_found_by_the_person() -> None:
    shop = await a_shop()
    ana = await _person(shop, "Ana")
    by_token = await _token(shop, "erp", ana.id)
    refund_id = await _asked(shop, by_token)
    session = Cause("r", f"Ana <{ana.email}>", ana.id, Doer(None, ana.id, uuid4()))
    await cancel(shop.id, refund_id, None, a_key(), session)
    async with transaction():
        await deeds.note(shop.id, "storeUpdate", deeds.Of("store", shop.store.id), by_token)
    await _asked(shop, await _token(shop, "another"))
    assert sorted(await _told(shop, WantedHistory(person_id=ana.id))) == ["CANCELED", "REQUESTED", "storeUpdate"]
    (canceled,) = [one for one in await log.entries(shop.id, WantedHistory(), None, 9) if one.operation == "CANCELED"]
    assert (canceled.person_id, canceled.party, canceled.session_id) == (ana.id, ana.id, session.by.session_id)


async def test_another_token_of_the_same_name_writes_nothing_in_the_firsts_log() -> None:
    shop = await a_shop()
    hers, forger = await _token(shop, "erp"), await _token(shop, "erp")
    await _asked(shop, forger)
    assert await _told(shop, WantedHistory(token_id=hers.by.token_id)) == []
    assert await _told(shop, WantedHistory(token_id=forger.by.token_id)) == ["REQUESTED"]


async def test_an_event_that_the_version_before_sealed_is_whole_and_tells_by_name_alone(owner_rows: OwnerRows) -> None:
    """What its seal does not cover may have been written in later by the owner, so it counts for nothing."""
    shop = await a_shop()
    token = await _token(shop, "erp")
    await _asked(shop, token)
    event = await Event.get(merchant_id=shop.id)
    (row,) = [one for one in await rows(seals.WHOLE) if one["id"] == event.id]
    hashed = seals.link(seals.ORIGIN, row["text"])
    await EventSeal.create(merchant_id=shop.id, position=1, event_id=event.id, hash=hashed)
    assert await seals.verify() == []
    framed = await _person(shop, "Bia")
    await owner_rows("ALTER TABLE events DISABLE TRIGGER USER")
    await owner_rows("UPDATE events SET party = $1 WHERE id = $2", framed.id, event.id)
    assert await _told(shop, WantedHistory(person_id=framed.id)) == []
    assert await _told(shop, WantedHistory(token_id=token.by.token_id)) == ["REQUESTED"]
    (told,) = await log.entries(shop.id, WantedHistory(), None, 9)
    assert (told.party, told.token_id) == (None, None)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_page_that_is_not_full_among_the_next_events_is_looked_for_among_all(
    newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop()
    cause = await _token(shop, "erp")
    asked = [await _asked(shop, cause) for _ in range(4)]
    for _ in range(3):  # what happens by itself is stepped over
        await _asked(shop, Cause("r", "worker"))
    await _asked(shop, cause)
    await cancel(shop.id, asked[0], None, a_key(), cause)
    await _seal_all()

    async def pages(step: int) -> list[tuple[int, str]]:
        monkeypatch.setattr(log, "_STEP_EVENTS", step)
        found: list[tuple[int, str]] = []
        while True:
            behind = found[-1][0] if found else None
            page = await log.entries(shop.id, WantedHistory(), behind, 2, newest_first=newest_first)
            found += [(one.position, one.operation) for one in page]
            if len(page) < 2:
                return found

    whole = await pages(1_000)
    assert len(whole) == 6
    assert [await pages(step) for step in (0, 1, 2, 3, 5)] == [whole] * 5
