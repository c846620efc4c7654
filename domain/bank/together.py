"""Which payouts may have come in one line of a bank, together. Pure, as domain/bank/matching is.

Sure is what the bank's words name, to the last minor unit. What only adds up is shown to a person, and never more than
that: of a few amounts some always do.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final
from uuid import UUID

from domain.bank import matching
from domain.bank.matching import OpenLine, OpenPayout, bare

PAYOUTS_MAX: Final = 20  # in one line, by its words or by a person's
OTHERS_MAX: Final = 3  # that are looked for beside a payout by their sums
_NEAREST: Final = 12  # payouts, by their days, among which they are
SHOWN_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Share:
    """Payouts that are together a line."""

    line_id: UUID
    payout_ids: tuple[UUID, ...]


def named(
    payouts: Sequence[OpenPayout], lines: Sequence[OpenLine], denied: Collection[tuple[UUID, UUID]] = ()
) -> list[Share]:
    """The lines whose words name several payouts of one connection, and that are exactly their sum.

    Not sure is a payout that two lines name, or a name that is a part of another; `denied`: payout and line that a
    person has parted.
    """
    told = [(line, [one for one in payouts if matching.names(line, one)]) for line in lines]
    wanted = Counter(bare(one.reference) for _, some in told for one in some)
    found = []
    for line, every in told:
        some = [one for one in every if matching.may_hold(line, one)]
        sure = all(wanted[bare(one.reference)] == 1 and (one.id, line.id) not in denied for one in some)
        if sure and _are(line, some) and not _within_another(some):
            found.append(Share(line.id, tuple(one.id for one in some)))
    return found


def _are(line: OpenLine, payouts: Sequence[OpenPayout]) -> bool:
    one_connection = len({one.connection_id for one in payouts}) == 1
    return one_connection and 2 <= len(payouts) <= PAYOUTS_MAX and sum(one.amount for one in payouts) == line.amount


def _within_another(payouts: Sequence[OpenPayout]) -> bool:
    called = [bare(one.reference) for one in payouts]
    return any(one in other for number, one in enumerate(called) for other in called[:number] + called[number + 1 :])


def that_add_up(
    wanted: Sequence[OpenPayout], payouts: Sequence[OpenPayout], lines: Sequence[OpenLine]
) -> Mapping[UUID, list[Share]]:
    """Of each of the `wanted` payouts the lines that it may be with a few others of its connection and days."""
    by_amount: dict[tuple[str, int], list[OpenLine]] = defaultdict(list)
    for line in lines:
        by_amount[line.currency, line.amount].append(line)
    return {one.id: list(_of(one, payouts, by_amount))[:SHOWN_MAX] for one in wanted}


def _of(
    payout: OpenPayout, payouts: Sequence[OpenPayout], by_amount: Mapping[tuple[str, int], Sequence[OpenLine]]
) -> Iterator[Share]:
    whose = (payout.connection_id, payout.currency)
    others = [one for one in payouts if (one.connection_id, one.currency) == whose and one.id != payout.id]
    others.sort(key=lambda one: (abs(one.business_date - payout.business_date), one.business_date, one.id))
    for many in range(1, OTHERS_MAX + 1):
        for some in combinations(others[:_NEAREST], many):
            together = (payout, *some)
            for line in by_amount.get((payout.currency, sum(one.amount for one in together)), ()):
                if all(matching.may_hold(line, one) for one in together):
                    yield Share(line.id, tuple(one.id for one in together))
