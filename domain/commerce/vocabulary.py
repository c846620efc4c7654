"""What a shop can say and be told: the words that all dialects share. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.models.refunds import State
from domain.money import Money


class ShopKind(StrEnum):
    """What a shop runs on: each speaks a dialect."""

    GENERIC = "GENERIC"  # anything that can sign a request: an ERP, a robot, a module
    SHOPIFY = "SHOPIFY"
    SHOPIFY_PAYMENTS = "SHOPIFY_PAYMENTS"  # a payments app: the shop asks and waits
    MAGENTO = "MAGENTO"  # and Adobe Commerce
    WOOCOMMERCE = "WOOCOMMERCE"
    VTEX = "VTEX"  # its Payment Provider Protocol: the shop asks and waits
    MABANG = "MABANG"


@dataclass(frozen=True, slots=True)
class ShopAccess:
    """A shop's address and credentials, opened. `options`: its settings, by the names of its dialect's fields.

    `public_keys`: PEM by path, of a platform that signs with keys of its own which it publishes.
    """

    shop_id: UUID
    address: str
    secrets: Mapping[str, str] = field(repr=False)
    options: Mapping[str, str]
    public_keys: Mapping[str, str] = field(default_factory=dict)

    def option(self, name: str, default: str = "") -> str:
        """What the merchant has set under this name; an empty word counts as none."""
        return self.options.get(name) or default

    def listed(self, name: str) -> frozenset[str]:
        """The words of an option that is a list, separated by commas; in lower case."""
        return frozenset(word.strip().lower() for word in self.option(name).split(",") if word.strip())


class Why(StrEnum):
    """Why a shop's refund waits for a person."""

    NO_PAYMENT = "NO_PAYMENT"  # no payment of the shop's store has this order or transaction
    SEVERAL_PAYMENTS = "SEVERAL_PAYMENTS"  # the order has more than one, and nothing says which
    OTHER_ORDER = "OTHER_ORDER"  # the payment is of another order than the refund
    OTHER_CURRENCY = "OTHER_CURRENCY"
    AMOUNT_UNCLEAR = "AMOUNT_UNCLEAR"
    ORDER_UNREADABLE = "ORDER_UNREADABLE"  # the shop does not show us the order: too old, or no scope
    BEFORE_CONNECTED = "BEFORE_CONNECTED"  # made in the shop before it was connected, or nobody says when
    MOVED_BY_SHOP = "MOVED_BY_SHOP"  # the shop's own gateway pays it, or has paid it
    ALREADY_REFUNDED = "ALREADY_REFUNDED"  # as much has left, or is leaving, that no shop asked for
    ANOTHER_SHOP = "ANOTHER_SHOP"  # it asked for as much of this payment, or may have an order of this number
    REFUSED = "REFUSED"  # our own rules: window, amount, cap
    CLAIMS_OURS = "CLAIMS_OURS"  # it bears a reference of ours that another refund of the shop has, or nobody
    TOLD_OTHERWISE = "TOLD_OTHERWISE"  # the same refund was told again with another amount or order
    CANCELED_TOO_LATE = "CANCELED_TOO_LATE"  # canceled in the shop after it was sent
    RETURNED_AFTER_TOLD = "RETURNED_AFTER_TOLD"  # the money came back, and the shop can be told no more
    PAID_AFTER_TOLD = "PAID_AFTER_TOLD"  # it was told as failed for good, tried again here, and paid
    QUOTA = "QUOTA"  # the plan's refunds of this month are used up; it goes on by itself
    NOT_TOLD = "NOT_TOLD"  # the shop does not take what became of it


@dataclass(frozen=True, slots=True)
class SaidRefund:
    """A refund as a shop speaks of it. What cannot be used is in `why` and `because`, and then no money moves.

    `name`: the shop's own id of it. `amount` None: all that is left (or it is unclear, and `why` says so).
    `ours`: a reference of ours that it bears, so we wrote it.
    """

    name: str
    order: str | None = None
    number: str | None = None  # what people call the order
    payments: tuple[str, ...] = ()  # names of the payment, of which its PSE has one
    amount: Money | None = None
    ours: str | None = None
    canceled: bool = False
    made_at: datetime | None = None  # in the shop
    reason: str | None = None
    why: Why | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class LookAt:
    """Something of an order is new: its refunds are asked for. `seen`: what was said of one, where we may not ask.

    `bare`: it is shown without any refund, so that none may be new.
    """

    order: str
    seen: "SaidRefund | None" = None
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """The merchant has taken our access away."""


@dataclass(frozen=True, slots=True)
class NothingToUs:
    """Authentic, kept, and about nothing that we do."""

    what: str


Told = SaidRefund | LookAt | Uninstalled | NothingToUs


@dataclass(frozen=True, slots=True)
class Polled:
    """What a sweep has found, all of it up to its end."""

    told: list[Told]


@dataclass(frozen=True, slots=True)
class ShopNews:
    """What a shop is told of one refund."""

    id: UUID  # of the shop's refund with us: messages about it have names made of it
    name: str | None  # the shop's own id of it
    order: str | None
    number: str | None
    payments: tuple[str, ...]
    reference: str | None  # ours
    refund_id: UUID | None
    state: State | None  # None: no refund was made of it
    amount: Money | None
    why: str = ""  # of what failed or waits
    at: datetime | None = None  # when it is told
    given_up: bool = False  # the shop was told to have it paid by hand: nothing of it was sent, nor will be

    @property
    def paid(self) -> bool:
        """Whether the customer has the money: the refund has SUCCEEDED."""
        return self.state is State.SUCCEEDED

    @property
    def stands(self) -> str:
        """One word for how it stands: the refund's state; where there is none, whether there may yet be one."""
        if self.state is not None:
            return self.state.value
        return "DISMISSED" if self.given_up else "WAITING"


@dataclass(frozen=True, slots=True)
class ShopDone:
    """The shop has taken it. `name`: its id of what was written."""

    detail: str = ""
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ShopLater:
    """Not now. `seconds`: as long as it asks to be left alone."""

    why: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ShopRefuses:
    """It will never take this: a person must look."""

    why: str


@dataclass(frozen=True, slots=True)
class ShopHasNone(ShopRefuses):
    """It has no such order: of an order of another place there is nothing to write there, and nobody to call."""


Outcome = ShopDone | ShopLater | ShopRefuses


@dataclass(frozen=True, slots=True)
class ShopReply:
    """What is answered at once to whoever called us."""

    status: int
    body: bytes = b""
    media_type: str | None = None


class KeyWanted(Exception):
    """It is signed with a published key that we do not have yet: `path` is where it is published."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Conflict(Exception):
    """The same name was given before with other content."""


ENDED: Final = frozenset({State.SUCCEEDED, State.FAILED, State.REJECTED, State.CANCELED, State.EXPIRED, State.RETURNED})
