"""The lives that made-up refunds have: which payment, how much, which states and when. Pure, and the same for a seed.

Lives follow domain/refunds/states.MOVES, so each has the ledger entries that its moves make.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from domain.models.refunds import RELEASED, State

S = State
PATHS: Final[Mapping[State, tuple[State, ...]]] = {
    S.SUCCEEDED: (S.REQUESTED, S.SUBMITTED, S.SUCCEEDED),
    S.RETURNED: (S.REQUESTED, S.SUBMITTED, S.SUCCEEDED, S.RETURNED),
    S.FAILED: (S.REQUESTED, S.SUBMITTED, S.FAILED),
    S.CANCELED: (S.REQUESTED, S.CANCELED),
    S.REJECTED: (S.AWAITING_APPROVAL, S.REJECTED),
    S.EXPIRED: (S.AWAITING_DESTINATION, S.EXPIRED),
    S.AWAITING_DESTINATION: (S.AWAITING_DESTINATION,),
    S.AWAITING_APPROVAL: (S.AWAITING_DESTINATION, S.AWAITING_APPROVAL),
    S.REQUESTED: (S.REQUESTED,),
    S.SUBMITTED: (S.REQUESTED, S.SUBMITTED),
    S.PENDING: (S.REQUESTED, S.SUBMITTED, S.PENDING),
    S.MANUAL: (S.REQUESTED, S.MANUAL),
}
# Of a hundred old refunds; the newest ones are under way, each state as often as the others.
_ENDED: Final = (S.SUCCEEDED,) * 88 + (S.FAILED,) * 6 + (S.RETURNED,) * 2 + (S.CANCELED,) * 2 + (S.REJECTED, S.EXPIRED)
_UNDER_WAY: Final = tuple(state for state in PATHS if state not in _ENDED)
_NEW: Final = 128  # one in so many is under way
_YEAR: Final = timedelta(days=365)
_PARTS: Final = (1, 1, 2, 4)  # a refund asks for the whole, for a half or for a quarter
_TAX_PERCENT: Final = 18


@dataclass(slots=True)
class Life:
    """A refund. Amounts in minor units, moments in UTC; `moments` has one for each state of its path."""

    id: str
    state: State
    amount: int
    tax: int
    moments: Sequence[datetime]
    retry_of: str | None = None


@dataclass(slots=True)
class PaymentLife:
    """A payment with its refunds."""

    id: str
    number: int
    merchant: int
    captured: int
    tax: int
    captured_at: datetime
    refunds: list[Life] = field(default_factory=list)

    def held(self, *, by: frozenset[State] | None = None) -> int:
        """What its refunds hold: those in one of these states, or all that have not ended unpaid."""
        return sum(one.amount for one in self.refunds if (one.state in by if by else one.state not in RELEASED))


def uuid_of(chance: Random) -> str:
    """A random UUID of version 4, as text."""
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def sales(refunds: int, merchants: int, until: datetime, seed: int) -> Iterator[PaymentLife]:
    """So many refunds with their payments, oldest first, over the year before `until`; one payment in five has none."""
    chance = Random(seed)  # noqa: S311 - made-up lives guard nothing
    made = number = 0
    while made < refunds:
        sale = _sale(chance, number, merchants, until - _YEAR + _YEAR * made / refunds)
        if number % 5:
            made += _refund(chance, sale, made, refunds, until)
        number += 1
        yield sale


def _sale(chance: Random, number: int, merchants: int, at: datetime) -> PaymentLife:
    captured = chance.randrange(2_000, 200_000) * 4
    before = timedelta(seconds=chance.randrange(3_600, 20 * 86_400))
    tax = captured * _TAX_PERCENT // 100
    return PaymentLife(uuid_of(chance), number, number % merchants, captured, tax, at - before)


def _refund(chance: Random, sale: PaymentLife, made: int, refunds: int, until: datetime) -> int:
    """Give a sale its refund, and where that failed another one; how many these are."""
    left = refunds - made
    young = left <= max(refunds // _NEW, len(_UNDER_WAY))
    state = _UNDER_WAY[left % len(_UNDER_WAY)] if young else chance.choice(_ENDED)
    begun = until - _YEAR + _YEAR * made / refunds
    amount = sale.captured // chance.choice(_PARTS)
    sale.refunds.append(_life(chance, sale, state, amount, begun, until))
    if state is not S.FAILED or left < 2 or chance.random() < 0.3:
        return 1
    again = _life(chance, sale, S.SUCCEEDED, amount, begun + timedelta(hours=1), until)
    again.retry_of = sale.refunds[0].id
    sale.refunds.append(again)
    return 2


def _life(chance: Random, sale: PaymentLife, state: State, amount: int, begun: datetime, until: datetime) -> Life:
    steps = [timedelta(seconds=chance.randrange(1, 20) * 17**number / 17) for number in range(len(PATHS[state]))]
    moments = [min(begun + sum(steps[: number + 1], timedelta()), until) for number in range(len(steps))]
    return Life(uuid_of(chance), state, amount, sale.tax * amount // sale.captured, moments)
