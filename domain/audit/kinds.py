"""How long what is kept, and why: a table. What is not in it (ledger, events, deeds, seals, refunds) is never touched.

Months are whole and closed: what came in the month before the cut stays until that month is over. A run takes bodies
away and leaves the row, its digest and the day; what an open refund, a doubt, a finding or a legal hold needs stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# A refund that nobody needs any more: at its end, no finding of it or of its payment open, nobody holds it or another
# one of its payment.
_FREE: Final = """NOT EXISTS (SELECT 1 FROM refunds r WHERE r.id = {refund} AND (r.needs_person_since IS NOT NULL
    OR r.state NOT IN ('SUCCEEDED', 'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED')
    OR EXISTS (SELECT 1 FROM findings f WHERE f.resolved_at IS NULL
      AND (f.refund_id = r.id OR f.payment_id = r.payment_id))
    OR EXISTS (SELECT 1 FROM legal_holds h JOIN refunds o ON o.id = h.refund_id
      WHERE o.payment_id = r.payment_id AND h.lifted_at IS NULL)))"""
# What names no refund may be about the payment of one that is held: all such bodies of its merchant stay.
_UNNAMED: Final = """NOT EXISTS (SELECT 1 FROM legal_holds h WHERE h.merchant_id = {merchant}
    AND h.lifted_at IS NULL)"""
# A webhook of a dispute names the payment in its body alone.
_OF_NO_FINDING: Final = """NOT EXISTS (SELECT 1 FROM findings f JOIN payments p ON p.id = f.payment_id
    WHERE p.connection_id = t.connection_id AND f.resolved_at IS NULL
      AND position(convert_to(p.pse_reference, 'UTF8') IN t.body) > 0)"""
_NOBODY_HOLDS: Final = """NOT EXISTS (SELECT 1 FROM legal_holds h WHERE h.merchant_id = {merchant}
    AND h.refund_id IS NULL AND h.lifted_at IS NULL)"""
_SHEETS: Final = "'REFUND_BATCH', 'PAYMENT_BATCH', 'BATCH_RESULT', 'PAYMENT_RESULT'"
_SAID: Final = "'removed by retention on ' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') || '; sha256 '"
_OF_TEXT: Final = f"{_SAID} || encode(sha256(convert_to(t.body, 'UTF8')), 'hex')"
_OF_BYTES: Final = f"convert_to({_SAID} || encode(sha256(t.{{column}}), 'hex'), 'UTF8')"


@dataclass(frozen=True, slots=True)
class BodyKind:
    """One kind of body. `since`: the moment that it is as old as; `take`: SET of an UPDATE, None: the row itself goes.

    `months` is the default and `at_least` the least that the law, or the refund of a chargeback, needs.
    """

    name: str
    what: str
    months: int
    at_least: int
    why: str
    table: str
    since: str
    merchant: str
    free: str
    take: str | None
    number: bool = False  # its ids are numbers


KINDS: Final[Sequence[BodyKind]] = (
    BodyKind(
        "webhooks",
        "raw bodies of webhooks",
        13,
        6,
        "Disputes of cards run up to 13 months; personal data goes with its purpose (LGPD 15-16, LFPDPPP 11).",
        "notices",
        "t.received_at",
        "(SELECT c.merchant_id FROM connections c WHERE c.id = t.connection_id)",
        "t.retired_at IS NULL AND t.applied_at IS NOT NULL AND t.due_at IS NULL AND NOT EXISTS (SELECT 1 "  # noqa: S608 - ours
        "FROM notice_refunds nr WHERE nr.notice_id = t.id AND NOT "
        + _FREE.format(refund="nr.refund_id")
        + ") AND (EXISTS (SELECT 1 FROM notice_refunds nr WHERE nr.notice_id = t.id) OR "
        + _UNNAMED.format(merchant="(SELECT c.merchant_id FROM connections c WHERE c.id = t.connection_id)")
        + f" AND {_OF_NO_FINDING})",
        f"body = {_OF_BYTES.format(column='body')}, headers = '{{}}', retired_at = now()",
    ),
    BodyKind(
        "calls",
        "bodies of calls to PSEs",
        13,
        6,
        "As webhooks: proof of what was asked for, until no dispute can come.",
        "calls",
        "t.sent_at",
        "t.merchant_id",
        f"t.retired_at IS NULL AND {_FREE.format(refund='t.refund_id')} "
        f"AND (t.refund_id IS NOT NULL OR {_UNNAMED.format(merchant='t.merchant_id')})",
        f"body = {_OF_TEXT}, headers = '{{}}', retired_at = now()",
    ),
    BodyKind(
        "answers",
        "bodies of PSEs' answers",
        13,
        6,
        "As calls.",
        "answers",
        "t.answered_at",
        "(SELECT c.merchant_id FROM calls c WHERE c.id = t.call_id)",
        "t.retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = t.call_id AND NOT "  # noqa: S608 - ours
        + f"({_FREE.format(refund='c.refund_id')} "
        + f"AND (c.refund_id IS NOT NULL OR {_UNNAMED.format(merchant='c.merchant_id')})))",
        f"body = {_OF_TEXT}, headers = '{{}}', retired_at = now()",
        number=True,
    ),
    BodyKind(
        "shop-messages",
        "raw bodies of what shops said",
        13,
        6,
        "As webhooks.",
        "shop_notices",
        "t.received_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND t.applied_at IS NOT NULL AND t.due_at IS NULL AND "
        + _UNNAMED.format(merchant="t.merchant_id"),
        f"body = {_OF_BYTES.format(column='body')}, headers = '{{}}', retired_at = now()",
    ),
    BodyKind(
        "shop-calls",
        "bodies of calls to shops, and of their answers",
        13,
        6,
        "As calls.",
        "shop_calls",
        "t.sent_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM shop_refunds s WHERE s.id = t.shop_refund_id AND NOT "  # noqa: S608 - ours
        + f"({_FREE.format(refund='s.refund_id')})) AND {_UNNAMED.format(merchant='t.merchant_id')}",
        f"body = {_OF_TEXT}, answer = NULL, headers = '{{}}', retired_at = now()",
    ),
    BodyKind(
        "destinations",
        "whole accounts that refunds were paid to",
        13,
        6,
        "Paid and past every dispute, the masked account is enough.",
        "destinations",
        "t.provided_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND " + _FREE.format(refund="t.refund_id"),
        "sealed = NULL, retired_at = now()",
    ),
    BodyKind(
        "customers",
        "customers' references and tax IDs",
        60,
        60,
        "Tax documents name the buyer: five years (BR CTN 173-174, MX CFF 30, CL 17 CT); Colombia ten, see --keep.",
        "payments",
        "t.created_at",
        "t.merchant_id",
        "t.sealed_customer IS NOT NULL AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.payment_id = t.id "  # noqa: S608
        "AND f.resolved_at IS NULL) AND NOT EXISTS (SELECT 1 FROM refunds o WHERE o.payment_id = t.id AND NOT "
        + _FREE.format(refund="o.id")
        + ")",
        "sealed_customer = NULL, customer_digest = NULL",
    ),
    BodyKind(
        "evidence",
        "files that prove payments by hand",
        120,
        60,
        "They are vouchers of the books: ten years (CO Ley 962 art. 28), five to ten elsewhere.",
        "manual_settlements",
        "t.settled_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND t.file_content IS NOT NULL AND " + _FREE.format(refund="t.refund_id"),
        f"file_content = {_OF_BYTES.format(column='file_content')}, retired_at = now()",
    ),
    BodyKind(
        "proposals",
        "files that were proposed as evidence of payments by hand",
        120,
        60,
        "As evidence: what the second person looked at.",
        "settlement_proposals",
        "t.proposed_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND " + _FREE.format(refund="t.refund_id"),
        f"file_content = {_OF_BYTES.format(column='file_content')}, retired_at = now()",
    ),
    BodyKind(
        "reports",
        "files of PSEs' reports",
        120,
        60,
        "They are vouchers of the books, as evidence is; their lines, which name nobody, stay.",
        "reports",
        "t.created_at",
        "t.merchant_id",
        f"t.retired_at IS NULL AND t.repeat_since IS NULL AND {_UNNAMED.format(merchant='t.merchant_id')}",
        f"content = {_OF_BYTES.format(column='content')}, retired_at = now()",
    ),
    BodyKind(
        "report-pieces",
        "files of PSEs' reports that are kept in pieces",
        120,
        60,
        "They go after their report's own row has.",
        "report_pieces",
        "t.created_at",
        "(SELECT o.merchant_id FROM reports o WHERE o.id = t.report_id)",
        "t.retired_at IS NULL AND EXISTS (SELECT 1 FROM reports o WHERE o.id = t.report_id "
        "AND o.retired_at IS NOT NULL)",
        "content = ''::bytea, retired_at = now()",
        number=True,
    ),
    BodyKind(
        "attachments",
        "files attached to findings",
        120,
        60,
        "They are vouchers of the books, as evidence is.",
        "files",
        "t.created_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND EXISTS (SELECT 1 FROM finding_events e WHERE e.file_id = t.id) AND NOT EXISTS ("
        "SELECT 1 FROM finding_events e JOIN findings f ON f.id = e.finding_id WHERE e.file_id = t.id "
        "AND f.resolved_at IS NULL)",
        "sealed_key = NULL, retired_at = now()",
    ),
    BodyKind(
        "files",
        "documents that were replaced or never used",
        60,
        60,
        "Who the merchant was: five years after it ended (anti money laundering rules).",
        "files",
        "t.created_at",
        "t.merchant_id",
        f"t.retired_at IS NULL AND t.purpose NOT IN ('TAX_DOCUMENT', {_SHEETS}) "  # noqa: S608 - ours
        "AND NOT EXISTS (SELECT 1 FROM onboarding_documents o "
        "WHERE o.file_id = t.id AND o.superseded_at IS NULL) AND NOT EXISTS (SELECT 1 FROM finding_events e "
        "WHERE e.file_id = t.id)",
        "sealed_key = NULL, retired_at = now()",
    ),
    BodyKind(
        "sheets",
        "sheets of refunds and payments, and their results",
        13,
        6,
        "They name accounts, as destinations do; what became of each row stays.",
        "files",
        "t.created_at",
        "t.merchant_id",
        f"t.retired_at IS NULL AND t.purpose IN ({_SHEETS}) AND NOT EXISTS (SELECT 1 FROM batches b "  # noqa: S608
        "WHERE b.file_id = t.id AND b.ended_at IS NULL)",
        "sealed_key = NULL, retired_at = now()",
    ),
    BodyKind(
        "tax-documents",
        "files of tax documents",
        120,
        60,
        "They are vouchers of the books, as evidence is; what they say of the tax, which names no buyer, stays.",
        "files",
        "t.created_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND t.purpose = 'TAX_DOCUMENT' AND " + _UNNAMED.format(merchant="t.merchant_id"),
        "sealed_key = NULL, retired_at = now()",
    ),
    BodyKind(
        "deliveries",
        "messages that were delivered to endpoints",
        13,
        1,
        "As calls: proof of what a merchant's own servers were told; the history that they were made from stays.",
        "deliveries",
        "t.made_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND t.state <> 'PENDING'",
        "body = NULL, retired_at = now()",
        number=True,
    ),
    BodyKind(
        "delivery-answers",
        "what endpoints answered",
        13,
        1,
        "As the messages.",
        "delivery_tries",
        "t.sent_at",
        "(SELECT d.merchant_id FROM deliveries d WHERE d.id = t.delivery_id)",
        "t.retired_at IS NULL AND t.body IS NOT NULL",
        "body = NULL, retired_at = now()",
        number=True,
    ),
    BodyKind(
        "alerts",
        "what alerts that are over were about",
        13,
        1,
        "References of refunds and names of connections: the refunds themselves stay. Kind, count and sums stay.",
        "alerts",
        "t.opened_at",
        "t.merchant_id",
        "t.retired_at IS NULL AND t.resolved_at IS NOT NULL",
        "subjects = '[]', facts = '{}', retired_at = now()",
    ),
    BodyKind(
        "sessions",
        "sessions that have ended",
        13,
        1,
        "Who signed in is a deed, which stays.",
        "sessions",
        "t.expires_at",
        "(SELECT p.merchant_id FROM people p WHERE p.id = t.person_id)",
        "true",
        None,
    ),
    BodyKind(
        "links",
        "sign-in links that were used or have ended",
        13,
        1,
        "As sessions.",
        "sign_in_links",
        "t.expires_at",
        "(SELECT p.merchant_id FROM people p WHERE p.id = t.person_id)",
        "true",
        None,
    ),
)


def where(kind: BodyKind) -> str:
    """Which rows `t` of the table may go: of a month before $1, needed and held by nobody."""
    return f"{kind.since} < $1 AND {kind.free} AND {_NOBODY_HOLDS.format(merchant=kind.merchant)}"
