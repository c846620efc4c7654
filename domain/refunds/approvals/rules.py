"""What a rule is, and which rules a refund meets. Pure: the facts are gathered elsewhere (facts), once.

A condition that costs a question (who was refunded before, the requester's roles) may be unknown: then nobody can say
yet whether the rule is met, and the caller gathers it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from domain.access.small import ANY_OTHER as ANY_OTHER
from domain.access.small import reached as at_least
from domain.models.refunds import Reason
from domain.money import Money
from domain.pse.vocabulary import DestinationKind, Method


class Word(StrEnum):
    """Whose word it is where the money goes."""

    STAFF = "STAFF"
    CUSTOMER = "CUSTOMER"  # typed behind the customer's link, or with the customer's own token


@dataclass(frozen=True, slots=True)
class Hours:
    """When people are at work, in the merchant's zone: from (included) until (excluded), on these ISO weekdays."""

    begin: time
    end: time
    weekdays: frozenset[int]

    def cover(self, local: datetime) -> bool:
        """Whether it is within them."""
        return local.isoweekday() in self.weekdays and self.begin <= local.time() < self.end


@dataclass(frozen=True, slots=True)
class Before:
    """That the customer was refunded at least `count` times within `days` days."""

    count: int
    days: int


@dataclass(frozen=True, slots=True)
class When:
    """The conditions of a rule; all that are given hold at once.

    `amounts`: at or above, in minor units, of the refund with what was asked for of its payment before.
    """

    amounts: Mapping[str, int] | None = None
    methods: frozenset[Method] | None = None
    pses: frozenset[str] | None = None
    stores: frozenset[UUID] | None = None
    older_than_days: int | None = None
    reasons: frozenset[Reason] | None = None
    requester_roles: frozenset[str] | None = None
    requester_is_program: bool | None = None
    requesters: frozenset[UUID] | None = None  # by who answers for them
    refunded_before: Before | None = None
    outside: Hours | None = None
    destination_kinds: frozenset[DestinationKind] | None = None
    whose_word: Word | None = None
    other_holder: bool | None = None  # the account's holder is not known to be the payer
    unproven: bool | None = None  # nobody but our client says that there is such a payment


@dataclass(frozen=True, slots=True)
class Step:
    """So many people of whom each holds this role or permission."""

    of: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Need:
    """Whose yes a rule wants. `hours`: until when, from the asking; None: as long as a refund waits at all."""

    rule: str
    why: str
    steps: tuple[Step, ...]
    in_sequence: bool = False
    hours: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Under these conditions, that need."""

    when: When
    need: Need
    conditions: tuple["Condition", ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", tuple(_conditions(self.when)))  # once, not for every refund

    @property
    def name(self) -> str:
        """What it is called; one of a merchant's own stands in the place of the default of that name."""
        return self.need.rule


@dataclass(frozen=True, slots=True)
class Named:
    """An account that was named: its kind, whose word it is, and whether its holder is known to be the payer.

    `account`: which one it is, whatever its holder is called; a keyed hash. None: nobody has looked.
    """

    kind: DestinationKind
    word: Word
    is_payers: bool
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is decided by. `roles` and `refunded_before` (times by days) are None while nobody has asked for them.

    `others`: what else was asked for that it is a part of, in minor units: what is split is as large as it was.
    """

    amount: Money
    method: Method
    pse: str
    store_id: UUID
    age: timedelta
    local: datetime
    reason: Reason
    party: UUID | None
    is_program: bool
    unproven: bool
    named: Named | None = None
    others: int = 0
    roles: frozenset[str] | None = None
    refunded_before: Mapping[int, int] | None = None


Condition = Callable[[Facts], bool | None]  # None: what is known does not say


@dataclass(frozen=True, slots=True)
class Requirement:
    """What is needed; `unknown`: rules that only further facts decide."""

    needs: tuple[Need, ...]
    unknown: tuple[Rule, ...] = ()


def decide(rules: Iterable[Rule], facts: Facts) -> Requirement:
    """Every need of every rule that is met: all of them hold, so the strictest does."""
    needs: list[Need] = []
    unknown: list[Rule] = []
    for rule in rules:
        met = rule.need.steps and _all(rule.conditions, facts)
        if met is None:
            unknown.append(rule)
        elif met:
            needs.append(rule.need)
    return Requirement(tuple(needs), tuple(unknown))


def _all(conditions: tuple["Condition", ...], facts: Facts) -> bool | None:
    """Whether all of them hold; None: what is known does not say."""
    known: bool | None = True
    for condition in conditions:
        answer = condition(facts)
        if answer is False:
            return False
        known = answer and known
    return known


def reached(amounts: Mapping[str, int], amount: Money, others: int = 0) -> bool:
    """Whether an amount, with `others` (minor units), is at or above the one of its currency; one that no word is said
    of is below."""
    return at_least(amounts, amount.minor_units + others, amount.currency)


def _conditions(when: When) -> Iterator[Condition]:
    """One for each that is given; those that are known without asking come first."""
    if (amounts := when.amounts) is not None:
        yield lambda facts: reached(amounts, facts.amount, facts.others)
    if (word := when.whose_word) is not None:
        yield lambda facts: facts.named is not None and facts.named.word is word
    if (unproven := when.unproven) is not None:
        yield lambda facts: facts.unproven is unproven
    yield from _of_the_payment(when)
    yield from _of_who_and_when(when)
    yield from _of_the_destination(when)
    yield from _what_costs(when)


def _of_the_payment(when: When) -> Iterator[Condition]:
    if (methods := when.methods) is not None:
        yield lambda facts: facts.method in methods
    if (pses := when.pses) is not None:
        yield lambda facts: facts.pse in pses
    if (stores := when.stores) is not None:
        yield lambda facts: facts.store_id in stores
    if (days := when.older_than_days) is not None:
        yield lambda facts: facts.age > timedelta(days=days)


def _of_who_and_when(when: When) -> Iterator[Condition]:
    if (reasons := when.reasons) is not None:
        yield lambda facts: facts.reason in reasons
    if (requesters := when.requesters) is not None:
        yield lambda facts: facts.party in requesters
    if (program := when.requester_is_program) is not None:
        yield lambda facts: facts.is_program is program
    if (hours := when.outside) is not None:
        yield lambda facts: not hours.cover(facts.local)


def _of_the_destination(when: When) -> Iterator[Condition]:
    if (kinds := when.destination_kinds) is not None:
        yield lambda facts: facts.named is not None and facts.named.kind in kinds
    if (other := when.other_holder) is not None:
        yield lambda facts: facts.named is not None and facts.named.is_payers is not other


def _what_costs(when: When) -> Iterator[Condition]:
    if (roles := when.requester_roles) is not None:
        yield lambda facts: None if facts.roles is None else bool(facts.roles & roles)
    if (before := when.refunded_before) is not None:
        yield lambda facts: _times(facts, before)


def _times(facts: Facts, before: Before) -> bool | None:
    times = None if facts.refunded_before is None else facts.refunded_before.get(before.days)
    return None if times is None else times >= before.count


def joined(*many: Sequence[Need]) -> tuple[Need, ...]:
    """The needs of several verdicts, each once: none takes the place of another that has its name."""
    return tuple(dict.fromkeys(need for needs in many for need in needs))
