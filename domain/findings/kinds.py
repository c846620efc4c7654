"""The kinds of finding, and of each: how grave it is, when it is due, and what people read (findings.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from domain.access.small import ANY_OTHER, SMALL, reached
from domain.languages import LOCALES
from domain.money import Money


class FindingKind(StrEnum):
    """What is wrong."""

    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    STATUS_MISMATCH = "STATUS_MISMATCH"
    MISSING_IN_LEDGER = "MISSING_IN_LEDGER"
    MISSING_IN_REPORT = "MISSING_IN_REPORT"
    VAT_REVERSAL_NEEDED = "VAT_REVERSAL_NEEDED"
    CHARGEBACK = "CHARGEBACK"
    DOUBT_UNRESOLVED = "DOUBT_UNRESOLVED"
    PENDING_TOO_LONG = "PENDING_TOO_LONG"
    NOT_SENT = "NOT_SENT"
    CONTRADICTION = "CONTRADICTION"
    NOTICE_UNMATCHED = "NOTICE_UNMATCHED"
    NIGHT_FAILED = "NIGHT_FAILED"
    DUPLICATE_LINE = "DUPLICATE_LINE"
    UNCLEAR_LINE = "UNCLEAR_LINE"
    UNREADABLE_FILE = "UNREADABLE_FILE"
    UNKNOWN_LINE = "UNKNOWN_LINE"
    CONTRADICTORY_FILE = "CONTRADICTORY_FILE"
    CONNECTION_REFUSED = "CONNECTION_REFUSED"
    PREFLIGHT_FAILED = "PREFLIGHT_FAILED"
    EXPIRES_SOON = "EXPIRES_SOON"
    PAYMENT_UNKNOWN = "PAYMENT_UNKNOWN"
    PAYMENT_DIFFERS = "PAYMENT_DIFFERS"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    FEE_MISMATCH = "FEE_MISMATCH"
    FX_MISMATCH = "FX_MISMATCH"
    DUPLICATE_REFUND = "DUPLICATE_REFUND"
    BANK_INITIATED = "BANK_INITIATED"
    RETURNED = "RETURNED"
    BATCH_UNBALANCED = "BATCH_UNBALANCED"
    BALANCE_DIFFERS = "BALANCE_DIFFERS"
    PAYOUT_MISSING = "PAYOUT_MISSING"
    BANK_LINE_UNKNOWN = "BANK_LINE_UNKNOWN"
    EXPONENT_SUSPECTED = "EXPONENT_SUSPECTED"
    VAT_REVERSAL_OVERDUE = "VAT_REVERSAL_OVERDUE"
    VAT_DOCUMENT_DIFFERS = "VAT_DOCUMENT_DIFFERS"
    AFTER_CLOSING = "AFTER_CLOSING"
    REPORT_UNCONFIRMED = "REPORT_UNCONFIRMED"
    HANDED_IN_DIFFERS = "HANDED_IN_DIFFERS"
    ADJUSTMENT_UNEXPLAINED = "ADJUSTMENT_UNEXPLAINED"


LEAST, MOST = 1, 4
# At or above these, minor units, a finding weighs one more, and two more; a currency that is not named does not.
RAISED: Final[Mapping[str, int]] = {currency: least for currency, least in SMALL.items() if currency != ANY_OTHER}
RAISED_MORE: Final[Mapping[str, int]] = {currency: least * 25 for currency, least in RAISED.items()}


@dataclass(frozen=True, slots=True)
class KnownKind:
    """Of one kind. `severity`: before amount and age; `due_in`: from when it is found; the words are by locale."""

    severity: int
    due_in: timedelta
    title: Mapping[str, str]
    because: Mapping[str, str]
    action: Mapping[str, str]


def known(kind: FindingKind) -> KnownKind:
    """What is known of a kind."""
    return table()[kind]


@lru_cache(maxsize=1)
def table() -> Mapping[FindingKind, KnownKind]:
    """Every kind. Raises KeyError where one has no words: a bug of ours."""
    with Path(__file__).with_name("findings.toml").open("rb") as file:
        told = tomllib.load(file)
    return {
        kind: KnownKind(
            told[kind]["severity"],
            timedelta(days=told[kind]["days"]),
            told[kind]["title"],
            told[kind]["because"],
            told[kind]["action"],
        )
        for kind in FindingKind
    }


def severity(kind: FindingKind, amount: Money) -> int:
    """How grave it is when it is found, 1 to 4; each night it is looked at again (findings/growing)."""
    raised = sum(reached(more, amount.minor_units, amount.currency) for more in (RAISED, RAISED_MORE))
    return min(MOST, known(kind).severity + raised)


def locale_of(accepted: str | None) -> str:
    """The language of LOCALES that a header Accept-Language wants most; English where it wants none of them."""
    wanted: list[tuple[float, str]] = []
    for place, part in enumerate((accepted or "")[:200].split(",")[:20]):
        name, _, quality = part.strip().partition(";q=")
        weight = _weight(quality)
        if weight > 0 and (found := _spoken(name.strip().lower())) is not None:
            wanted.append((weight - place / 1_000, found))
    return max(wanted)[1] if wanted else LOCALES[0]


def _weight(quality: str) -> float:
    """A q-value of HTTP, which is no money: what is none wants nothing, and none at all is 1."""
    is_number = quality.isascii() and len(quality) <= 5 and quality.replace(".", "", 1).isdigit()
    return float(quality) if is_number else float(not quality)


def _spoken(name: str) -> str | None:
    exact = next((one for one in LOCALES if one.lower() == name), None)
    return exact or next((one for one in LOCALES if one.split("-")[0] == name.split("-")[0]), None)
