"""The attacks of `make attack` on a running instance, each once. What they cost is asked there, not here."""

from pathlib import Path

from tests.trials.attack.attacks import Answer, Attack, Outcome, foul
from tests.trials.attack.crowds import CROWDS
from tests.trials.attack.documents import DOCUMENTS, VALUES
from tests.trials.attack.run import HEAD, WIDTH, lines, run
from tests.trials.attack.stage import Target
from tests.trials.attack.storms import rates, storms
from tests.trials.attack.transport import TRANSPORT

PART = 40  # of the rates, for a storm at all of them takes a minute


async def test_every_attack_is_answered_as_it_must_be(home: Path) -> None:
    attacks = [*DOCUMENTS, *VALUES, *TRANSPORT, *CROWDS, *storms(PART)]
    outcomes = [outcome async for outcome in run(attacks, home, rates(PART), once=True)]
    assert [(outcome.attack.name, outcome.answer.said, outcome.broken) for outcome in outcomes if outcome.broken] == []
    assert len(outcomes) == len(attacks)
    assert max(len(line) for outcome in outcomes for line in (HEAD, *lines(outcome))) <= WIDTH


async def _nothing(target: Target, size: int) -> Answer:
    raise NotImplementedError


def test_what_has_succeeded_is_told() -> None:
    attack = Attack("a", 2, _nothing, "200|500")
    for outcome in (
        Outcome(attack, Answer("500", 1, foul(500, "")), 0.1, 0.2, 0, served=True),
        Outcome(attack, Answer("200", 1, foul(200, '{"code": "INTERNAL_ERROR"}')), 0.1, 0.2, 0, served=True),
        Outcome(attack, Answer("200", 1), 0.25, 1.0, 0, served=True),
        Outcome(attack, Answer("200", 1), 0.1, 0.2, 2**30, served=True),
        Outcome(attack, Answer("200", 1), 0.1, 0.2, 0, served=False),
        Outcome(attack, Answer("404", 1), 0.1, 0.2, 0, served=True),
        Outcome(attack, Answer("200", 1), 0.4, 0.4, 0, served=True, plain=0.003),
    ):
        assert len(outcome.judged().broken) == 1
    assert Outcome(attack, Answer("200", 1, foul(200, "{}")), 0.5, 1.0, 0, served=True).judged().broken == []
    assert Outcome(attack, Answer("200", 1), 0.4, 0.4, 0, served=True, plain=0.003, priced=False).judged().broken == []
