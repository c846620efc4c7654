"""The simulated PSE with the habits of real ones: it tells little, changes its mind, and lets people at its panel."""

import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from domain.pse.capabilities import Capability
from tests.trials.simulation.clock import Clock
from tests.trials.simulation.held import Held, Order, Status, Way
from tests.trials.simulation.pse import SimulatedPse

_JUST_LISTED: Final = timedelta(seconds=60)  # a worker may still be about to act on a listing


class Webhooks(StrEnum):
    """What a webhook tells."""

    FULL = "FULL"
    ID_ONLY = "ID_ONLY"  # the PSE's own id, and not ours
    HINT = "HINT"  # that there is news: the same bytes each time


@dataclass(frozen=True, slots=True)
class Manner:
    """How a PSE speaks."""

    webhooks: Webhooks = Webhooks.FULL
    report_names_ours: bool = True


class WidePse(SimulatedPse):
    """One PSE with the abilities of `able` and a manner of speaking."""

    def __init__(self, clock: Clock, able: Capability, manner: Manner) -> None:
        super().__init__(clock, able)
        self.manner = manner
        self.odd: set[str] = set()  # our references of which it has paid another amount than was asked for

    def webhook(self, held: Held) -> dict[str, Any]:
        if self.manner.webhooks is Webhooks.HINT:
            return {"reference": held.reference, "id": held.id, "status": "look"}
        told = {**held.told(), "payment": held.payment}
        return {**told, "reference": None} if self.manner.webhooks is Webhooks.ID_ONLY else told

    def denied(self) -> list[Order]:
        """Late requests of which it has said after its grace that it does not know them."""
        grace = self.able.look_up_grace
        names = [(order, json.loads(order.body)["reference"]) for order in self.late]
        return [order for order, name in names if name in self.told_at and self.told_at[name] > order.left_at + grace]

    def recall(self, held: Held) -> None:
        """A refund that was done fails after all: the money is back, and the word is that of a failure."""
        held.says = Status.REFUSED
        self.turn(held, Status.RETURNED)

    def tell_other_amount(self, held: Held) -> dict[str, Any]:
        """A webhook about a refund tells of another amount than it has."""
        told = {**self.webhook(held), "amount": held.amount + 1}
        self.news.append(told)
        return told

    def pay_other(self, held: Held) -> None:
        """A refund that was queued is done with another amount than was asked for."""
        held.amount = max(1, held.amount // 2) if held.amount > 1 else 2
        self.odd.add(held.reference)
        self.turn(held, Status.DONE)

    def refund_by_hand(self, payment: str, amount: int) -> None:
        """Somebody refunds in the PSE's panel: it is listed, and no webhook comes."""
        self.take_back(payment, amount, Way.BACK_OFFICE).listed = True

    def listed_lately(self, payment: str) -> bool:
        """Whether somebody may act on a listing that has just been given."""
        return payment in self.told_at and self._clock.now - self.told_at[payment] < _JUST_LISTED

    def tell_of_strange(self, held: Held) -> None:
        """A webhook about money that left without us names the payment."""
        self.news.append({**held.told(), "reference": None, "payment": held.payment})

    def seen(self, reference: str) -> Status | None:
        """What a person sees in the back office now, who cannot know what is still on its way."""
        mine = [one for one in self.held if one.reference == reference]
        if any(one.status is Status.QUEUED for one in mine):
            return None
        return Status.DONE if self.oracle.net(reference) > 0 else Status.REFUSED
