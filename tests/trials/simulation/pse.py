"""The simulated PSE: what it holds, what it tells, and the log of money that is the oracle.

It keeps its word and nothing more: a request may be lost, late or applied without an answer, a look-up may lag, and the
same order without an idempotency key is paid again. A late or lagging request is known at the latest `look_up_grace`
after it left, and a refusal is final. It breaks its word by at most `BEYOND`, only in the mood `VERY_LATE`.
"""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from domain.pse.capabilities import Capability
from tests.trials.simulation.clock import Clock
from tests.trials.simulation.held import Held, Mood, Oracle, Order, Status, Way

BEYOND: Final = timedelta(hours=3)
# What the PSE did not know so shortly before, a lease at most, no sender can know as it sends.
FRESH: Final = timedelta(seconds=60)
_CODES: Final = {Mood.DOWN: 503, Mood.TOO_MANY: 429, Mood.IN_PROGRESS: 409}
_CODES_OF_TAKEN: Final = {Mood.APPLIED_THEN_500: 500, Mood.IN_PROCESS_400: 400}


class SimulatedPse:
    """One PSE with the abilities of `able`."""

    def __init__(self, clock: Clock, able: Capability) -> None:
        self.able = able
        self.held: list[Held] = []
        self.late: list[Order] = []
        self.news: list[dict[str, Any]] = []  # webhooks on their way
        self.oracle = Oracle()
        # Where nothing could have helped, the second payment is counted instead of made.
        self.risks: Counter[str] = Counter()
        self.excused: set[str] = set()  # our references of which the PSE has unsaid a last word, or paid other money
        self.told_at: dict[str, datetime] = {}  # when a question about a reference or a payment was last answered
        self._clock = clock
        self._replays: dict[str, tuple[datetime, int, dict[str, Any]]] = {}
        self.unique_amounts = False  # a second refund of equal amount on one payment is refused as a duplicate

    def take_order(self, order: Order, mood: Mood) -> httpx.Response | None:
        """The answer as it comes back to us; None: none comes."""
        if mood in _CODES:
            return httpx.Response(_CODES[mood])
        if mood in (Mood.LATE_REQUEST, Mood.VERY_LATE):
            self.late.append(replace(order, beyond=BEYOND) if mood is Mood.VERY_LATE else order)
        if mood in (Mood.LATE_REQUEST, Mood.VERY_LATE, Mood.LOST_REQUEST):
            return None
        again = self._lives(order.key)
        status, answer = self._apply(order)
        if mood in _CODES_OF_TAKEN:
            return httpx.Response(_CODES_OF_TAKEN[mood])
        if mood is Mood.REPLAY_ERROR and again:
            return httpx.Response(422, json={"error": "returned already"})
        return None if mood is Mood.LOST_ANSWER else httpx.Response(status, json=answer)

    def arrive_late(self, order: Order) -> None:
        self.late.remove(order)
        self._apply(order)

    def overdue(self) -> list[Order]:
        """Late requests that must arrive now, if the PSE is to keep its word."""
        return [order for order in self.late if self._known_at(order) <= self._clock.now]

    def known_by(self) -> datetime | None:
        """When the next late request must arrive."""
        return min((self._known_at(order) for order in self.late), default=None)

    def _known_at(self, order: Order) -> datetime:
        return order.left_at + self.able.look_up_grace + order.beyond

    def _apply(self, order: Order) -> tuple[int, dict[str, Any]]:
        asked = json.loads(order.body)
        if self._lives(order.key):
            return self._replays[order.key][1:]
        if (before := self._no_sender_knew_of(order, asked["reference"])) is not None:
            self.risks[before.reference] += 1
            return 200, before.told()
        twin = self.unique_amounts and self.has_amount(asked["payment"], asked["amount"])
        decision = Status.REFUSED if twin else order.decision
        held = self._hold(order, asked, decision)
        answer = (422, {"error": "refused"}) if decision is Status.REFUSED else (200, held.told())
        self._replays[order.key] = (self._clock.now, *answer)
        return answer

    def has_amount(self, payment: str, amount: int) -> bool:
        """Whether a refund of that amount has left, or may still leave."""
        return any(
            (one.payment, one.amount) == (payment, amount) and one.status is not Status.REFUSED for one in self.held
        )

    def _lives(self, key: str) -> bool:
        lifetime, replay = self.able.key_lifetime, self._replays.get(key)
        return lifetime is not None and replay is not None and self._clock.now < replay[0] + lifetime

    def _no_sender_knew_of(self, order: Order, reference: str) -> Held | None:
        """The refund that this order pays again, where the PSE broke its word and a question before it told nothing."""
        for held in self.held:
            if held.reference == reference and (order.beyond or held.broke_word):
                told_at = max(
                    (self.told_at[name] for name in (reference, held.payment) if name in self.told_at),
                    default=datetime.min.replace(tzinfo=UTC),
                )
                asked_just_before = order.left_at - FRESH <= told_at < held.visible_from
                if held.visible_from > order.left_at or asked_just_before or held.status is Status.REFUSED:
                    return held
        return None

    def _hold(self, order: Order, asked: dict[str, Any], decision: Status) -> Held:
        visible = max(self._clock.now, self._known_at(order)) if order.lags else self._clock.now
        held = Held(
            id=f"R{len(self.held):03}{asked['reference']}",
            reference=asked["reference"],
            payment=asked["payment"],
            amount=asked["amount"],
            status=Status.QUEUED,
            asked_at=self._clock.now,
            visible_from=visible,
            broke_word=bool(order.beyond),
        )
        self.held.append(held)
        self.turn(held, decision)
        return held

    def turn(self, held: Held, status: Status) -> None:
        """The PSE decides, or the money comes back: money moves, and a webhook leaves."""
        held.status = status
        if status is Status.DONE:
            held.settled_at = self._clock.now
            self.oracle.out[held.reference] = self.oracle.out.get(held.reference, 0) + held.amount
            self.oracle.times[held.reference] = self.oracle.times.get(held.reference, 0) + 1
        if status is Status.RETURNED:
            held.returned_at = self._clock.now
            self.oracle.back[held.reference] = self.oracle.back.get(held.reference, 0) + held.amount
        if not held.by_bank:
            self.news.append(self.webhook(held))

    def held_in(self, status: Status) -> list[Held]:
        """Our refunds that are there now."""
        return [one for one in self.held if one.status is status and not one.by_bank]

    def unsay(self, held: Held) -> None:
        """A refund that was refused for good is paid after all."""
        self.excused.add(held.reference)
        self.turn(held, Status.DONE)

    def webhook(self, held: Held) -> dict[str, Any]:
        """What a webhook tells of a refund."""
        return held.told()

    def look_up(self, reference: str, mood: Mood) -> httpx.Response | None:
        if mood in (Mood.DOWN, Mood.APPLIED_THEN_500):
            return httpx.Response(500)
        if mood is not Mood.OK:
            return None
        self.told_at[reference] = self._clock.now
        for held in [one for one in self.held if one.id == reference]:
            self.told_at[held.reference] = self._clock.now
        known = [one for one in self._visible() if reference in (one.reference, one.id)]
        return httpx.Response(200, json=known[-1].told()) if known else httpx.Response(404)

    def listing(self, payment: str, mood: Mood) -> httpx.Response | None:
        """The payment's refunds, without our references. What the bank took is no refund and is not listed."""
        if mood is not Mood.OK:
            return httpx.Response(500) if mood is Mood.DOWN else None
        self.told_at[payment] = self._clock.now
        listed = [one.told() for one in self._visible() if one.payment == payment and one.listed]
        return httpx.Response(200, json=[{**one, "reference": None} for one in listed])

    def _visible(self) -> list[Held]:
        return [one for one in self.held if one.visible_from <= self._clock.now]

    def turns(self) -> list[Held]:
        """What the PSE can still change: it decides, or money comes back."""
        return [one for one in self.held if one.status in (Status.QUEUED, Status.DONE) and not one.by_bank]

    def take_back(self, payment: str, amount: int, way: Way = Way.BANK) -> Held:
        """Somebody takes money without asking us (a Pix MED, a back office, a chargeback)."""
        number = len(self.held)
        now = self._clock.now
        held = Held(f"B{number:03}", f"bank{number}", payment, amount, Status.QUEUED, now, now, by_bank=True)
        held.way, held.listed = way, False
        self.held.append(held)
        self.turn(held, Status.DONE)
        return held

    def verdict(self, reference: str) -> Status | None:
        """What an honest person finds in the back office: DONE, REFUSED (nothing left), None while it is open."""
        if any(json.loads(order.body)["reference"] == reference for order in self.late):
            return None
        mine = [one for one in self.held if one.reference == reference]
        if any(one.status is Status.QUEUED for one in mine):
            return None
        return Status.DONE if self.oracle.net(reference) > 0 else Status.REFUSED

    def bank_took(self, payment: str) -> int:
        """What others took of a payment and did not give back, without chargebacks, minor units."""
        return sum(one.amount for one in self._went(payment) if one.way is not Way.CHARGEBACK)

    def charged_back(self, payment: str) -> int:
        """What is charged back of a payment, minor units."""
        return sum(one.amount for one in self._went(payment) if one.way is Way.CHARGEBACK)

    def _went(self, payment: str) -> list[Held]:
        return [one for one in self.held if one.by_bank and one.payment == payment and one.status is Status.DONE]

    def left(self, payment: str, captured: int) -> int:
        """What is left of a payment at the PSE, minor units."""
        gone = (one.amount for one in self.held if one.payment == payment and one.status is Status.DONE)
        return captured - sum(gone)

    def of_payment(self, payment: str, mood: Mood) -> httpx.Response | None:
        """The payment with what left of it: ours by our reference, if the PSE knows it, and others' by the PSE's."""
        if mood is not Mood.OK:
            return httpx.Response(500) if mood is Mood.DOWN else None
        refunds = [
            {**one.told(), "by_bank": one.by_bank, "reference": None if one.by_bank else one.reference}
            for one in self._visible()
            if one.payment == payment and one.way is not Way.CHARGEBACK
        ]
        return httpx.Response(200, json={"payment": payment, "refunds": refunds})


GRACE = timedelta(seconds=30)
