"""One document in several forms: a table's row has a number where the signed file has a key, and both are one document.

In another form it takes VAT back once; and what says nothing else of its money, day and refunds undoes nothing.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from domain.models import Payment, Refund, TaxDocument, TaxDocumentShare, VatReversal
from domain.platform.database import rows
from domain.taxes import moves
from domain.taxes.candidates import DIFFERENCE_MAX, nearest
from domain.taxes.documents import nfe
from domain.taxes.documents.said import Cancellation, Document, normal

CANCELED: Final = "CANCELED"
REVISED: Final = "REVISED"
SIGNED: Final = frozenset({"NFE", "CFDI", "DTE", "SRI", "UBL"})
_NUMBERS: Final = re.compile(r"[0-9]+")
# A Brazilian key has the month of its document ($3, YYMM) behind its state.
_CANCELED: Final = """SELECT name FROM tax_cancellations
WHERE merchant_id = $1 AND (name = $2 OR (length(name) = 44 AND substr(name, 3, 4) = $3))"""


async def known(merchant_id: UUID, said: Document | TaxDocument) -> list[TaxDocument]:
    """What was handed in of a document, whatever its forms call it: the one that stands, if one does, is the last."""
    named = await TaxDocument.filter(merchant_id=merchant_id, name=said.name).order_by("created_at")
    if standing(named) is None:
        named = [*await _twins(merchant_id, said), *named]
    return sorted(named, key=lambda one: one.ended_at is None)


async def is_canceled_before(merchant_id: UUID, said: Document) -> bool:
    """Whether its cancellation came before it: by its name, or by a key where it has none."""
    number = "" if _has_key(said) else said.number
    return await is_canceled(merchant_id, said.name, number, said.issued_on, said.issuer)


async def is_canceled(merchant_id: UUID, name: str, number: str, on: date, issuer: str | None = None) -> bool:
    """Whether a document's cancellation came without its file: by its name, or by a key of that month and number, and
    of its issuer where that is known.
    """
    told = [row["name"] for row in await rows(_CANCELED, merchant_id, name, f"{on:%y%m}")]
    return any(one == name or (nfe.is_key(one) and _is_keys(one, number, issuer)) for one in told)


def _is_keys(key: str, number: str, issuer: str | None) -> bool:
    return (
        nfe.may_be_return(key)
        and ends_with(nfe.number_of(key), number)
        and len(_issuers(nfe.issuer_of(key), issuer)) < 2
    )


async def named(merchant_id: UUID, name: str) -> TaxDocument | None:
    """The version that holds of a document that was once handed in by that name."""
    told = await TaxDocument.filter(merchant_id=merchant_id, name=name).order_by("-created_at").first()
    return None if told is None or told.ended_because == CANCELED else standing(await known(merchant_id, told))


async def called(merchant_id: UUID, said: Cancellation) -> TaxDocument | None:
    """What stands in a table of the month without the key by which a document is canceled, where only one can be it."""
    first, last = days_of(said)
    tables = TaxDocument.filter(merchant_id=merchant_id, country=said.country, ended_at=None, issued_on__gte=first)
    found = await tables.filter(issued_on__lte=last).exclude(kind__in=list(SIGNED))
    theirs = [one for one in found if len(_issuers(said.issuer, one.issuer)) < 2]
    some = [one for one in theirs if not _has_key(one) and ends_with(said.number, one.number)]
    return some[0] if len(some) == 1 else None


def days_of(said: Cancellation) -> tuple[date | None, date | None]:
    """The month in which it was issued, first and last day; None: it does not say."""
    try:
        first = date.fromisoformat(f"{said.month}-01")
    except ValueError:
        return None, None
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def standing(versions: Sequence[TaxDocument]) -> TaxDocument | None:
    """The version that holds; None: none, or none any more."""
    return next((one for one in versions if one.ended_at is None), None)


async def _twins(merchant_id: UUID, said: Document | TaxDocument) -> list[TaxDocument]:
    alike = TaxDocument.filter(
        merchant_id=merchant_id,
        issued_on=said.issued_on,
        total=said.total,
        currency=said.currency,
        country=said.country,
    )
    found = await alike.exclude(name=said.name).order_by("created_at")
    likely = [one for one in found if _may_be_one(one, said)]
    sales = await _sales(merchant_id, said) if likely else set()
    return [one for one in likely if sales & await _sales(merchant_id, one)]


def _may_be_one(one: TaxDocument, other: Document | TaxDocument) -> bool:
    """By name, number, issuer and refund: two keys are two documents, and so are two numbers of tables without any."""
    keys = _has_key(one) + _has_key(other)
    numbers = normal(one.number) == normal(other.number) if keys == 0 else ends_with(_number(one), _number(other))
    refunds = {one.refund_reference, other.refund_reference} - {None}
    return keys < 2 and numbers and len(refunds) < 2 and len(_issuers(one.issuer, other.issuer)) < 2


def _has_key(said: Document | TaxDocument) -> bool:
    """Whether its name is more than a table's own: a key, or what its signed file is called by."""
    number = normal(said.number)
    return said.kind in SIGNED or said.name == number or not said.name.endswith(number)


def _number(said: Document | TaxDocument) -> str:
    """Its number, also where a table has the key alone."""
    return nfe.number_of(said.number) if nfe.is_key(said.number) else said.number


def ends_with(one: str, other: str) -> bool:
    """Whether one number is the end of the other: 7 is that of 1/7, in whatever zeros and words it stands."""
    few, many = sorted(([part.lstrip("0") for part in _NUMBERS.findall(told)] for told in (one, other)), key=len)
    return bool(few) and many[-len(few) :] == few


def _issuers(*told: str | None) -> set[str]:
    """The tax IDs of those that have one, without the zeros that sheets drop: a table may have a name there."""
    bare = ("".join(sign for sign in one.upper() if sign.isalnum()).lstrip("0") for one in told if one)
    return {one for one in bare if any(sign.isdigit() for sign in one)}


async def _sales(merchant_id: UUID, said: Document | TaxDocument) -> set[str]:
    """The sales that it is of: those that it names, and that of the refund that it names."""
    named = set(said.originals)
    if said.refund_reference is not None:
        of = await Payment.filter(merchant_id=merchant_id, refunds__reference=said.refund_reference)
        named |= {normal(one.tax_document) for one in of if one.tax_document}
    return named


async def says_the_same(one: TaxDocument, said: Document) -> bool:
    """Whether it says nothing else of the money and the refunds that the other takes VAT back of."""
    shares = await TaxDocumentShare.filter(document_id=one.id, voided_at=None).prefetch_related("reversal")
    tax = sum(share.tax for share in shares)
    same = (one.currency, one.total, one.issued_on) == (said.currency, said.total, said.issued_on)
    close = abs(nearest(dict(said.parts) or {"tax": said.tax}, tax) - tax) <= DIFFERENCE_MAX
    if not shares or one.problem is not None or not (same and close):
        return False
    refunds = await Refund.filter(id__in=[share.reversal.refund_id for share in shares]).prefetch_related("payment")
    if said.refund_reference is not None:
        return {said.refund_reference} == {refund.reference for refund in refunds}
    return {normal(refund.payment.tax_document or "") for refund in refunds} <= set(said.originals)


async def is_told(one: TaxDocument, said: Document) -> bool:
    """Whether it tells nothing new: the same facts, or a row without key, or any row, of what a better one has said."""
    better = (one.kind in SIGNED, _has_key(one)) > (said.kind in SIGNED, _has_key(said))
    return one.facts == said.facts or (better and await says_the_same(one, said))


async def end(document: TaxDocument, because: str) -> list[TaxDocumentShare]:
    """Write that a version holds no more, and its shares: those that it had. What they had booked is the caller's."""
    shares = await TaxDocumentShare.filter(document_id=document.id, voided_at=None)
    reversals = await VatReversal.filter(id__in=[one.reversal_id for one in shares])
    await moves.lock_refunds([one.refund_id for one in reversals])
    now = datetime.now(UTC)
    await TaxDocument.filter(id=document.id, ended_at=None).update(ended_at=now, ended_because=because)
    await TaxDocumentShare.filter(id__in=[one.id for one in shares]).update(voided_at=now)
    return sorted(shares, key=lambda share: share.reversal_id)


async def take_over(document: TaxDocument, shares: Sequence[TaxDocumentShare]) -> None:
    """The document has what a version of it had that said the same: nothing is undone, and nothing booked again."""
    for one in shares:
        await TaxDocumentShare.create(
            id=uuid4(),
            merchant_id=document.merchant_id,
            document_id=document.id,
            reversal_id=one.reversal_id,
            amount=one.amount,
            tax=one.tax,
        )
