"""What a quote says, as it is kept and read again: every number with its basis, and what is unknown with why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from domain.money import Money


class CostName(StrEnum):
    """What a refund costs the merchant beside its amount."""

    REFUND_FEE = "REFUND_FEE"  # what the PSE takes for refunding
    ORIGINAL_FEE = "ORIGINAL_FEE"  # what it does not give back of the payment's own fee
    FX_DIFFERENCE = "FX_DIFFERENCE"  # what the money is worth more today than it was


class RefundWay(StrEnum):
    """Which way the money goes."""

    ORIGINAL = "ORIGINAL"  # back as it came
    TO_DESTINATION = "TO_DESTINATION"  # the PSE pays an account that must be named
    PSE_COLLECTS = "PSE_COLLECTS"  # the PSE asks the customer for an account
    BY_HAND = "BY_HAND"  # a person pays an account that must be named


class Instead(StrEnum):
    """What else could be done."""

    BY_HAND = "BY_HAND"  # a person pays it (refundTakeManual)
    WAIT_FOR_BALANCE = "WAIT_FOR_BALANCE"  # until the PSE has enough of the merchant's money
    AS_PUBLISHED = "AS_PUBLISHED"  # what the PSE's documents say


@dataclass(frozen=True, slots=True)
class Basis:
    """By what a number was found: a rule in words, with the schedule or the rate that it used."""

    rule: str
    schedule_id: int | None = None
    schedule_from: date | None = None
    source: str | None = None
    rate_id: int | None = None
    rate: str | None = None
    rate_date: date | None = None
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """One cost. `amount` None: unknown, and `unknown` says why. `is_gain`: it comes to the merchant."""

    name: CostName
    amount: Money | None
    is_gain: bool = False
    basis: Basis | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Takes:
    """Days until the money has reached the customer."""

    typical_days: int | None = None
    at_most_days: int | None = None
    source: str | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else could be done, in words."""

    kind: Instead
    says: str


@dataclass(frozen=True, slots=True)
class Figures:
    """A quote. `tax`: the VAT within the amount, of which None is unknown. `until` in UTC."""

    costs: Sequence[Cost]
    tax: Money | None
    tax_says: str
    way: RefundWay
    takes: Takes
    until: datetime | None
    until_says: str
    alternatives: Sequence[Alternative]

    @property
    def total(self) -> tuple[Money, bool] | None:
        """All costs together, and whether they are a gain; None: one is unknown, or they are of several currencies."""
        known = [one.amount for one in self.costs if one.amount is not None]
        if len(known) < len(self.costs) or len({one.currency for one in known}) != 1:
            return None
        signed = sum(one.amount.minor_units * (-1 if one.is_gain else 1) for one in self.costs if one.amount)
        return Money(abs(signed), known[0].currency), signed < 0


def as_json(figures: Figures) -> dict[str, Any]:
    """As a quote keeps them."""
    made: dict[str, Any] = _plain(asdict(figures))
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def from_json(kept: Mapping[str, Any]) -> Figures:
    """What `as_json` made."""
    return Figures(
        costs=[_cost(one) for one in kept["costs"]],
        tax=_money(kept["tax"]),
        tax_says=kept["tax_says"],
        way=RefundWay(kept["way"]),
        takes=Takes(**kept["takes"]),
        until=datetime.fromisoformat(kept["until"]) if kept["until"] else None,
        until_says=kept["until_says"],
        alternatives=[Alternative(Instead(one["kind"]), one["says"]) for one in kept["alternatives"]],
    )


def _cost(kept: Mapping[str, Any]) -> Cost:
    basis = kept["basis"]
    return Cost(
        name=CostName(kept["name"]),
        amount=_money(kept["amount"]),
        is_gain=kept["is_gain"],
        basis=Basis(**{**basis, **{name: _day(basis[name]) for name in ("schedule_from", "rate_date")}})
        if basis
        else None,
        unknown=kept["unknown"],
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _money(kept: Mapping[str, Any] | None) -> Money | None:
    return Money(kept["minor_units"], kept["currency"]) if kept else None
