"""Who signs in by a link that somebody made may be that somebody: what all of them give up is one person's."""

import pytest

from domain.access import people, sessions
from domain.access.principal import Principal
from domain.findings import work
from domain.models.findings import ClosingReason
from domain.problems import Forbidden
from tests.domain.findings.conftest import Desk, by
from tests.kit.factories import CAUSE, OwnerRows

_IDLE = 1800.0
_WRITTEN_OFF = ClosingReason.WRITE_OFF  # BRL: a second person from 1,000.00 on


async def _signed_in(desk: Desk, name: str, vouched_by: Principal | None) -> Principal:
    """A colleague who has signed in: by a link of somebody's, or (None) with the identity provider."""
    person, _ = await people.make(desk.shop.id, name, f"{name.lower()}@example.com", [("ACCOUNTANT", None)], "tester")
    begun = await sessions.begin(person.id, 600, CAUSE, vouched_by=vouched_by.party if vouched_by else None)
    found = await sessions.authenticate(begun.secret, _IDLE)
    assert found is not None
    return found


async def test_colleagues_whose_links_one_has_made_give_up_what_one_gives_up(desk: Desk) -> None:
    first, second = await _signed_in(desk, "Um", desk.ana), await _signed_in(desk, "Dois", desk.ana)
    other = await _signed_in(desk, "Caio", None)
    found = [await desk.taken(60_000, f"MED{number}") for number in range(4)]
    assert (await desk.say(found[0], _WRITTEN_OFF, first)).confirmed
    assert not (await desk.say(found[1], _WRITTEN_OFF, second)).confirmed
    assert not (await desk.say(found[2], _WRITTEN_OFF, desk.ana)).confirmed
    assert (await desk.say(found[3], _WRITTEN_OFF, other)).confirmed  # nobody but the provider vouches for them


async def test_patience_makes_no_second_person(desk: Desk, owner_rows: OwnerRows) -> None:
    invented = await _signed_in(desk, "Um", desk.ana)
    large = await desk.taken(500_000, "MED")
    assert not (await desk.say(large, _WRITTEN_OFF, invented)).confirmed
    await owner_rows("UPDATE finding_resolutions SET proposed_at = now() - interval '61 days'")
    await owner_rows(
        "UPDATE sessions SET created_at = now() - interval '61 days', last_seen_at = now() - interval '61 days', "
        "  expires_at = now() - interval '60 days'"
    )
    with pytest.raises(Forbidden, match="You said it yourself"):
        await work.confirm(desk.ana, large.id, by(desk.ana))
    assert (await work.confirm(desk.bia, large.id, by(desk.bia))).confirmed
