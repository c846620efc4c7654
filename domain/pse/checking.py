"""What a preflight is made of: an account at a PSE, what its PSE is asked about it, and what came of each check."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import httpx

from domain.pse.vocabulary import InDoubt, Unsent

Answered = httpx.Response | Unsent | InDoubt  # Unsent, InDoubt: why there is none
_Whole = TypeVar("_Whole")
Asking = Generator[httpx.Request, Answered, _Whole]


class CheckCode(StrEnum):
    """What is looked at, in the order in which a person reads it."""

    CREDENTIALS = "CREDENTIALS"  # the PSE knows the key
    EGRESS_ADDRESS = "EGRESS_ADDRESS"  # the PSE answers the address that we ask from
    MERCHANT_ACTIVE = "MERCHANT_ACTIVE"  # the merchant is through the PSE's own examination and may be paid
    MAY_REFUND = "MAY_REFUND"  # the key may refund, and not only read
    CALLBACK_REGISTERED = "CALLBACK_REGISTERED"  # the PSE tells us what happens
    CURRENCIES = "CURRENCIES"
    REPORT_COLUMNS = "REPORT_COLUMNS"  # the night's report can be had, with what it is compared by
    CLOCK = "CLOCK"
    CERTIFICATE = "CERTIFICATE"


class CheckOutcome(StrEnum):
    """UNKNOWN: it could be asked, and was not answered now. NOT_ASKABLE: the PSE tells it to no program."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    NOT_ASKABLE = "NOT_ASKABLE"


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: what was seen, in words, and what to do on which page of the PSE's back office ("" when it passed)."""

    code: CheckCode
    outcome: CheckOutcome
    saw: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class PseAccount:
    """A merchant's account at a PSE, as far as a preflight needs it."""

    base_url: str
    client_id: str
    currencies: frozenset[str]  # ISO 4217, of what the merchant takes there
    webhook_url: str | None  # where the PSE is to tell us; None: the outside cannot reach us
    token_url: str | None = None
    report_url: str | None = None
