"""What the rules say of the tax of one refund. Pure: facts in, a state out, with the rule that said so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from domain.models.refunds import Reason
from domain.models.taxes import RefundCause, ReversalState, TaxRegime
from domain.taxes import rulebook
from domain.taxes.deadlines import Days, IsBusinessDay, term_of
from domain.taxes.rulebook import LegalRule


class Review(StrEnum):
    """Why a person is asked (words.toml says each in four languages)."""

    COUNTRY_UNSURE = "COUNTRY_UNSURE"
    NO_RULE = "NO_RULE"
    RULE_UNSURE = "RULE_UNSURE"
    CAUSE_UNKNOWN = "CAUSE_UNKNOWN"
    DAYS_UNKNOWN = "DAYS_UNKNOWN"
    BUYER_UNKNOWN = "BUYER_UNKNOWN"
    RETURNED_AFTER_DOCUMENT = "RETURNED_AFTER_DOCUMENT"
    DOCUMENT_CANCELED = "DOCUMENT_CANCELED"
    EXCEEDS_DECLARED = "EXCEEDS_DECLARED"


# What a refund's reason says of its cause; what is not here says nothing of it.
CAUSES: Final[Mapping[Reason, RefundCause]] = {
    Reason.DUPLICATE_PAYMENT: RefundCause.BILLING_ERROR,
    Reason.NOT_DELIVERED: RefundCause.CANCELLATION,
    Reason.PRICE_ADJUSTMENT: RefundCause.DISCOUNT,
}
# Whose country the currency is; dollars are of several.
COUNTRIES: Final[Mapping[str, frozenset[str]]] = {
    "ARS": frozenset({"AR"}),
    "BOB": frozenset({"BO"}),
    "BRL": frozenset({"BR"}),
    "CLP": frozenset({"CL"}),
    "COP": frozenset({"CO"}),
    "CRC": frozenset({"CR"}),
    "DOP": frozenset({"DO"}),
    "GTQ": frozenset({"GT"}),
    "MXN": frozenset({"MX"}),
    "PEN": frozenset({"PE"}),
    "PYG": frozenset({"PY"}),
    "UYU": frozenset({"UY"}),
}


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """What is known of a refund that has left, and of its sale. None: nobody has said it.

    `country_is_said`: by somebody, for this store or connection; else it is the merchant's own.
    """

    country: str
    regime: TaxRegime
    currency: str
    days: Days
    cause: RefundCause | None = None
    buyer_identified: bool | None = None
    country_is_said: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """Where the reversal stands, by which rule, until when; `reason` of a review."""

    state: ReversalState
    rule: LegalRule | None
    due_on: date | None = None
    reason: Review | None = None


def weigh(facts: RefundFacts, works: IsBusinessDay) -> Weighed:
    """What is to be done about the tax. A cause is asked for only where the answer hangs on it."""
    known = COUNTRIES.get(facts.currency)
    if known is not None and facts.country not in known and not facts.country_is_said:
        return _review(Review.COUNTRY_UNSURE)
    if facts.cause is not None:
        return _of_buyer(facts, works)
    each = [_of_buyer(replace(facts, cause=cause), works) for cause in RefundCause]
    if len({one.state for one in each}) > 1:
        return _review(Review.CAUSE_UNKNOWN, _strictest(each).rule)
    return _strictest(each)


def _of_buyer(facts: RefundFacts, works: IsBusinessDay) -> Weighed:
    if facts.buyer_identified is not None:
        return _by_rule(facts, works)
    named, unnamed = (_by_rule(replace(facts, buyer_identified=known), works) for known in (True, False))
    return named if named.state is unnamed.state else _review(Review.BUYER_UNKNOWN, unnamed.rule)


def _by_rule(facts: RefundFacts, works: IsBusinessDay) -> Weighed:
    rule = _chosen(facts)
    if rule is None:
        return _review(Review.NO_RULE)
    if not rule.is_sure:
        return Weighed(ReversalState.NEEDS_REVIEW, rule, term_of(rule, facts.days, works).until, Review.RULE_UNSURE)
    term = term_of(rule, facts.days, works)
    if term.met is None:
        return Weighed(ReversalState.NEEDS_REVIEW, rule, term.until, Review.DAYS_UNKNOWN)
    return Weighed(ReversalState.NEEDED if term.met else ReversalState.NOT_RECOVERABLE, rule, term.until)


def _chosen(facts: RefundFacts) -> LegalRule | None:
    """The first rule of the day that is of this cause and buyer; only then is its status looked at."""
    buyer = "IDENTIFIED" if facts.buyer_identified else "UNNAMED"
    found = rulebook.reversal_rules(facts.country, facts.regime, facts.days.event or facts.days.paid, facts.days.sold)
    return next((one for one in found if facts.cause in one.causes and one.buyer in (None, buyer)), None)


def _strictest(each: list[Weighed]) -> Weighed:
    return min(each, key=lambda one: one.due_on or date.max)


def _review(reason: Review, rule: LegalRule | None = None) -> Weighed:
    return Weighed(ReversalState.NEEDS_REVIEW, rule, None, reason)
