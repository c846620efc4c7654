"""Whether what was said is enough, and whose yes would count next. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.refunds.approvals.rules import Need


@dataclass(frozen=True, slots=True)
class Yes:
    """One person's yes: the roles and permissions that they (or who lent them the right) held when they said it."""

    words: frozenset[str]


def missing(need: Need, given: Sequence[Yes]) -> int:
    """How many people are still wanted. `given` in the order in which it was said; each counts once."""
    slots = [step.of for step in need.steps for _ in range(step.count)]
    return len(slots) - (_in_turn(slots, given) if need.in_sequence else _at_best(slots, given))


def are_met(needs: Iterable[Need], given: Sequence[Yes]) -> bool:
    """Whether nobody is wanted any more."""
    return all(missing(need, given) == 0 for need in needs)


def open_words(needs: Iterable[Need], given: Sequence[Yes]) -> frozenset[str]:
    """The roles and permissions whose holder's yes would bring it further."""
    return frozenset(
        step.of
        for need in needs
        for step in need.steps
        if missing(need, [*given, Yes(frozenset({step.of}))]) < missing(need, given)
    )


def _in_turn(slots: Sequence[str], given: Sequence[Yes]) -> int:
    """How many slots are filled, one after the other: a yes that came before its turn does not wait for it."""
    filled = 0
    for one in given:
        if filled < len(slots) and slots[filled] in one.words:
            filled += 1
    return filled


def _at_best(slots: Sequence[str], given: Sequence[Yes]) -> int:
    """How many slots can be filled at once, where one person fits several (augmenting paths)."""
    holder: dict[int, int] = {}

    def seat(person: int, tried: set[int]) -> bool:
        for place, of in enumerate(slots):
            if of not in given[person].words or place in tried:
                continue
            tried.add(place)
            if place not in holder or seat(holder[place], tried):
                holder[place] = person
                return True
        return False

    return sum(seat(person, set()) for person in range(len(given)))
