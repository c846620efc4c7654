"""The words and signs of shops: their kinds and states, what is looked at, and why their refunds wait."""

from collections.abc import Mapping
from typing import Final

from api.console.names import Sign
from api.console.words import N_

KINDS: Final[Mapping[str, str]] = {
    "GENERIC": N_("An ERP, or anything that can sign a request"),
    "SHOPIFY": N_("Shopify"),
    "SHOPIFY_PAYMENTS": N_("Shopify, as its payments app"),
    "MAGENTO": N_("Magento or Adobe Commerce"),
    "WOOCOMMERCE": N_("WooCommerce"),
    "VTEX": N_("VTEX, as its payment provider"),
    "MABANG": N_("Mabang ERP"),
}
# Which way each is wired: who moves the money, and who waits for whom.
WAYS: Final[Mapping[str, str]] = {
    "GENERIC": N_("It hands in refunds, and hears how they end."),
    "SHOPIFY": N_("It records a refund, we pay it and write back how it ended."),
    "SHOPIFY_PAYMENTS": N_("It asks for a refund and waits; its answer is final there."),
    "MAGENTO": N_("It records a refund, we pay it and write back how it ended."),
    "WOOCOMMERCE": N_("It records a refund, we pay it and write back how it ended."),
    "VTEX": N_("It asks for a refund and waits; its answer is final there."),
    "MABANG": N_("Its returns are read every ten minutes; nothing is written there."),
}
STATES: Final[Mapping[str, Sign]] = {
    "ACTIVE": Sign("●", N_("Works"), "ok"),
    "PAUSED": Sign("○", N_("Paused"), "wait"),
    "RETIRED": Sign("–", N_("Retired"), "gone"),
}
FAILING: Final = Sign("✕", N_("Cannot be asked"), "bad")
OUTCOMES: Final[Mapping[str, Sign]] = {
    "PASSED": Sign("●", N_("Passed"), "ok"),
    "FAILED": Sign("✕", N_("Failed"), "bad"),
    "UNKNOWN": Sign("◐", N_("Could not be told"), "doubt"),
    "NOT_ASKABLE": Sign("–", N_("The shop tells it to no program"), "gone"),
}
UNDER_WAY: Final = Sign("○", N_("Under way"), "wait")
CHECKS: Final[Mapping[str, str]] = {
    "CREDENTIALS": N_("The keys are right"),
    "MAY_REFUND": N_("The keys may read and write refunds"),
    "CALLBACK_REGISTERED": N_("The shop tells us what happens"),
    "CURRENCIES": N_("The currencies are known"),
    "CLOCK": N_("The clocks agree"),
}
PURPOSES: Final[Mapping[str, str]] = {
    "CHECK": N_("Preflight"),
    "POLL": N_("Looked for news"),
    "LOOK": N_("Asked about an order"),
    "TELL": N_("Told how a refund stands"),
    "RECORD": N_("Wrote a refund down"),
    "KEY": N_("Fetched a public key"),
    "TOKEN": N_("Asked for a token"),
}
REFUNDS: Final[Mapping[str, Sign]] = {
    "RECEIVED": Sign("○", N_("Just heard of"), "wait"),
    "WAITING": Sign("◐", N_("Waits for a person"), "doubt"),
    "LINKED": Sign("●", N_("A refund stands for it"), "ok"),
    "DISMISSED": Sign("–", N_("Nothing is paid for it"), "gone"),
}
WHYS: Final[Mapping[str, str]] = {
    "NO_PAYMENT": N_("No payment of the shop's store has this order. It is looked for again for a day."),
    "SEVERAL_PAYMENTS": N_("Several payments have this order, and nothing says which one is meant."),
    "OTHER_ORDER": N_("The payment that it names is of another order."),
    "OTHER_CURRENCY": N_("It is in another currency than the payment."),
    "AMOUNT_UNCLEAR": N_("The shop does not say clearly how much."),
    "ORDER_UNREADABLE": N_("The shop does not show us the order: it is too old, or we may not see it."),
    "BEFORE_CONNECTED": N_("It was made before the shop was connected, so it may be paid already."),
    "MOVED_BY_SHOP": N_("The shop's own gateway pays it: paid here too, it would be paid twice."),
    "ALREADY_REFUNDED": N_("As much of the payment has left by another way: it may be this very refund."),
    "ANOTHER_SHOP": N_("Another shop asked for as much of this payment, or may have an order of the same number."),
    "REFUSED": N_("Our own rules refuse it: the window, the amount, or a limit."),
    "CLAIMS_OURS": N_("It says that it is one of ours, and it is none that we know."),
    "TOLD_OTHERWISE": N_("The shop says something else now than it did before."),
    "CANCELED_TOO_LATE": N_("It was canceled in the shop after the money had left."),
    "RETURNED_AFTER_TOLD": N_("The shop was told that it is paid, and the money came back since. Correct it there."),
    "PAID_AFTER_TOLD": N_("The shop was told that it failed, and it was paid since. Correct it there."),
    "QUOTA": N_("The plan's refunds of this month are used up. It goes on by itself when there is room."),
    "NOT_TOLD": N_("The shop does not take how it ended. Correct it there."),
}
# There is a refund already, or the shop itself pays: what is left to do is outside, and to say so.
ONLY_DISMISSED: Final = frozenset({"NOT_TOLD", "RETURNED_AFTER_TOLD", "PAID_AFTER_TOLD", "CANCELED_TOO_LATE"})
LABELS: Final = (
    N_("API version"), N_("Access token"), N_("Access token secret"), N_("Address"), N_("Amount of a refund"),
    N_("Amount of a return"), N_("App key"), N_("App token"), N_("Client ID"), N_("Client secret"), N_("Consumer key"),
    N_("Consumer secret"), N_("Currency"), N_("Currency of a refund"), N_("Developer key"), N_("Gateways"),
    N_("Id of a refund"), N_("List of refunds"), N_("Order of a refund"), N_("Record refunds"),
    N_("Secret of the mTLS proxy"), N_("Shared secret"), N_("Shop"), N_("Status of a refund"), N_("Statuses"),
    N_("Statuses of refunds"), N_("Store view"), N_("Time of a refund"), N_("Time of a return"), N_("Version"),
    N_("Webhook secret"), N_("Where states are posted to"),
)  # fmt: skip
