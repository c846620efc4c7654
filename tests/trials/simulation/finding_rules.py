"""Accounting works findings off: one person says what became of one, another confirms, somebody opens it again.

People are honest: what may still be paid out while a finding is open (refunds/held) they leave open.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from domain.access.principal import Principal
from domain.findings import limits, money, work
from domain.findings.work import Resolution
from domain.models import ApprovalRule, Finding
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money
from tests.trials.simulation.features import Feature
from tests.trials.simulation.life import Life
from tests.trials.simulation.processes import Job, Process, Start

_PICK: Final = st.integers(0, 11)
_KILL: Final = st.sampled_from([*[None] * 12, *range(1, 17)])
_KINDS: Final = (
    *("MISSING_IN_LEDGER", "BANK_INITIATED", "DUPLICATE_REFUND", "CONTRADICTION", "AMOUNT_MISMATCH", "DUPLICATE_LINE"),
    *("CURRENCY_MISMATCH", "UNKNOWN_LINE", "UNCLEAR_LINE", "MISSING_IN_REPORT", "RETURNED"),
)
_WHAT: Final = st.sampled_from(["resolve", "resolve", "resolve", "confirm", "reopen"])
_LIMIT: Final = 2_500
_MOVING: Final = (
    ClosingReason.WRITE_OFF,
    ClosingReason.FEE,
    ClosingReason.CHARGEBACK,
    ClosingReason.REFUND_OF_OURS,
    ClosingReason.CLAIMED_FROM_PSE,
)
_GIVING: Final = (ClosingReason.WRITE_OFF, ClosingReason.FEE, ClosingReason.CLAIMED_FROM_PSE)  # of claims
_NOTE: Final = "The PSE's statement says so."


class FindingRules(RuleBasedStateMachine):
    """It plays where the example has drawn ACCOUNTING."""

    life: Life
    _do: Callable[[Awaitable[Any]], None]
    _start: Callable[[Job | None, int | None], Awaitable[Process | None]]
    _begin: Callable[[Job], Start]

    @precondition(lambda self: self.life.form.has(Feature.ACCOUNTING))
    @rule(what=_WHAT, pick=_PICK, person=st.integers(1, 2), kill=_KILL)
    def accounting(self, what: str, pick: int, person: int, kill: int | None) -> None:
        """A person works on a finding; above a limit that is low here, another one confirms."""
        self._do(self._accounting(what, pick, person, kill))

    async def _accounting(self, what: str, pick: int, person: int, kill: int | None) -> None:
        await self._start(await self._accountants(what, pick, person), kill)

    @precondition(lambda self: self.life.form.has(Feature.ACCOUNTING))
    @rule(pick=_PICK, pause=st.integers(1, 15), whats=st.tuples(_WHAT, _WHAT))
    def two_accountants(self, pick: int, pause: int, whats: tuple[str, str]) -> None:
        """Two people at once, on findings of one merchant, often of one payment."""
        self._do(self._two(pick, pause, whats))

    async def _two(self, pick: int, pause: int, whats: tuple[str, str]) -> None:
        jobs = [await self._accountants(what, pick + place, 1 + place) for place, what in enumerate(whats)]
        if None not in jobs:
            one, two = (self._begin(job) for job in jobs if job is not None)
            await self.life.processes.race(one, two, pause)

    @precondition(lambda self: self.life.form.has(Feature.ACCOUNTING) and self.life.days)
    @rule(pick=_PICK, pause=st.integers(1, 15), what=_WHAT)
    def accountant_and_night(self, pick: int, pause: int, what: str) -> None:
        """A person works on a finding while a night is at work."""
        self._do(self._beside_a_night(pick, pause, what))

    async def _beside_a_night(self, pick: int, pause: int, what: str) -> None:
        job = await self._accountants(what, pick, 1)
        if job is not None:
            night = self.life.reconcile(max(self.life.days))
            await self.life.processes.race(self._begin(job), self._begin(night), pause)

    async def _accountants(self, what: str, pick: int, person: int) -> Job | None:
        await self._limited()
        found = await Finding.filter(merchant_id=self.life.shop.id, kind__in=_KINDS).order_by("created_at", "id")
        wanted = [one for one in found if (one.resolved_at is not None) == (what == "reopen")]
        if not wanted:
            return None
        finding, who = wanted[pick % len(wanted)], self._accountant(person)
        cause = self.life.cause(who.holder)
        match what:
            case "resolve":
                return partial(work.resolve, who, finding.id, await self._resolution(finding, pick), cause)
            case "confirm":
                return partial(work.confirm, who, finding.id, cause)
        return partial(work.reopen, who, finding.id, _NOTE, cause)

    async def _resolution(self, finding: Finding, pick: int) -> Resolution:
        suspended = await money.of(finding)
        own = suspended.own
        if own == 0:
            return Resolution(ClosingReason.EXPLAINED, _NOTE)
        if suspended.may_come and pick % 2 == 0:
            return Resolution(ClosingReason.EXPLAINED, _NOTE)
        is_claim = suspended.claim != 0
        if pick == 0:
            account = Account.ROUNDING if is_claim else Account.SALES_RETURNS
            return Resolution(ClosingReason.CORRECTED, _NOTE, account=account)
        moving = _GIVING if is_claim else _MOVING
        reason = moving[pick % len(moving)]
        claimed = reason is ClosingReason.CLAIMED_FROM_PSE and own > 0
        came = Money(own // 2, suspended.currency) if claimed else None
        return Resolution(reason, _NOTE, came=came)

    def _accountant(self, number: int) -> Principal:
        return self.life._person(number)

    async def _limited(self) -> None:
        """From a small amount on two people are wanted."""
        of_merchant = ApprovalRule.filter(merchant_id=self.life.shop.id, kind=limits.KIND)
        if not await of_merchant.exists():
            await self.life.stage.hand.execute(
                "INSERT INTO approval_rules (id, merchant_id, kind, name, body, loosens, proposed_by, proposed_by_id, "
                "  proposed_at, started_at) VALUES ($1, $2, $3, $4, $5, false, 'person-1', $1, now(), now())",
                uuid4(),
                self.life.shop.id,
                limits.KIND,
                limits.NAME,
                f'{{"amounts": {{"BRL": {_LIMIT}}}}}',
            )
