"""What one person has said waits for another: it is counted for who may say the same, and for nobody else."""

import asyncio
from uuid import uuid4

import pytest

from domain import invariants
from domain.access import people, sessions
from domain.access.principal import Principal
from domain.access.second import SecondPerson
from domain.findings import said as said_of_findings
from domain.findings import search, work
from domain.findings.search import WantedFindings
from domain.models import Finding, FindingResolution
from domain.models.findings import ClosingReason
from domain.problems import InvalidState
from domain.pse.vocabulary import InDoubt
from domain.refunds import doubt, said
from domain.refunds.doubt import Verdict
from domain.refunds.waiting import waiting
from tests.domain.findings.conftest import Desk, by
from tests.kit.factories import CAUSE, a_payment, a_refund, an_answer

_EVIDENCE = "The back office lists it as paid."


async def _signed_in(desk: Desk, name: str, role: str, by_link_of: Principal | None = None) -> Principal:
    person, _ = await people.make(desk.shop.id, name, f"{name.lower()}@example.com", [(role, None)], "tester")
    maker = by_link_of.party if by_link_of else None
    found = await sessions.authenticate((await sessions.begin(person.id, 600, CAUSE, vouched_by=maker)).secret, 600.0)
    assert found is not None
    return found


async def _found(who: Principal, whose: SecondPerson) -> int:
    return await (await search.query(who, WantedFindings(second_person=whose))).count()


async def test_a_finding_that_waits_for_a_second_person_is_counted_for_who_may_be_it(desk: Desk) -> None:
    ana, bruno = [await _signed_in(desk, name, "ACCOUNTANT") for name in ("Ana", "Bruno")]
    own = await _signed_in(desk, "Invited", "ACCOUNTANT", ana)
    reads = await _signed_in(desk, "Auditor", "AUDITOR")
    small, large = await desk.taken(5_000, "MED1"), await desk.taken(5_000_000, "MED2")
    assert (await desk.say(small, ClosingReason.WRITE_OFF, ana)).confirmed
    assert not (await desk.say(large, ClosingReason.WRITE_OFF, ana)).confirmed
    assert [(await waiting(who)).findings for who in (ana, bruno, own, reads)] == [0, 1, 0, 0]
    assert [await _found(who, SecondPerson.ME) for who in (ana, bruno, own, reads)] == [0, 1, 0, 0]
    assert [await _found(who, SecondPerson.ANYBODY) for who in (ana, bruno)] == [1, 1]
    await work.confirm(bruno, large.id, by(bruno))
    assert (await waiting(bruno)).findings == await _found(ana, SecondPerson.ANYBODY) == 0


async def test_what_waits_is_told_among_more_findings_than_one_statement_takes(desk: Desk) -> None:
    ana = await _signed_in(desk, "Ana", "ACCOUNTANT")
    finding = await desk.taken(5_000_000, "MED1")
    word = (await desk.say(finding, ClosingReason.WRITE_OFF, ana)).said
    many = [uuid4() for _ in range(33_000)]  # a sheet may have three times as many
    for about in ([finding.id, *many], [*many, finding.id]):
        assert {of: found.id for of, found in (await said_of_findings.waiting(about)).items()} == {finding.id: word.id}
    assert await said_of_findings.waiting([]) == {}


async def test_a_second_person_says_yes_to_what_they_saw_and_to_nothing_else(desk: Desk) -> None:
    ana, bruno = [await _signed_in(desk, name, "ACCOUNTANT") for name in ("Ana", "Bruno")]
    finding = await desk.taken(5_000_000, "MED1")
    seen = (await desk.say(finding, ClosingReason.CHARGEBACK, ana)).said
    await work.decline(ana, finding.id, "a slip of mine", by(ana))
    other = (await desk.say(finding, ClosingReason.WRITE_OFF, ana)).said
    with pytest.raises(InvalidState) as refused:
        await work.confirm(bruno, finding.id, by(bruno), seen.id)
    assert refused.value.current_state == "CHANGED"
    assert (await work.confirm(bruno, finding.id, by(bruno), other.id)).confirmed


async def test_a_word_changed_at_the_moment_of_the_second_yes_is_not_what_that_yes_confirms(desk: Desk) -> None:
    ana, bruno = [await _signed_in(desk, name, "ACCOUNTANT") for name in ("Ana", "Bruno")]
    for number in range(4):
        finding = await desk.taken(5_000_000, f"MED{number}")
        seen = (await desk.say(finding, ClosingReason.CHARGEBACK, ana)).said

        async def changes(of: Finding = finding) -> None:
            await work.decline(ana, of.id, "a slip of mine", by(ana))
            await desk.say(of, ClosingReason.WRITE_OFF, ana)

        await asyncio.gather(work.confirm(bruno, finding.id, by(bruno), seen.id), changes(), return_exceptions=True)
        booked = FindingResolution.filter(finding_id=finding.id, started_at__not_isnull=True)
        assert [one.reason for one in await booked] in ([], [ClosingReason.CHARGEBACK])
    assert await desk.account("WRITE_OFFS") == 0
    assert await invariants.check() == []


async def test_a_doubt_of_which_one_has_spoken_is_counted_for_who_may_say_the_same(desk: Desk) -> None:
    carla, davi = [await _signed_in(desk, name, "SUPPORT") for name in ("Carla", "Davi")]
    own = await _signed_in(desk, "Invited", "SUPPORT", carla)
    books = await _signed_in(desk, "Bia", "AUDITOR")
    boss = await _signed_in(desk, "Chefe", "ADMINISTRATOR")
    refund = await a_refund(desk.shop, await a_payment(desk.shop), 1_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer", needs_person=True))
    everybody = (carla, davi, own, books, boss)
    assert [(await waiting(who)).refunds for who in everybody] == [0, 0, 0, 0, 0]
    await doubt.resolve(carla, refund.id, Verdict.PAID, _EVIDENCE, by(carla))
    assert [(await waiting(who)).refunds for who in everybody] == [0, 1, 0, 0, 1]
    assert [len(await said.of_second(who, SecondPerson.ME)) for who in everybody] == [0, 1, 0, 0, 1]
    assert await said.of_second(carla, SecondPerson.ANYBODY) == [refund.id]
    assert (await doubt.resolve(davi, refund.id, Verdict.PAID, _EVIDENCE, by(davi))).confirmed
    assert (await waiting(boss)).refunds == len(await said.of_second(carla, SecondPerson.ANYBODY)) == 0
