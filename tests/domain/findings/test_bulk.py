"""The same is said of many findings at once, and of those that were looked at alone."""

from datetime import UTC, datetime

import pytest

from domain.findings import bulk, work
from domain.findings.bulk import SeenFindings
from domain.findings.search import WantedFindings
from domain.findings.work import Resolution
from domain.models import Finding, FindingResolution
from domain.models.findings import ClosingReason
from domain.problems import IdempotencyConflict, InvalidInput, InvalidState
from tests.domain.findings.conftest import Desk, by
from tests.kit.factories import a_key


async def test_the_same_bulk_again_is_about_the_same_findings_whatever_came_since(desk: Desk) -> None:
    first, second = await desk.taken(900, "MED1"), await desk.taken(700, "MED2")
    key, said = a_key(), Resolution(ClosingReason.WRITE_OFF, "As the statement says.")
    with pytest.raises(InvalidInput, match="about 2 now, not 1"):
        await bulk.resolve(desk.ana, WantedFindings(), said, SeenFindings(1), key, by(desk.ana))
    told = await bulk.resolve(desk.ana, WantedFindings(), said, SeenFindings(2), key, by(desk.ana))
    assert [(one.finding.id, one.confirmed) for one in told] == [(first.id, True), (second.id, True)]
    late = await desk.taken(90_00, "MED3")
    # The answer was lost, and the client asks again: it gets the same one.
    told = await bulk.resolve(desk.ana, WantedFindings(), said, SeenFindings(2), key, by(desk.ana))
    assert [(one.finding.id, one.confirmed) for one in told] == [(first.id, True), (second.id, True)]
    assert (await Finding.get(id=late.id)).resolved_at is None
    assert await desk.account("WRITE_OFFS") == 1_600
    with pytest.raises(IdempotencyConflict):
        await bulk.resolve(desk.ana, WantedFindings(currency="BRL"), said, SeenFindings(2), key, by(desk.ana))
    told = await bulk.resolve(desk.ana, WantedFindings(), said, SeenFindings(1), a_key(), by(desk.ana))
    assert [one.finding.id for one in told] == [late.id]


async def _standing(finding: Finding) -> list[tuple[str, str]]:
    waits = await FindingResolution.filter(finding_id=finding.id, started_at=None, ended_at=None)
    return [(one.proposed_by, one.reason) for one in waits]


async def test_what_others_have_said_is_replaced_by_who_has_seen_it_and_by_nobody_else(desk: Desk) -> None:
    large = await desk.taken(5_000_000, "MED1")
    await desk.say(large, ClosingReason.CHARGEBACK, desk.bia)
    said, wanted = Resolution(ClosingReason.WRITE_OFF, "As the statement says."), WantedFindings()
    told = await bulk.preview(desk.ana, wanted)
    assert (told.replaces, (await bulk.preview(desk.bia, wanted)).replaces) == (1, 0)
    with pytest.raises(InvalidInput, match="others have said of 1 of them"):
        await bulk.resolve(desk.ana, wanted, said, SeenFindings(1), a_key(), by(desk.ana))
    await desk.say(large, ClosingReason.FEE, desk.bia)
    with pytest.raises(InvalidInput, match="something else waits of them"):
        await bulk.resolve(desk.ana, wanted, said, SeenFindings(1, told.seen), a_key(), by(desk.ana))
    assert await _standing(large) == [("Bia", "FEE")]
    seen = SeenFindings(1, (await bulk.preview(desk.ana, wanted)).seen)
    await bulk.resolve(desk.ana, wanted, said, seen, a_key(), by(desk.ana))
    assert await _standing(large) == [("Ana", "WRITE_OFF")]


async def test_what_others_have_said_since_it_was_looked_at_stays(desk: Desk) -> None:
    large = await desk.taken(5_000_000, "MED1")
    looked_at = datetime.now(UTC)
    await desk.say(large, ClosingReason.FEE, desk.bia)
    said = Resolution(ClosingReason.WRITE_OFF, "As the statement says.")
    with pytest.raises(InvalidState, match="said something else of it meanwhile"):
        await work.resolve(desk.ana, large.id, said, by(desk.ana), looked_at=looked_at)
    assert await _standing(large) == [("Bia", "FEE")]
    await work.resolve(desk.bia, large.id, said, by(desk.bia), looked_at=looked_at)  # one's own word is one's own
    assert await _standing(large) == [("Bia", "WRITE_OFF")]
