"""Taking in a file of tax documents: each once, a revised or canceled one undone by adding; the file is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid4

from tortoise.expressions import Subquery
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.books import ledger
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.files import content
from domain.findings import findings, names
from domain.models import File, Merchant, TaxCancellation, TaxDocument, TaxDocumentShare, VatReversal
from domain.models.files import Purpose
from domain.models.taxes import ReversalState
from domain.platform.apart import apart
from domain.platform.database import execute, transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput, NotFound
from domain.taxes import entered, match, moves, versions
from domain.taxes.documents import read
from domain.taxes.documents.said import Cancellation, Document, Said, Unread
from domain.taxes.versions import CANCELED, REVISED
from domain.taxes.weigh import COUNTRIES

IMPORT: Final = "taxDocumentImport"
_TOLD_MAX: Final = 500
UNREAD_MAX: Final = 100  # shown; all are counted
_CONTRADICTS: Final = (
    "A document of that name is known and says something else; what its authority signed never changes."
)
IS_CANCELED: Final = "It was canceled before: it takes nothing back."
_AHEAD: Final = "Its day lies ahead."
_NOT_KNOWN: Final = (
    "It says that a document is canceled or rejected that was not handed in, nor entered so: nothing hung on "
    "it, and if it comes, it takes nothing back."
)


@dataclass(slots=True)
class Imported:
    """What came of a file. `unread`: the first of what could not be read, or took nothing back, each with why.

    `latest`: the last day that a document of it can have.
    """

    latest: date

    new: int = 0
    same: int = 0
    revised: int = 0
    canceled: int = 0
    unread: int = 0
    matched: int = 0
    why: list[Unread] = field(default_factory=list)

    def note(self, where: str, why: str) -> None:
        """Count what could not be read."""
        self.unread += 1
        if len(self.why) < UNREAD_MAX:
            self.why.append(Unread(where[:_TOLD_MAX], why[:_TOLD_MAX]))


def readable(principal: Principal) -> QuerySet[TaxDocument]:
    """The documents; to who reads some stores' ledgers, those of their refunds. Raises Forbidden."""
    scope = principal.scope(Permission.READ_LEDGER)
    found = TaxDocument.filter(merchant_id=scope.merchant_id)
    if scope.stores is None:
        return found
    theirs = TaxDocumentShare.filter(merchant_id=scope.merchant_id, reversal__store_id__in=list(scope.stores))
    return found.filter(id__in=Subquery(theirs.values("document_id")))


async def read_file(principal: Principal, file_id: UUID, settings: Settings) -> tuple[File, Sequence[Said]]:
    """The file, and what it says. Raises Forbidden, NotFound, InvalidInput; ContentAway, Unsealable."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    path = ["input", "fileId"]
    file = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id, purpose=Purpose.TAX_DOCUMENT)
    if file is None or file.stored_at is None or file.sealed_key is None:
        raise NotFound("There is no such file for TAX_DOCUMENT, or it has not come.", path=path)
    given = await content.get(settings, file)
    country = (await Merchant.get(id=file.merchant_id)).country
    said = await apart(file.merchant_id, read.read, given, country, currency_of(country))
    if not said:
        raise InvalidInput("There is nothing in the file.", path=path)
    return file, said


async def latest(merchant_id: UUID) -> date:
    """The last day that a document can have: it is tomorrow already where some were issued."""
    return await ledger.today(merchant_id) + timedelta(days=1)


async def take_in(principal: Principal, file_id: UUID, settings: Settings, cause: Cause) -> Imported:
    """Read a file that was handed in as TAX_DOCUMENT. The same again changes nothing.

    Each document is a transaction of its own: stopped in the middle, the same file goes on.
    Raises Forbidden, NotFound, InvalidInput; ContentAway, Unsealable.
    """
    file, said = await read_file(principal, file_id, settings)
    done = Imported(latest=await latest(file.merchant_id))
    async with transaction():
        what = {"file_sha256": [None, file.sha256], "name": [None, file.name], "documents": [None, len(said)]}
        await deeds.note(file.merchant_id, IMPORT, Of("file", file_id), cause, what)
    for one in said:
        await _take(file, one, done, cause)
    return done


def currency_of(country: str) -> str:
    """The currency of a country's documents that name none."""
    return next((currency for currency, known in COUNTRIES.items() if country in known), "USD")


async def _take(file: File, said: Said, done: Imported, cause: Cause) -> None:
    if isinstance(said, Unread):
        done.note(said.where, said.why)
        return
    async with transaction():
        await _one_at_a_time(file.merchant_id, said.name)
        if isinstance(said, Cancellation):
            await _cancel(file, said, done, cause)
        else:
            await _one_at_a_time(file.merchant_id, f"{said.issued_on}/{said.total}")  # of whatever name
            await _add(file, said, done, cause)


async def _one_at_a_time(merchant_id: UUID, name: str) -> None:
    """One file at a time speaks of a document, until the caller's transaction ends."""
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"tax-document/{merchant_id}/{name}")


async def _add(file: File, said: Document, done: Imported, cause: Cause) -> None:
    known = await versions.known(file.merchant_id, said)
    refused = refusal(said, known, done.latest)
    if refused is None and await versions.is_canceled_before(file.merchant_id, said):
        refused = IS_CANCELED
    if refused is not None:
        done.note(said.where or said.number, refused)
        return
    current = versions.standing(known)
    if current is None:
        done.new += 1
        await _give(await _stored(file, said), said, done, cause)
    elif await versions.is_told(current, said):
        done.same += 1
        await again(current, cause)
    else:
        done.revised += 1
        await _revise(file, current, said, done, cause)


async def _revise(file: File, current: TaxDocument, said: Document, done: Imported, cause: Cause) -> None:
    if await versions.says_the_same(current, said):
        shares = await versions.end(current, REVISED)
        await versions.take_over(await _stored(file, said), shares)
        done.matched += 1
        return
    declared = await _declared(current)
    await end(current, REVISED, cause)
    row = await _stored(file, said)
    await _give(row, said, done, cause)
    for reversal in await VatReversal.filter(id__in=list(declared), state=ReversalState.DOCUMENTED):
        # What was filed stands in its return, whatever else its document says now.
        reversal.state, reversal.period = ReversalState.DECLARED, declared[reversal.id]
        await moves.save(reversal)


async def _declared(document: TaxDocument) -> dict[UUID, str | None]:
    """Of the refunds that it is of, those that stand in a return, and in which."""
    shares = TaxDocumentShare.filter(document_id=document.id, voided_at=None)
    found = VatReversal.filter(id__in=Subquery(shares.values("reversal_id")), state=ReversalState.DECLARED)
    return {row.id: row.period for row in await found}


async def _give(row: TaxDocument, said: Document, done: Imported, cause: Cause) -> None:
    """To the refunds that it is of."""
    done.matched += await _matched(row, cause)
    if row.problem is not None:
        done.note(said.where or said.number, row.problem)


def refusal(said: Document, known: Sequence[TaxDocument], latest: date) -> str | None:
    """Why a document is not taken, by those of its name that are known; None: it is."""
    if said.issued_on > latest:
        return _AHEAD
    if any(one.ended_because == CANCELED for one in known):
        return IS_CANCELED
    current = versions.standing(known)
    if current is None or current.facts == said.facts:
        return None
    return _CONTRADICTS if said.kind in versions.SIGNED and current.kind in versions.SIGNED else None


async def _stored(file: File, said: Document) -> TaxDocument:
    return await TaxDocument.create(
        id=uuid4(),
        merchant_id=file.merchant_id,
        file_id=file.id,
        country=said.country,
        kind=said.kind,
        name=said.name,
        number=said.number,
        issued_on=said.issued_on,
        issuer=said.issuer[:32] if said.issuer else None,
        currency=said.currency,
        total=said.total,
        tax=said.tax,
        originals=list(said.originals),
        refund_reference=said.refund_reference,
        cause=said.cause,
        facts=said.facts,
        checked={**said.checked, "taxes": dict(said.parts)},
        imported_by=file.created_by[:200],
    )


async def again(document: TaxDocument, cause: Cause) -> None:
    """Match a document once more that is of no refund yet, and may be by now."""
    given = await TaxDocumentShare.exists(document_id=document.id, voided_at=None)
    if document.problem in match.AGAIN and not given:
        await _matched(document, cause, again=True)


async def _matched(document: TaxDocument, cause: Cause, *, again: bool = False) -> bool:
    problem = await match.match(document, document.checked.get("taxes", {}), cause, again=again)
    if problem != document.problem:
        document.problem = problem
        await document.save(update_fields=["problem"])
    return problem is None


async def _cancel(file: File, said: Cancellation, done: Imported, cause: Cause) -> None:
    current = await versions.named(file.merchant_id, said.name) or await versions.called(file.merchant_id, said)
    entered_so = await entered.called(file.merchant_id, said)
    if current is not None:
        of_it = await entered.refunds_of(current.merchant_id, current)
        entered_so += await VatReversal.filter(refund_id__in=of_it).exclude(id__in=[one.id for one in entered_so])
        await end(current, CANCELED, cause)
    await _undo(file.merchant_id, entered_so, cause)
    is_new = await _keep(file, said)
    if current is not None or entered_so:
        done.canceled += 1
    elif is_new:
        done.note(said.where or said.name, _NOT_KNOWN)
    else:
        done.same += 1


async def _keep(file: File, said: Cancellation) -> bool:
    """That it is canceled, so that it takes nothing back where it comes later; whether nobody knew it."""
    ended = await TaxDocument.exists(merchant_id=file.merchant_id, name=said.name, ended_because=CANCELED)
    if ended or await TaxCancellation.exists(merchant_id=file.merchant_id, name=said.name):
        return False
    await TaxCancellation.create(
        id=uuid4(), merchant_id=file.merchant_id, file_id=file.id, name=said.name, imported_by=file.created_by[:200]
    )
    return True


async def _undo(merchant_id: UUID, found: Sequence[VatReversal], cause: Cause) -> None:
    await moves.lock_refunds([one.refund_id for one in found])
    for one in found:
        row, refund = await moves.hold(merchant_id, one.id)
        await moves.undocument(row, refund, cause, f"Document {row.document_number} was {CANCELED.lower()}.")


async def end(document: TaxDocument, because: str, cause: Cause) -> None:
    """The document holds no more: what it took back is to be taken back again. In the caller's transaction."""
    shares = await versions.end(document, because)
    await match.no_more(document, f"The document was {because.lower()}.")
    for one in shares:
        row, refund = await moves.hold(document.merchant_id, one.reversal_id)
        told = {f"{names.vat_differs(refund.id)}/{document.id}": f"The document was {because.lower()}."}
        await findings.resolve_of(document.merchant_id, refund.id, told)
        await moves.undocument(row, refund, cause, f"Document {document.number} was {because.lower()}.")
