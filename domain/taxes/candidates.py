"""The refunds that a tax document may be of, and which of them its amount chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from domain.models import Refund, TaxDocument, VatReversal
from domain.money import cumulative_share
from domain.taxes.documents.said import Document

UNKNOWN: Final = "No sale of yours has a document of that name, and no refund that reference."
NOTHING_OPEN: Final = "No refund of that sale has VAT that is still to be taken back."
SEVERAL: Final = "Several refunds of that sale could be meant: name the refund (its reference) in a table."
MORE: Final = "The document is of more money than the refunds of that sale that are still open."
CURRENCY: Final = "The document is in another currency than the sale."
TOO_EARLY: Final = "The document is older than the sale."
PART: Final = "The document is of less money than the refund: the rest is waited for."
ENTERED: Final = (
    "A person has entered it for refunds of other money than it is of: enter it for all that it is of, or have it "
    "canceled."
)
TAX: Final = "The document agrees in money and not in tax."
_AMONG_MAX: Final = 12
DIFFERENCE_MAX: Final = 1  # minor unit, for each document and each refund: each of them is rounded
COVERED: Final = """
SELECT reversal_id, sum(amount)::bigint AS amount, sum(tax)::bigint AS tax, count(*) AS many
FROM tax_document_shares WHERE reversal_id = ANY($1::uuid[]) AND voided_at IS NULL GROUP BY 1"""


@dataclass(slots=True)
class Candidate:
    """A reversal that a document may be of. `left`: money of its refund that no document covers yet, minor units."""

    reversal: VatReversal
    refund: Refund
    left: int
    tax: int  # covered by documents
    papers: int  # how many documents cover it


def chosen_of(candidates: Sequence[Candidate], document: TaxDocument | Document) -> list[Candidate]:
    """Those whose money is the document's: one of its amount, the only ones that add up to it, or the only one.

    Of several of one amount, of one sale, that whose tax is the document's, and then the oldest: they are alike.
    """
    alike = [one for one in candidates if one.left == document.total]
    if alike:
        return [min(alike, key=lambda one: abs(one.reversal.amount - one.tax - document.tax))]
    if len(candidates) == 1:
        return list(candidates) if document.total < candidates[0].left else []
    if sum(one.left for one in candidates) == document.total:
        return list(candidates)
    if len(candidates) > _AMONG_MAX:
        return []
    few = [
        list(some)
        for count in range(2, len(candidates))
        for some in combinations(candidates, count)
        if sum(one.left for one in some) == document.total
    ]
    return few[0] if len(few) == 1 else []


def expected(one: Candidate, total: int) -> int:
    """The tax of the money that the document covers of a refund (minor units), closing to the whole."""
    covered = min(one.left, total)
    done = one.refund.amount - one.left
    return cumulative_share(one.reversal.amount, done + covered, one.refund.amount) - cumulative_share(
        one.reversal.amount, done, one.refund.amount
    )


def nearest(parts: dict[str, int], wanted: int) -> int:
    """The taxes of the document that are the sale's VAT, as its merchant declared it: of several, those that add up."""
    each = list(parts.values())
    sums = {sum(some) for count in range(len(each) + 1) for some in combinations(each, count)}
    best = min(sums, key=lambda one: (abs(one - wanted), -one))
    return best if abs(best - wanted) <= DIFFERENCE_MAX else sum(each)
