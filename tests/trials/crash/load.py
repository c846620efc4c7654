"""What is asked for around a death, by clients that ask again with the same idempotencyKey until they know."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from strawberry.relay import to_base64

from domain.models import Payment
from domain.pse.capabilities import LookUp
from domain.pse.registry import capability
from domain.pse.vocabulary import Method
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import a_payment
from tests.trials.chaos.load import CREATE
from tests.trials.crash.plan import Kill, seconds_of
from tests.trials.crash.stage import KEY_OF_STORE, Account, Stage

CAPTURED = 10_000  # minor units
PARTS = (3_000, 4_500)
# So many at once that the payment is never as one of them has seen it, and they take its lock.
_CROWD = (500,) * 8
_UNDER_THE_LOCK = ("request.claimed", "request.before_commit")
_TAKEN = 2_000
_PAUSE_SECONDS = 0.2
_ASTRAY = ({"name": "duplicate", "times": 3}, {"name": "late", "seconds": 0.5}, {"name": "ok"})
_LOST = ({"name": "missing"}, {"name": "reordered"})  # only where the PSE can be asked instead


@dataclass(slots=True)
class Seen:
    """What the clients saw, of all kills."""

    accepted: dict[str, str] = field(default_factory=dict)  # idempotencyKey -> the refund's GraphQL ID
    errors: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


class Load:
    """Clients of the public API."""

    def __init__(self, stage: Stage, dice: random.Random) -> None:
        self.seen = Seen()
        self._stage = stage
        self._dice = dice

    async def refunds(self, kill: Kill) -> None:
        """A payment at the kill's PSE, in the kill's moods, and partial refunds of it."""
        parts = _CROWD if kill.point in _UNDER_THE_LOCK else PARTS
        kill.asked += len(parts)  # before anything is awaited: they belong to this kill
        payment = await self._payment(kill)
        await asyncio.gather(*(self._refund(kill, payment, amount) for amount in parts))

    async def unknown(self, kill: Kill) -> None:
        """Money that the bank takes from a payment that we were not told of: its webhook must wait."""
        hand = self._stage.accounts[kill.pse].hand
        reference = await hand.capture(CAPTURED, key=KEY_OF_STORE)
        await hand.post("med", payment=reference, amount=_TAKEN)
        kill.payments[reference] = None

    async def make_known(self, kill: Kill) -> None:
        """Register what `unknown` left out."""
        shop = self._stage.accounts[kill.pse].shop
        for reference in [reference for reference, known in kill.payments.items() if known is None]:
            found = await Payment.get_or_none(connection_id=shop.connection.id, pse_reference=reference)
            kill.payments[reference] = (found or await a_payment(shop, amount=CAPTURED, reference=reference)).id

    async def _payment(self, kill: Kill) -> Payment:
        at, account = self._stage.accounts[kill.pse], ACCOUNTS[kill.pse]
        able = capability(kill.pse, Method(account.method))
        can_ask = able.look_up is not LookUp.NONE
        astray = (*_ASTRAY, *_LOST) if can_ask else _ASTRAY
        reference = await at.hand.capture(
            CAPTURED,
            key=KEY_OF_STORE,
            moods=seconds_of(kill.moods),
            webhook_moods=[self._dice.choice(astray) for _ in PARTS],
            method=account.method,
            currency=account.currency,
        )
        facts: dict[str, Any] = {"method": Method(account.method), "currency": account.currency}
        # Of a payment that its PSE cannot be asked about, every refund would wait for a second person.
        told = not able.payment_look_up
        payment = await a_payment(at.shop, amount=CAPTURED, reference=reference, confirmed=told, **facts)
        kill.payments[reference] = payment.id
        return payment

    async def _refund(self, kill: Kill, payment: Payment, amount: int) -> None:
        key = f"crash-{uuid4()}"
        wanted = {
            "paymentId": to_base64("Payment", str(payment.id)),
            "amount": {"minorUnits": str(amount), "currency": payment.currency},
            "reason": "CUSTOMER_REQUEST",
            "idempotencyKey": key,
        }
        told = None
        while told is None:
            told = await self._ask(self._stage.accounts[kill.pse], {"input": wanted})
        refund = ((told.get("data") or {}).get("refundCreate") or {}).get("refund")
        if refund is None:
            self.seen.violations.append(f"{kill.point}: {key} was answered {str(told)[:300]}")
        else:
            self.seen.accepted[key] = refund["id"]

    async def _ask(self, account: Account, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; None when there was none, or one that says to come back."""
        try:
            answer = await self._stage.http.post(
                f"{self._stage.front.url}/graphql",
                json={"query": CREATE, "variables": variables},
                headers={"Authorization": f"Bearer {account.token}"},
            )
        except httpx.HTTPError as error:
            self.seen.errors[type(error).__name__] += 1
            await asyncio.sleep(_PAUSE_SECONDS)
            return None
        if answer.status_code == 503:
            self.seen.errors["503"] += 1
            await asyncio.sleep(_PAUSE_SECONDS)
            return None
        told: dict[str, Any] = answer.json()
        return told
