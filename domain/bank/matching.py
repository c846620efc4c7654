"""Which line of a bank is which payout, or which several. Pure: payouts and lines in, pairs out; what is not sure is
left to a person.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

BY_REFERENCE: Final = "REFERENCE"
BY_AMOUNT_AND_DATE: Final = "AMOUNT_AND_DATE"
BY_PERSON: Final = "PERSON"
REFERENCE_MIN: Final = 6  # characters: a shorter one stands in many a bank's words by chance
# A payout is at the bank at most five banking days later. With weekends, and the longest run of holidays of the
# countries that we know (carnival, the Holy Week), these are that many days.
WINDOW: Final = timedelta(days=12)
_BEFORE: Final = timedelta(days=1)  # a PSE's day may end later than the bank's


@dataclass(frozen=True, slots=True)
class OpenPayout:
    """`amount` in minor units; below zero the PSE takes money from the bank."""

    id: UUID
    connection_id: UUID
    reference: str
    currency: str
    amount: int
    business_date: date
    expected_at: date | None = None


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line that proves nothing yet. `connections`: whose payouts come to its account; none: those of any."""

    id: UUID
    currency: str
    amount: int
    booked_on: date
    words: str
    connections: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Pair:
    """That a line is a payout, and how that is known."""

    payout_id: UUID
    line_id: UUID
    how: str


def candidates(payout: OpenPayout, lines: Sequence[OpenLine]) -> list[OpenLine]:
    """The lines that may be this payout: its account, currency, amount with its sign, and days."""
    return [line for line in lines if line.amount == payout.amount and may_hold(line, payout)]


def may_hold(line: OpenLine, payout: OpenPayout) -> bool:
    """Whether the payout can have come in the line, be it with others: its account, currency and days."""
    latest = max(payout.business_date, payout.expected_at or payout.business_date) + WINDOW
    return (
        line.currency == payout.currency
        and payout.business_date - _BEFORE <= line.booked_on <= latest
        and (not line.connections or payout.connection_id in line.connections)
    )


def pairs(
    payouts: Sequence[OpenPayout],
    lines: Sequence[OpenLine],
    denied: Collection[tuple[UUID, UUID]] = (),
) -> list[Pair]:
    """The pairs that are sure, each payout and line once; `denied`: payout and line that a person has parted.

    What was denied is never paired again, and still counts as a candidate: nothing is sure because a person ruled out
    the rest.

    A payout's reference in the bank's words is sure where it names one line and one payout. Without it, amount and days
    are where the merchant has said that this PSE pays out to that account, and neither has another candidate.
    """
    by_money: dict[tuple[str, int], list[OpenLine]] = defaultdict(list)
    for line in lines:
        by_money[line.currency, line.amount].append(line)
    may_be = {one.id: candidates(one, by_money[one.currency, one.amount]) for one in payouts}
    named = _only({payout.id: [line for line in may_be[payout.id] if names(line, payout)] for payout in payouts})
    found = [Pair(payout, line.id, BY_REFERENCE) for payout, line in named.items()]
    taken = {pair.line_id for pair in found}
    left = {
        payout.id: [line for line in may_be[payout.id] if line.id not in taken]
        for payout in payouts
        if payout.id not in named
    }
    by_id = {payout.id: payout for payout in payouts}
    for payout_id, line in _only(left).items():
        if by_id[payout_id].connection_id in line.connections and not _names_another(line, by_id[payout_id], payouts):
            found.append(Pair(payout_id, line.id, BY_AMOUNT_AND_DATE))
    return [pair for pair in found if (pair.payout_id, pair.line_id) not in denied]


def _only(may_be: Mapping[UUID, Sequence[OpenLine]]) -> dict[UUID, OpenLine]:
    """Those that have one candidate which is nobody else's."""
    wanted = Counter(line.id for lines in may_be.values() for line in lines)
    return {payout: lines[0] for payout, lines in may_be.items() if len(lines) == 1 and wanted[lines[0].id] == 1}


def names(line: OpenLine, payout: OpenPayout) -> bool:
    """Whether the payout's reference stands in the bank's words."""
    reference = bare(payout.reference)
    return len(reference) >= REFERENCE_MIN and reference in bare(line.words)


def _names_another(line: OpenLine, payout: OpenPayout, payouts: Sequence[OpenPayout]) -> bool:
    """Whether the bank's words name another payout of that money: then it is not this one's, whatever the days say."""
    return any(
        other.id != payout.id and (other.currency, other.amount) == (line.currency, line.amount) and names(line, other)
        for other in payouts
    )


def bare(words: str) -> str:
    """Letters and digits alone: banks cut, pad and blank what stands between them."""
    return "".join(letter for letter in words.upper() if letter.isalnum())
