"""What would become of each row of a sheet of refunds, as things stand: nothing is sent, and nothing is counted.

Rows are judged one after the other, as they will be worked off: what an earlier row takes of a payment is gone for a
later one. The rules and caps are those that hold for a refund that is asked for by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal, Scope
from domain.batches import columns, known
from domain.batches.columns import SheetKind
from domain.batches.known import OnFile, Twins
from domain.batches.lines import Line, Read
from domain.batches.verdicts import SAID_MAX, Judged, RowVerdict, key_of, named, number_of, problem_of, refused
from domain.cause import Cause
from domain.models import Connection, Store
from domain.models.refunds import Reason
from domain.money import Money
from domain.payments.refundable import checked_amount
from domain.problems import InvalidInput, Problem
from domain.pse.vocabulary import DestinationKind
from domain.refunds.approvals import asking, caps, facts, standing
from domain.refunds.approvals.caps import Over
from domain.refunds.approvals.facts import Requester
from domain.refunds.approvals.rules import Named, Requirement, Word, decide
from domain.refunds.approvals.standing import RulesInForce
from domain.refunds.destination import accounts
from domain.refunds.destination.destinations import Given
from domain.refunds.request import NOTE_LENGTH_MAX
from domain.refunds.target import check_takes, waits_for_destination


async def of_refunds(principal: Principal, read: Read, cause: Cause) -> list[Judged]:
    """The verdicts, in the sheet's order. Raises Forbidden."""
    scope = principal.scope(Permission.REFUND)
    keys = [key_of(SheetKind.REFUNDS, read.digest, one) for one in read.lines]
    have = await known.of_refunds(principal.merchant_id, read.lines, keys)
    judge = await _Judge.of(principal, scope, have, cause)
    return [await judge.judged(line, key) for line, key in zip(read.lines, keys, strict=True)]


@dataclass(slots=True)
class _Judge:
    """One pass over a sheet, with what its rows so far have taken."""

    scope: Scope
    have: OnFile
    stores: Mapping[str, UUID]
    connections: Mapping[UUID, Connection]
    rules: RulesInForce
    requester: Requester
    cause: Cause
    keys: set[str] = field(default_factory=set)
    counted: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # by cap and subject

    @classmethod
    async def of(cls, principal: Principal, scope: Scope, have: OnFile, cause: Cause) -> "_Judge":
        stores = await Store.filter(merchant_id=principal.merchant_id)
        connections = await Connection.filter(merchant_id=principal.merchant_id)
        return cls(
            scope,
            have,
            {columns.plain(name): one.id for one in stores for name in (one.name, one.code)},
            {one.id: one for one in connections},
            await standing.read(principal.merchant_id),
            Requester.of(principal, cause.party),
            cause,
        )

    async def judged(self, line: Line, key: str) -> Judged:
        """The row's verdict; what it would take is taken."""
        if line.refusal is not None:
            return refused(line, key, line.refusal.code, line.refusal.said)
        try:
            payment = self._payment(line)
            if (before := self._before(line, key, payment)) is not None:
                return before
            amount = checked_amount(payment, line.amount)
            if (twin := self._twin(line, key, payment, amount)) is not None:
                return twin
            return await self._decided(line, key, payment, amount)
        except _Unusable as unusable:
            return refused(line, key, unusable.code, str(unusable))
        except Problem as problem:
            told = problem_of(problem)
            return refused(line, key, told.code, told.said)

    def _payment(self, line: Line) -> dict[str, Any]:
        """The one payment that the row means. Raises _Unusable."""
        found = [self.have.payments[one] for one in self.have.named.get(line.row, ()) if one in self.have.payments]
        fitting = [one for one in found if self.scope.covers(one) and self._fits(line, one)]
        if not (line.get("order") or line.get("payment")):
            raise _Unusable("NOT_FOUND", "The row names no order and no payment.")
        if not fitting:
            raise _Unusable("NOT_FOUND", f"No payment of yours is {named(line)}: register it first, or correct it.")
        if len(fitting) > 1:
            told = ", ".join(one["pse_reference"] for one in fitting[:5])
            raise _Unusable(
                "AMBIGUOUS", f"{named(line)} has {len(fitting)} payments ({told}): say which, as Payment id."
            )
        (payment,) = fitting
        if line.get("payment") and line.get("order") and payment["order_reference"] not in (None, line.get("order")):
            raise _Unusable("MISMATCH", f"This payment is of the order {payment['order_reference']}.")
        return payment

    def _fits(self, line: Line, payment: Mapping[str, Any]) -> bool:
        store, place = line.get("store"), line.get("connection")
        if store and self.stores.get(columns.plain(store)) != payment["store_id"]:
            return False
        connection = self.connections[payment["connection_id"]]
        return not place or columns.plain(place) in {
            columns.plain(one) for one in (connection.name, connection.pse, str(connection.id))
        }

    def _before(self, line: Line, key: str, payment: Mapping[str, Any]) -> Judged | None:
        """What the same row, or its number, has come to before; or that it stands here twice."""
        if key in self.keys:
            return refused(line, key, "DUPLICATE_ROW", "Another row of this sheet has this refund number.")
        self.keys.add(key)
        earlier = self.have.earlier.get(key)
        if earlier is None:
            return None
        same = earlier["payment_id"] == payment["id"] and line.amount in (
            None,
            Money(earlier["amount"], earlier["currency"]),
        )
        if not same:
            return refused(line, key, "NUMBER_USED", "This refund number was used for another payment or amount.")
        said = f"It was asked for before: refund {earlier['reference']} is {earlier['state']}."
        return self._of(line, key, payment, Money(earlier["amount"], earlier["currency"]), RowVerdict.DONE, said)

    def _twin(self, line: Line, key: str, payment: Mapping[str, Any], amount: Money) -> Judged | None:
        live = self.have.live.get((payment["id"], amount.minor_units), Twins())
        if live.beside(line.get("number")) == 0 or columns.is_yes(line.get("again")):
            return None
        said = (
            f"{amount} of this payment was asked for before (refund {live.reference}): if it is to be refunded once "
            "more, write yes in the column Again."
            if live.reference
            else f"{amount} of this payment was asked for before by another row of this sheet: if it is to be refunded "
            "once more, write yes in the column Again."
        )
        return self._of(line, key, payment, amount, RowVerdict.DUPLICATE, said, "LIKELY_DUPLICATE")

    async def _decided(self, line: Line, key: str, payment: dict[str, Any], amount: Money) -> Judged:
        reason = reason_of(line)
        if len(line.get("note")) > NOTE_LENGTH_MAX or not line.get("note").isprintable():
            raise _Unusable("INVALID_INPUT", f"Note takes at most {NOTE_LENGTH_MAX} printable characters.")
        given = given_of(line)
        account = None
        if given is not None:
            check_takes(payment, given)
            accounts.checked(given.kind, given.values, payment["currency"], ["destination"])
            account = Named(given.kind, Word.STAFF, is_payers=False)
        needed = await self._needed(payment, amount, reason, account)
        held = await self._held(payment, amount)
        live = self.have.live.setdefault((payment["id"], amount.minor_units), Twins())
        seen = live.beside(line.get("number"))
        live.add(line.get("number"))
        payment["reserved"] += amount.minor_units
        if given is None and waits_for_destination(payment):
            verdict, said = RowVerdict.ASKS, "The method has no way back: the customer is asked for an account."
        elif needed.needs or held:
            names = sorted({*(one.rule for one in needed.needs), *held})
            verdict, said = RowVerdict.WAITS, f"Another person must approve it ({', '.join(names)})."
        else:
            verdict, said = RowVerdict.GOES, "It is asked for at once."
        return replace(self._of(line, key, payment, amount, verdict, said), seen=seen)

    async def _needed(
        self, payment: Mapping[str, Any], amount: Money, reason: Reason, account: Named | None
    ) -> Requirement:
        about = facts.of_payment(payment, amount, reason, self.requester, account)
        if about.unproven and payment["id"] in self.have.shown:
            about = replace(about, unproven=False)
        verdict = decide(self.rules.rules, about)
        # Only rules that ask who was refunded before, or which roles somebody has, cost a question for each row.
        return await facts.weighed(self.rules.rules, about, payment, self.requester) if verdict.unknown else verdict

    async def _held(self, payment: Mapping[str, Any], amount: Money) -> list[str]:
        """The caps by which it must wait; it is counted here alone. Raises CapExceeded."""
        asked, held = asking.counted(payment, amount, self.requester, self.cause), []
        for cap, subject in caps.applying(self.rules.caps, asked):
            place = (cap.name, subject)
            if place not in self.counted:
                self.counted[place] = await caps.so_far(cap, subject, asked)
            so_far, times = self.counted[place]
            if not caps.fits(cap, so_far + amount.minor_units, times + 1):
                if cap.over is Over.REFUSE:
                    raise caps.exceeded(cap, asked, self.counted[place])
                held.append(cap.name)
            self.counted[place] = (so_far + amount.minor_units, times + 1)
        return held

    @staticmethod
    def _of(
        line: Line,
        key: str,
        payment: Mapping[str, Any],
        amount: Money,
        verdict: RowVerdict,
        said: str,
        code: str | None = None,
    ) -> Judged:
        places = (payment["id"], payment["store_id"])
        return Judged(line.row, key, named(line), verdict, said[:SAID_MAX], code, number_of(line), amount, *places)


class _Unusable(Exception):
    """The row cannot be used, in a sentence."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


def reason_of(line: Line) -> Reason:
    """The row's reason; where it says none, another one. Raises InvalidInput for a word that is none of ours."""
    told = line.get("reason")
    if not told:
        return Reason.OTHER
    found = columns.reason_of(told)
    if found is None:
        raise InvalidInput(f"{told[:40]!r} is no reason: there are {', '.join(Reason)}.")
    return found


def given_of(line: Line) -> Given | None:
    """The account that the row names, for a method without a way back; None: it names none."""
    holder = {"holder_name": line.get("holder"), "holder_tax_id": line.get("tax_id")}
    if line.get("pix_key"):
        return Given(DestinationKind.PIX_KEY, {"pix_key": line.get("pix_key"), **holder})
    if line.get("clabe"):
        return Given(DestinationKind.MX_CLABE, {"clabe": line.get("clabe"), **holder})
    return None
