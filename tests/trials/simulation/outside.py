"""Money that moves at the simulated PSE without us: back office, bank, chargebacks; and what its reports get wrong."""

from dataclasses import dataclass
from datetime import datetime

from tests.trials.simulation.held import Held, Status, Way
from tests.trials.simulation.pse import SimulatedPse


@dataclass(slots=True)
class Mistake:
    """A line of money that never left, told until the report is revised."""

    payment: str
    amount: int
    told_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class PaidOut:
    """Money that left the PSE for the merchant's bank. `amount` in minor units."""

    reference: str
    amount: int
    at: datetime


class Outside:
    """What others do at the PSE."""

    def __init__(self, pse: SimulatedPse, *, news: bool) -> None:
        self.mistakes: list[Mistake] = []
        self.payouts: list[PaidOut] = []
        self.last_first = False  # whether reports have their lines the other way round
        self.mistaken: dict[str, int] = {}  # what was told wrongly so far, per payment, minor units
        self._mistaken_so_far = 0
        self._pse = pse
        self._news = news

    def take(self, payment: str, amount: int, way: Way) -> Held:
        """Money of a payment leaves. `amount` in minor units, at most what is left of it at the PSE."""
        held = self._pse.take_back(payment, amount, way)
        self._tell(held)
        return held

    def give_back(self, held: Held) -> None:
        """It comes back: a back-office refund bounces, the bank undoes it, a chargeback is reversed."""
        self._pse.turn(held, Status.RETURNED)
        self._tell(held)

    def _tell(self, held: Held) -> None:
        if self._news:
            chargeback = held.way is Way.CHARGEBACK
            told = {**held.told(), "reference": None, "payment": held.payment, "chargeback": chargeback}
            self._pse.news.append(told)

    def went(self) -> list[Held]:
        """What has left without us and has not come back."""
        return [held for held in self._pse.held if held.by_bank and held.status is Status.DONE]

    def mistake(self, payment: str, amount: int, now: datetime) -> None:
        """Today's report tells of money that never left."""
        self._mistaken_so_far += 1
        self.mistakes.append(Mistake(payment, amount, now, self._mistaken_so_far))
        self.mistaken[payment] = self.mistaken.get(payment, 0) + amount

    def mistell(self, held: Held, amount: int) -> None:
        """The report tells another amount of what left, until it is revised."""
        held.told_as = amount
        self.mistaken[held.payment] = self.mistaken.get(held.payment, 0) + amount

    def pay_out(self, amount: int, now: datetime) -> None:
        """The PSE pays out."""
        self.payouts.append(PaidOut(f"po-{len(self.payouts) + 1:04}x7Q", amount, now))

    def revise(self) -> None:
        """The PSE corrects its reports: they tell the truth from now on."""
        self.mistakes.clear()
        for held in self._pse.held:
            held.told_as = None
