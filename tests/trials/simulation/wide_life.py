"""One example's world at a PSE with habits, and what the product owes to the webhooks that come from there."""

import dataclasses
import json
from datetime import date
from functools import partial
from typing import Any, Final

from domain.access.principal import role_reach
from domain.access.tokens import Role
from domain.models import Refund
from domain.models.refunds import State
from domain.pse.registry import capability
from domain.pse.vocabulary import Method
from domain.refunds import doubt
from domain.refunds.doubt import Verdict
from tests.kit.factories import Shop
from tests.trials.simulation.features import Feature
from tests.trials.simulation.held import Status
from tests.trials.simulation.life import Life
from tests.trials.simulation.processes import Job, Process
from tests.trials.simulation.promises import Kind, Promise
from tests.trials.simulation.stage import Stage
from tests.trials.simulation.wide_pse import Manner, WidePse

_EVIDENCE: Final = "The PSE's back office, looked at just now."


class WideLife(Life):
    """A life at a PSE with habits."""

    pse: WidePse

    def __init__(self, stage: Stage, shop: Shop, features: frozenset[Feature], manner: Manner) -> None:
        super().__init__(
            stage, shop, features, WidePse(stage.clock, capability(shop.connection.pse, Method.PIX), manner)
        )
        self.promises: list[Promise] = []
        self.slow: list[Process] = []  # between two statements, with no transaction open

    async def reported(self, day: date) -> dict[str, bytes]:
        told = await super().reported(day)
        return told if self.pse.manner.report_names_ours else {kind: _unnamed(one) for kind, one in told.items()}

    def support_says(self, refund: Refund, person: int) -> Job | None:
        """What somebody of support says, who sees the back office as it is now."""
        seen = self.pse.seen(refund.reference)
        if seen is None:
            return None
        verdict = Verdict.PAID if seen is Status.DONE else Verdict.NOT_PAID
        who = dataclasses.replace(self._person(person), reach=role_reach(Role.SUPPORT))
        return partial(doubt.resolve, who, refund.id, verdict, _EVIDENCE, self.cause(f"support-{person}"))

    def says(self, refund: Refund, verdict: Verdict, person: int) -> Job:
        """What somebody says who has looked before, and may say it early."""
        cause = self.cause(f"person-{person}")
        return partial(doubt.resolve, self._person(person), refund.id, verdict, _EVIDENCE, cause)

    async def owe(self, told: dict[str, Any]) -> None:
        """Note what the product owes to a webhook that is delivered now."""
        about = next((one for one in self.pse.held if one.id == told["id"]), None)
        refund = None if about is None else await Refund.get_or_none(reference=about.reference)
        if about is None or refund is None:
            return
        if told["status"] == "look":
            kind = Kind.HINT
        elif refund.state is State.SUCCEEDED and (told["status"] == "refused" or told["amount"] != refund.amount):
            kind = Kind.CONTRARY
        else:
            return
        self.promises.append(Promise(kind, about.reference, self.clock.now, self.body(told, 0)))


def _unnamed(content: bytes) -> bytes:
    return json.dumps([{**line, "reference": None} for line in json.loads(content)]).encode()
