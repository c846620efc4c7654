"""What each PSE can do for each method: a table of facts with source and date (<name>/capabilities.toml)."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from domain.pse.vocabulary import DestinationKind, Method

_HERE: Final = Path(__file__).parent
_PAYMENT_GRACE_MIN: Final = timedelta(seconds=10)  # one "unknown" may come from a copy that lags


class Route(StrEnum):
    """Where a refund of this method goes."""

    ORIGINAL = "ORIGINAL"  # back the way the payment came
    PAYOUT_WITH_DESTINATION = "PAYOUT_WITH_DESTINATION"  # to an account that must be named
    PSE_COLLECTS = "PSE_COLLECTS"  # the PSE asks the customer for the account
    UNSUPPORTED = "UNSUPPORTED"


class LookUp(StrEnum):
    """How a PSE can be asked what became of a refund."""

    BY_REFERENCE = "BY_REFERENCE"  # by the reference we gave it
    BY_LISTING = (
        "BY_LISTING"  # it lists the payment's refunds: ours is the one that was not there before the first send
    )
    BY_PSE_REFERENCE = "BY_PSE_REFERENCE"  # by its own id only, so not before it has told us that id
    NONE = "NONE"


class NewsBy(StrEnum):
    """How a PSE tells how a refund goes on."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    BOTH = "BOTH"


@dataclass(frozen=True, slots=True)
class Capability:
    """What one PSE can do for one method, with the document that says so (<name>/capabilities.toml)."""

    route: Route
    source: str
    as_of: date  # when the source was read
    partial: bool = False
    several: bool = False
    window: timedelta | None = None  # from capture to the last moment a refund may be asked for; None: no limit known
    window_from: str = "capture"  # the PSE's own words for where the window begins
    needs_balance: bool = False
    key_lifetime: timedelta | None = None  # how long our reference works as idempotency key; None: it does not replay
    reference_once: bool = False  # the same order again is refused by our reference: it cannot be paid twice
    look_up: LookUp = LookUp.NONE
    look_up_grace: timedelta = timedelta(0)  # "unknown to us" is believed only this long after the last send
    news: NewsBy = NewsBy.BOTH
    expected_days: int | None = None  # how long the money takes to reach the customer
    payment_look_up: bool = False  # whether the PSE can be asked for a payment of this method
    payment_look_up_source: str = ""
    payment_look_up_age: timedelta | None = None  # how old a payment it can still be asked for; None: no limit known
    destinations: tuple[DestinationKind, ...] = ()  # which the PSE's own wire can pay; others are paid by a person
    reason: str | None = None  # why it is unsupported
    instead: str | None = None  # what else can be done

    @property
    def paid_by_hand(self) -> bool:
        """Whether the money needs a destination that the PSE's own wire cannot pay."""
        return self.route is Route.PAYOUT_WITH_DESTINATION and not self.destinations

    @property
    def pays_again(self) -> bool:
        """Whether the same order, sent twice, can be paid twice: it has no key, and its reference is no hindrance."""
        return self.key_lifetime is None and not self.reference_once

    def shows_payment(self, age: timedelta) -> bool:
        """Whether the PSE can be asked for a payment that was captured so long ago."""
        return self.payment_look_up and (self.payment_look_up_age is None or age < self.payment_look_up_age)

    @property
    def payment_grace(self) -> timedelta:
        """How long "we know no such payment" must last before it is believed."""
        return max(self.look_up_grace, _PAYMENT_GRACE_MIN)

    def can_ask(self, pse_refund_reference: str | None) -> bool:
        """Whether the PSE can be asked about a refund of which it has told us this id (None: none yet)."""
        if self.look_up is LookUp.BY_PSE_REFERENCE:
            return pse_refund_reference is not None
        return self.look_up is not LookUp.NONE


def load(pse: str) -> Mapping[Method, Capability]:
    """The table of one PSE. A row that cannot be read is a bug of the table and raises."""
    with (_HERE / pse / "capabilities.toml").open("rb") as file:
        return {Method(method): read(row) for method, row in tomllib.load(file).items()}


@dataclass(frozen=True, slots=True)
class Unconnected:
    """What is published of a PSE that has no connector here."""

    pse: str
    method: Method
    able: Capability


def unconnected() -> Sequence[Unconnected]:
    """The rows of unconnected.toml, in their order."""
    with (_HERE / "unconnected.toml").open("rb") as file:
        listed = tomllib.load(file)["row"]
    return [Unconnected(row.pop("pse"), Method(row.pop("method")), read(row)) for row in listed]


def read(row: Mapping[str, Any]) -> Capability:
    """One row. Durations are `window_days`, `key_hours`, `look_up_grace_seconds`, `payment_look_up_days`; a missing one
    is none.
    """
    facts = dict(row)
    days, hours = facts.pop("window_days", None), facts.pop("key_hours", None)
    age = facts.pop("payment_look_up_days", None)
    return Capability(
        route=Route(facts.pop("route")),
        look_up=LookUp(facts.pop("look_up", LookUp.NONE)),
        news=NewsBy(facts.pop("news", NewsBy.BOTH)),
        window=None if days is None else timedelta(days=days),
        key_lifetime=None if hours is None else timedelta(hours=hours),
        payment_look_up_age=None if age is None else timedelta(days=age),
        look_up_grace=timedelta(seconds=facts.pop("look_up_grace_seconds", 0)),
        destinations=tuple(DestinationKind(kind) for kind in facts.pop("destinations", ())),
        **facts,
    )
