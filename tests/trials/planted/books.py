"""Bugs of accounting's work: of findings, months and payouts."""

from typing import Final

from domain.bank import proofs
from domain.findings import postings
from tests.trials.planted.plant import Edit, Mutation

BOOKS: Final = (
    Mutation(
        "a resolution posts twice",
        r"resolved: resolution|suspense: ",
        (
            Edit(
                postings.post,
                """                cause=f"{CAUSE}{said.id}/{part.entry}{_of_claim(part, finding)}{end}",
                request_id=cause.request_id,
                payment_id=finding.payment_id if part.is_claim or not told_money.is_told(finding) else None,
                refund_id=finding.refund_id if part.entry is Entry.CLAIM_GIVEN_UP else None,
                reverse=reverse is not (part.amount < 0),
            )
            for part in _parts(
""",
                """                cause=f"{CAUSE}{said.id}/{part.entry}{_of_claim(part, finding)}{end}{again}",
                request_id=cause.request_id,
                payment_id=finding.payment_id if part.is_claim or not told_money.is_told(finding) else None,
                refund_id=finding.refund_id if part.entry is Entry.CLAIM_GIVEN_UP else None,
                reverse=reverse is not (part.amount < 0),
            )
            for again in ("", "/again") for part in _parts(
""",
            ),
        ),
        focus="accounting",
    ),
    # Late reports of the month come in after two people have closed it.
    Mutation(
        "a closed month lets a late entry in",
        r"closed: month|closed month .* has changed",
        (),
        ("DROP TRIGGER ledger_entries_open_period ON ledger_entries",),
        focus="back-office",
    ),
    Mutation(
        "a payout is proven by two lines",
        r"bank once: ",
        (
            Edit(
                proofs.prove,
                "if standing is not None or await PayoutProof.filter(line_id=line.id, voided_at=None).exists():",
                "if False:",
            ),
        ),
        ("DROP INDEX payout_proofs_of_payout", "DROP INDEX payout_proofs_of_line"),
        focus="payouts",
    ),
    # What a person takes back stays in the ledger.
    Mutation(
        "a proof that is taken back keeps its entry",
        r"bank: proof",
        (Edit(proofs._void_one, "        await _post(proof, connection, payout.currency, cause, reverse=True)\n", ""),),
        focus="payouts",
    ),
)
