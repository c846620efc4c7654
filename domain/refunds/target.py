"""Where a new refund goes: back by itself, to an account that came with it, or to one that is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.models.refunds import State
from domain.problems import InvalidInput
from domain.pse.capabilities import Route
from domain.pse.registry import capability
from domain.pse.vocabulary import AccountDetails, Method
from domain.refunds.approvals.rules import Named, Need, Word
from domain.refunds.destination import accounts, destinations
from domain.refunds.destination.destinations import Given


@dataclass(frozen=True, slots=True)
class Target:
    """Whether the customer is asked where it goes, and the destination that came with it."""

    is_asked_for: bool = False
    destination: AccountDetails | None = None
    named: Named | None = None

    def state_with(self, wanted: Sequence[Need]) -> State:
        """Where a refund begins that needs this: the destination comes first, an approval is bound to it."""
        if self.is_asked_for:
            return State.AWAITING_DESTINATION
        return State.AWAITING_APPROVAL if wanted else State.REQUESTED


def waits_for_destination(payment: Mapping[str, Any]) -> bool:
    """Whether the money has no way back, so that somebody must name an account."""
    return capability(payment["pse"], Method(payment["method"])).route is Route.PAYOUT_WITH_DESTINATION


async def place_to_go(payment: Mapping[str, Any], given: Given | None, word: Word, secret: bytes | None) -> Target:
    """Where a refund of this (locked) payment goes, with what was given, by whose word. Raises InvalidInput."""
    if given is None:
        return Target(waits_for_destination(payment))
    check_takes(payment, given)
    assert secret is not None, "A destination is never kept in clear."
    merchant_id = payment["merchant_id"]
    destination = accounts.checked(given.kind, given.values, payment["currency"], ["input", "destination"])
    await destinations.check_guess(payment["id"], payment["customer_digest"], destination, secret)
    matches = await destinations.is_the_payers(payment["customer_digest"], merchant_id, destination, secret)
    account = await destinations.account_of(secret, destination)
    return Target(destination=destination, named=Named(given.kind, word, matches, account))


def check_takes(payment: Mapping[str, Any], given: Given) -> None:
    """Raises InvalidInput where no account is named for this payment, or none of this kind."""
    able = capability(payment["pse"], Method(payment["method"]))
    if able.route is Route.ORIGINAL:
        raise InvalidInput(
            f"{payment['pse']} sends {payment['method']} money back the way it came: leave destination out.",
            path=["input", "destination"],
        )
    if able.route is Route.PSE_COLLECTS and given.kind not in able.destinations:
        raise InvalidInput(
            f"{payment['pse']} asks the customer for the account of a {payment['method']} refund itself: leave "
            "destination out.",
            path=["input", "destination"],
        )
