"""The rules of taxes as dated data (rules/*.toml): a hint and never advice. Chosen by date first, then by status.

A rule that is not in force, or that we are not sure enough of, is given to a person.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.models.taxes import RefundCause, TaxRegime

_FOLDER: Final = Path(__file__).with_name("rules")
_EVERYWHERE: Final = "*"
_IN_FORCE: Final = "in_force"
# Believed to be right in nine of ten cases at the least; what is less sure is for a person.
_SURE: Final = frozenset({"official-text", "secondary", "vendor-doc", "unverified-high"})


class RuleKind(StrEnum):
    """What a rule is about."""

    REVERSAL = "REVERSAL"  # taking the tax of a refund back
    CANCEL = "CANCEL"  # cancelling the sale's own document instead
    RATE = "RATE"
    THRESHOLD = "THRESHOLD"  # `rate` is an amount in USD


class DeadlineKind(StrEnum):
    """From what, and how, a rule counts (domain/taxes/deadlines)."""

    NONE = "NONE"
    FORBIDDEN = "FORBIDDEN"
    PERIOD_OF_NOTE = "PERIOD_OF_NOTE"
    MONTHS_FROM_DELIVERY = "MONTHS_FROM_DELIVERY"  # until the goods are back
    MONTHS_FROM_SALE = "MONTHS_FROM_SALE"
    DAYS_FROM_SALE = "DAYS_FROM_SALE"
    DAYS_FROM_ASKED = "DAYS_FROM_ASKED"  # calendar days
    END_OF_EVENT_PERIOD = "END_OF_EVENT_PERIOD"  # `number`: months of a period
    DAY_OF_NEXT_MONTH = "DAY_OF_NEXT_MONTH"  # or the next business day
    HOURS_FROM_AUTHORISATION = "HOURS_FROM_AUTHORISATION"
    MONTH_OF_ANNUAL_RETURN = "MONTH_OF_ANNUAL_RETURN"


class Inclusion(StrEnum):
    """Whether a tax is added to the price, or lies within its own base."""

    ADDED = "ADDED"
    INSIDE = "INSIDE"


@dataclass(frozen=True, slots=True)
class LegalRule:
    """One rule. `effective_*`: the days that it holds for; `sold_*`: the days of the sales; None: not known, or open.

    `buyer`: IDENTIFIED or UNNAMED where it binds one of them; `rate`: percent; `number`: of its deadline.
    """

    id: str
    country: str
    version: str
    kind: RuleKind
    tax: str
    says: str
    status: str
    confidence: str
    source: str
    causes: frozenset[RefundCause] = frozenset(RefundCause)
    regimes: frozenset[TaxRegime] = frozenset({TaxRegime.LOCAL})
    buyer: str | None = None
    rate: str | None = None
    inclusion: Inclusion = Inclusion.ADDED
    instrument: str | None = None
    deadline: DeadlineKind = DeadlineKind.NONE
    number: int = 0
    on_miss: str | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    sold_from: date | None = None
    sold_until: date | None = None

    @property
    def is_sure(self) -> bool:
        """Whether it may be gone by without a person."""
        return self.status == _IN_FORCE and self.confidence in _SURE

    def holds(self, on: date, sold_on: date | None = None) -> bool:
        """Whether it is of that day, and of a sale of that one."""
        sold = sold_on or on
        return (
            (self.effective_from or date.min) <= on <= (self.effective_to or date.max)
            and (self.sold_from or date.min) <= sold <= (self.sold_until or date.max)
        )  # fmt: skip


def rules_of(country: str, on: date) -> Sequence[LegalRule]:
    """Every rule of a country, and of all countries, that is of that day, whatever its status."""
    return [rule for rule in _all() if rule.country in (country, _EVERYWHERE) and rule.holds(on, on)]


def reversal_rules(country: str, regime: TaxRegime, on: date, sold_on: date) -> Sequence[LegalRule]:
    """The rules that say how the tax of a refund of that day is taken back, the most particular first."""
    found = [
        rule
        for rule in _all()
        if rule.kind is RuleKind.REVERSAL
        and rule.country in (country, _EVERYWHERE)
        and regime in rule.regimes
        and rule.holds(on, sold_on)
    ]
    return sorted(found, key=_particular, reverse=True)


def _particular(rule: LegalRule) -> tuple[bool, bool, date]:
    """What speaks of the sale's day goes before what does not; then the youngest."""
    return (rule.country != _EVERYWHERE, rule.sold_until is not None, rule.effective_from or date.min)


def rule_of(rule_id: str | None) -> LegalRule | None:
    """The rule of that name; None: it is gone from the book."""
    return next((rule for rule in _all() if rule.id == rule_id), None)


@cache
def version() -> str:
    """What is written on whatever was decided by these rules: the youngest day of the book, and its digest."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in _paths())).hexdigest()[:12]
    return f"{max(rule.version for rule in _all())}/{digest}"


def _paths() -> Sequence[Path]:
    return sorted(_FOLDER.glob("*.toml"))


@cache
def _all() -> Sequence[LegalRule]:
    return [rule for path in _paths() for rule in _read(path)]


def _read(path: Path) -> Sequence[LegalRule]:
    with path.open("rb") as file:
        book = tomllib.load(file)
    return [_rule(book, row) for row in book["rule"]]


def _rule(book: Mapping[str, Any], row: Mapping[str, Any]) -> LegalRule:
    words: dict[str, Any] = {"kind": RuleKind(row["kind"])}
    if "deadline" in row:
        words["deadline"] = DeadlineKind(row["deadline"])
    if "inclusion" in row:
        words["inclusion"] = Inclusion(row["inclusion"])
    if "causes" in row:
        words["causes"] = frozenset(map(RefundCause, row["causes"]))
    if "regimes" in row:
        words["regimes"] = frozenset(map(TaxRegime, row["regimes"]))
    return LegalRule(**{"country": book["country"], "version": book["version"], **row, **words})
