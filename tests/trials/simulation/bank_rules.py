"""Accounting's other work, while all goes on: payouts that the bank proves, VAT documents, exports, checkpoints.

A mixin of RefundMachine. The bank tells each payout once, by the PSE's name of it, in statements that overlap; people
may say that a line of the same amount is another payout, and take it back.
"""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from hashlib import sha256
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from domain.bank import accounts, imports, look, proofs
from domain.bank.accounts import NewAccount
from domain.books import checkpoints, open_items
from domain.exports import asked, columns, tables
from domain.exports.asked import Kind
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.models import BankAccount, BankLine, Payout, PayoutProof, VatReversal
from domain.models.files import Purpose
from domain.models.taxes import ReversalState
from domain.taxes import work as tax_work
from tests.kit.world import quick_settings
from tests.trials.simulation import quiet
from tests.trials.simulation.features import Feature
from tests.trials.simulation.life import Life
from tests.trials.simulation.outside import PaidOut
from tests.trials.simulation.processes import Job, Process, Processes, Start
from tests.trials.simulation.truth import Violation

_PICK: Final = st.integers(0, 11)
_KILL: Final = st.sampled_from([*[None] * 6, *range(1, 25)])
_AMOUNTS: Final = st.sampled_from([500, 500, 700])
_PEOPLE_DO: Final = st.sampled_from(["prove", "prove", "void"])
_MOMENT_SECONDS: Final = 0.02
_DAY_SECONDS: Final = 86_400
_STANDING: Final = """SELECT account, sum(moved)::bigint AS held FROM ledger_entries CROSS JOIN LATERAL
    (VALUES (debit, ledger_entries.amount), (credit, -ledger_entries.amount)) AS side (account, moved)
  WHERE account IN ('BANK', 'PAYOUTS_IN_TRANSIT') AND payment_id IS NULL GROUP BY 1"""


class BankRules(RuleBasedStateMachine):
    """Payouts and their bank where the example has drawn PAYOUTS; the rest where it has drawn ACCOUNTING."""

    life: Life
    _do: Callable[[Awaitable[Any]], None]
    _start: Callable[[Job | None, int | None], Awaitable[Process | None]]
    _begin: Callable[[Job], Start]

    @precondition(lambda self: self.life.form.has(Feature.PAYOUTS))
    @rule(amount=_AMOUNTS)
    def pse_pays_out(self, amount: int) -> None:
        """Money leaves the PSE for the merchant's bank; its report of the day tells it."""
        self._do(self._pays_out(amount))

    async def _pays_out(self, amount: int) -> None:
        self.life.outside.pay_out(amount, self.life.clock.now)
        self.life.today()

    @precondition(lambda self: self.life.form.has(Feature.PAYOUTS))
    @rule(amount=_AMOUNTS, pick=_PICK, other=_PICK, kill=_KILL)
    def payday(self, amount: int, pick: int, other: int, kill: int | None) -> None:
        """Two payouts of one amount, the night that tells them, the statement that shows them, and somebody's word."""
        self._do(self._payday(amount, pick, other, kill))

    async def _payday(self, amount: int, pick: int, other: int, kill: int | None) -> None:
        for _ in range(2):
            await self._pays_out(amount)
        day = self.life.today()
        await quiet.pass_to(self.life, _DAY_SECONDS)
        await self._start(self.life.reconcile(day), None)
        await self._start(partial(hand_in, self.life, list(self.life.outside.payouts)), kill)
        await self._person("prove", pick, other, None)

    @precondition(lambda self: self.life.outside.payouts)
    @rule(pick=_PICK, kill=_KILL)
    def bank_tells(self, pick: int, kill: int | None) -> None:
        """A statement with the first so many of what came is handed in, or whoever does it dies."""
        self._do(self._bank_tells(pick, kill))

    async def _bank_tells(self, pick: int, kill: int | None) -> None:
        payouts = self.life.outside.payouts
        await self._start(partial(hand_in, self.life, payouts[: 1 + pick % len(payouts)]), kill)

    @precondition(lambda self: self.life.outside.payouts)
    @rule(what=_PEOPLE_DO, pick=_PICK, other=_PICK, kill=_KILL)
    def person_and_bank(self, what: str, pick: int, other: int, kill: int | None) -> None:
        """Somebody says that a line of its amount is a payout, which may be another's, or that it is not."""
        self._do(self._person(what, pick, other, kill))

    async def _person(self, what: str, pick: int, other: int, kill: int | None) -> None:
        await self._start(await said(self.life, what, pick, other), kill)

    @precondition(lambda self: self.life.outside.payouts)
    @rule(what=_PEOPLE_DO, pick=_PICK, other=_PICK, pause=st.integers(1, 20), bank_first=st.booleans())
    def person_beside_a_statement(self, what: str, pick: int, other: int, pause: int, bank_first: bool) -> None:
        """A person and a statement at once, interleaved at a statement of the database's."""
        self._do(self._beside(what, pick, other, pause, bank_first))

    async def _beside(self, what: str, pick: int, other: int, pause: int, bank_first: bool) -> None:
        person = await said(self.life, what, pick, other)
        if person is not None:
            told = partial(hand_in, self.life, list(self.life.outside.payouts))
            one, two = (told, person) if bank_first else (person, told)
            processes: Processes = self.life.processes
            await processes.race(self._begin(one), self._begin(two), pause)

    @precondition(lambda self: self.life.form.has(Feature.ACCOUNTING))
    @rule(pick=_PICK, declares=st.booleans(), kill=_KILL)
    def vat_document(self, pick: int, declares: bool, kill: int | None) -> None:
        """A credit note takes the VAT of a refund back, or what was documented is declared."""
        self._do(self._vat_document(pick, declares, kill))

    async def _vat_document(self, pick: int, declares: bool, kill: int | None) -> None:
        states = [ReversalState.DOCUMENTED] if declares else [ReversalState.NEEDED, ReversalState.NEEDS_REVIEW]
        found = await VatReversal.filter(merchant_id=self.life.shop.id, state__in=states).order_by("created_at", "id")
        if found:
            one, who, cause = found[pick % len(found)], self.life._person(1), self.life.cause("person-1")
            job = (
                partial(tax_work.declare, who, [one.id], f"{one.document_on or one.paid_on:%Y-%m}", cause)
                if declares
                else partial(tax_work.document, who, one.id, f"NC {one.id}", one.paid_on, cause)
            )
            await self._start(job, kill)

    @precondition(lambda self: self.life.form.has(Feature.ACCOUNTING))
    @rule(kill=_KILL)
    def marks(self, kill: int | None) -> None:
        """What was booked is counted into checkpoints, and what is open is kept: no answer changes by it."""
        self._do(self._marks(kill))

    async def _marks(self, kill: int | None) -> None:
        await self._start(partial(checkpoints.cut, patience_seconds=_MOMENT_SECONDS), kill)
        await self._start(partial(open_items.cut, patience_seconds=_MOMENT_SECONDS), kill)


async def said(life: Life, what: str, pick: int, other: int) -> Job | None:
    """What a person says of a payout that the books know."""
    payouts = await Payout.filter(merchant_id=life.shop.id).exclude(amount=0).order_by("reference")
    if not payouts:
        return None
    payout, who, cause = payouts[pick % len(payouts)], life._person(2), life.cause("person-2")
    if what == "void":
        return partial(proofs.void, who, payout.id, "It was another one.", cause)
    lines = await BankLine.filter(merchant_id=life.shop.id, amount=payout.amount).order_by("text")
    return partial(proofs.prove, who, payout.id, lines[other % len(lines)].id, cause) if lines else None


async def hand_in(life: Life, arrived: list[PaidOut]) -> None:
    """A statement with these is taken in, and what is sure is proven."""
    who, cause = life._person(1), life.cause("person-1")
    account = await BankAccount.filter(merchant_id=life.shop.id).first()
    if account is None:
        new = NewAccount("Conta", "BRL", [life.shop.connection.id])
        account = await accounts.create(who, new, "the-account-at-the-bank", cause)
    lines = [f"{one.at:%d/%m/%Y};TED {one.reference};{one.amount / 100:.2f}".replace(".", ",") for one in arrived]
    given = "\n".join(["Data;Histórico;Valor", *lines]).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield given

    with tempfile.TemporaryDirectory() as folder:
        settings = quick_settings(files=folder)
        name = NewFile(Purpose.BANK_STATEMENT, "extrato.csv", len(given), sha256(given).hexdigest())
        ticket = await tickets.announce(who, name, settings, cause)
        await tickets.take_in(ticket.file, chunks(), settings)
        await imports.hand_in(who, account.id, ticket.file.id, settings, cause)


async def check_bank(life: Life) -> None:
    """At the end: the bank has told all, and what people got wrong they took back. Raises Violation."""
    payouts = life.outside.payouts
    if not payouts:
        return
    who = life._person(1)
    for proof in await PayoutProof.filter(merchant_id=life.shop.id, voided_at=None, how="PERSON"):
        await proofs.void(who, proof.payout_id, "Looked at once more.", life.cause("person-1"))
    await hand_in(life, payouts)
    await look.look(life.shop.id, life.cause("bank"))
    parted = await PayoutProof.filter(merchant_id=life.shop.id).exclude(voided_at=None).values_list("payout_id")
    for payout in await Payout.filter(id__in=[one for (one,) in parted]):  # nobody but a person pairs those again
        line = await BankLine.get(merchant_id=life.shop.id, text=f"TED {payout.reference}")
        if not await PayoutProof.exists(payout_id=payout.id, voided_at=None):
            await proofs.prove(who, payout.id, line.id, life.cause("person-1"))
    held = {row["account"]: row["held"] for row in await life.stage.hand.fetch(_STANDING)}
    came = sum(one.amount for one in payouts)
    if held.get("BANK", 0) != came or held.get("PAYOUTS_IN_TRANSIT", 0) != 0:
        raise Violation(f"The bank has {came} of payouts, the books say {held}.")


async def check_export(life: Life) -> None:
    """At the end: an export of the ledger has every entry, and once. Raises Violation."""
    if not life.form.has(Feature.ACCOUNTING):
        return
    exported = [
        row["id"]
        async for _, page in tables.pages(life._person(1), Kind.LEDGER, asked.WantedRows(), columns.ROWS_MAX)
        for row in page
    ]
    booked = [row["id"] for row in await life.stage.hand.fetch("SELECT id FROM ledger_entries ORDER BY id")]
    if exported != booked:
        raise Violation(f"The export has {len(exported)} entries, and the ledger {len(booked)}.")
