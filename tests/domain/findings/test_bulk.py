"""The same is said of many findings at once, and of those that were looked at alone."""

import pytest

from domain.findings import bulk
from domain.findings.bulk import SeenFindings
from domain.findings.search import WantedFindings
from domain.findings.work import Resolution
from domain.models import Finding
from domain.models.findings import ClosingReason
from domain.problems import IdempotencyConflict, InvalidInput
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
