"""What a month's evidence is made of: each part is a table of one question, with the controls that it speaks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.platform.database import rows

_MONTH: Final = "{at} >= $2 AND {at} < $3"
_DEEDS: Final = (
    "SELECT d.occurred_at, d.actor, d.operation, d.object_kind, d.object_id, d.outcome, d.changes::text AS changes, "
    "  d.address, d.request_id, m.name AS merchant, d.id AS deed FROM deeds d JOIN merchants m ON m.id = d.merchant_id "
    "WHERE d.merchant_id = ANY($1::uuid[]) AND d.occurred_at >= $2 AND d.occurred_at < $3 AND {which} "
    "ORDER BY d.occurred_at, d.id"
)


@dataclass(frozen=True, slots=True)
class EvidencePart:
    """A file of the bundle. `controls`: of SOC 2 (CC, A) and ISO 27001:2022 (A.x). `none`: what it says when empty."""

    file: str
    what: str
    controls: str
    none: str
    sql: str


def _deeds(*operations: str) -> str:
    names = ", ".join(f"'{one}'" for one in operations)
    return _DEEDS.format(which=f"d.kind = 'CHANGE' AND d.operation IN ({names})")


def _of(table: str, columns: str, at: str, joins: str = "", more: str = "") -> str:
    within = _MONTH.format(at=at)
    return (
        f"SELECT {columns}, m.name AS merchant FROM {table} t {joins} JOIN merchants m ON m.id = t.merchant_id "  # noqa: S608
        f"WHERE t.merchant_id = ANY($1::uuid[]) AND {within} {more} ORDER BY {at}, t.id"
    )


def _facts(table: str, columns: str, facts: Mapping[str, tuple[str, str]]) -> str:
    """A line for each fact of a row, in the month of its own moment: `facts` are (moment, by whom) by name."""
    lines = ", ".join(f"('{what}', {at}, {by})" for what, (at, by) in facts.items())
    return (
        f"SELECT f.at, f.what, f.by, {columns}, m.name AS merchant FROM {table} t "  # noqa: S608 - names of ours
        f"JOIN merchants m ON m.id = t.merchant_id, LATERAL (VALUES {lines}) AS f (what, at, by) "
        "WHERE t.merchant_id = ANY($1::uuid[]) AND f.at >= $2 AND f.at < $3 ORDER BY f.at, t.id, f.what"
    )


_NOBODY: Final = "NULL::varchar"  # no name is kept of who did it


PARTS: Final[Sequence[EvidencePart]] = (
    EvidencePart(
        "access-reviews.csv",
        "Who may do what was looked at and signed by a person.",
        "CC6.2, CC6.3; A.5.18",
        "Nobody signed an access review in this month.",
        _deeds("accessReviewSign"),
    ),
    EvidencePart(
        "role-changes.csv",
        "Who gave or took away which role, also to whom was invited and to tokens.",
        "CC6.1, CC6.3; A.5.15, A.5.18, A.8.2",
        "No role was given, changed or taken away.",
        _deeds("grantSet", "roleSave", "roleDelete", "init", "personInvite", "tokenCreate"),
    ),
    EvidencePart(
        "people.csv",
        "Who was invited, renamed, suspended or came back.",
        "CC6.2; A.5.16, A.6.5",
        "Nobody joined and nobody left.",
        _deeds("init", "personInvite", "personUpdate", "signInLinkCreate"),
    ),
    EvidencePart(
        "sign-ins.csv",
        "Who signed in and out, and who was signed out.",
        "CC6.1; A.8.5, A.8.15",
        "Nobody signed in.",
        _deeds("signIn", "signOut", "sessionRevoke"),
    ),
    EvidencePart(
        "tokens.csv",
        "Tokens of programs that were made, replaced and revoked.",
        "CC6.1; A.5.17, A.8.24",
        "No token was made, replaced or revoked.",
        _deeds("tokenCreate", "tokenRotate", "tokenRevoke"),
    ),
    EvidencePart(
        "keys.csv",
        "Keys that seal data: made or retired in the month.",
        "CC6.1; A.8.24",
        "No key was rotated in this month.",
        _facts(
            "data_keys", "t.version, t.kek", {"MADE": ("t.created_at", _NOBODY), "RETIRED": ("t.retired_at", _NOBODY)}
        ),
    ),
    EvidencePart(
        "connection-secrets.csv",
        "Keys of accounts at PSEs that were replaced (their names, never the keys).",
        "CC6.1; A.5.17",
        "No key of an account at a PSE was replaced.",
        _deeds("connectionSecretsReplace"),
    ),
    EvidencePart(
        "connections.csv",
        "Applications for accounts: who submitted, who reviewed, who let go live.",
        "CC6.1, CC8.1; A.5.3, A.8.32",
        "No connection was submitted, reviewed or changed.",
        "SELECT t.at, c.name AS connection, c.pse, t.from_state, t.to_state, t.actor, t.comment, t.request_id, "
        "  m.name AS merchant FROM onboarding_steps t "
        "JOIN connections c ON c.id = t.connection_id JOIN merchants m ON m.id = c.merchant_id "
        "WHERE c.merchant_id = ANY($1::uuid[]) AND t.at >= $2 AND t.at < $3 ORDER BY t.at, t.id",
    ),
    EvidencePart(
        "approvals.csv",
        "Four eyes: each decision on a refund, who asked, who named the account, who decided, and with whose right.",
        "CC5.1, CC6.3; A.5.3",
        "No refund needed a second person's decision.",
        _of(
            "approvals",
            "t.decided_at, t.refund_id, t.requested_by, t.provided_by, t.decided_by, t.delegated_by, "
            "array_to_string(t.counts_as, ' ') AS counts_as, t.decision, t.note",
            "t.decided_at",
        ),
    ),
    EvidencePart(
        "rules.csv",
        "What needs a second person and what is capped: who proposed, confirmed, withdrew or ended a rule.",
        "CC5.1, CC5.3, CC6.3; A.5.3, A.8.32",
        "No rule, cap or limit was changed.",
        _deeds(
            "approvalRulePropose",
            "velocityCapPropose",
            "settlementLimitPropose",
            "approvalRuleConfirm",
            "approvalRuleWithdraw",
            "approvalRuleEnd",
        ),
    ),
    EvidencePart(
        "delegations.csv",
        "Who lent their right to approve to whom, until when, and who took it back.",
        "CC5.1, CC6.3; A.5.3, A.5.18",
        "Nobody lent a right to approve.",
        _deeds("approvalDelegate", "approvalDelegationRevoke"),
    ),
    EvidencePart(
        "doubts.csv",
        "Four eyes: verdicts on refunds whose outcome was not known.",
        "CC5.1; A.5.3",
        "No doubt was ended by people.",
        _facts(
            "doubt_verdicts",
            "t.refund_id, t.verdict",
            {
                "PROPOSED": ("t.proposed_at", "t.proposed_by"),
                "CONFIRMED": ("t.confirmed_at", "t.confirmed_by"),
                "WITHDRAWN": ("t.withdrawn_at", _NOBODY),
            },
        ),
    ),
    EvidencePart(
        "paid-by-hand.csv",
        "Refunds that a person paid by hand, with the digest of the evidence.",
        "CC5.1; A.5.3, A.5.33",
        "No refund was paid by hand.",
        _of(
            "manual_settlements",
            "t.settled_at, t.refund_id, t.way, t.settled_by, t.confirmed_by, t.paid_on, t.file_digest",
            "t.settled_at",
        ),
    ),
    EvidencePart(
        "proposed-by-hand.csv",
        "Payments by hand above the limit, as the first of two people told them, with the digest of the evidence.",
        "CC5.1; A.5.3, A.5.33",
        "Nobody proposed a payment by hand.",
        _facts(
            "settlement_proposals",
            "t.refund_id, t.way, t.paid_on, t.file_digest",
            {"PROPOSED": ("t.proposed_at", "t.proposed_by"), "WITHDRAWN": ("t.withdrawn_at", _NOBODY)},
        ),
    ),
    EvidencePart(
        "returned-by-hand.csv",
        "Transfers that the bank gave back, and who said so.",
        "CC5.1; A.5.3",
        "No transfer came back.",
        _of("transfer_returns", "t.returned_at, t.refund_id, t.returned_by, t.why", "t.returned_at"),
    ),
    EvidencePart(
        "invariants.csv",
        "Comparisons of the books: when, whether of all, how many payments of these merchants were broken, and which "
        "sums over the whole installation.",
        "CC7.1, PI1.3; A.8.16",
        "The books were not compared in this month.",
        "SELECT c.at, c.whole, (SELECT count(*) FROM jsonb_array_elements_text(c.standing->'payments') AS one (id) "
        "    JOIN payments p ON p.id = one.id::uuid AND p.merchant_id = ANY($1::uuid[])) AS payments_broken, "
        "  c.standing->'invariants' AS sums_broken FROM checks c WHERE c.at >= $2 AND c.at < $3 ORDER BY c.id",
    ),
    EvidencePart(
        "restore-tests.csv",
        "Backups that were restored and checked.",
        "A1.2, A1.3; A.8.13",
        "No restore test was recorded in this month (`estorno restore-test record`).",
        _deeds("restoreTest"),
    ),
    EvidencePart(
        "retention.csv",
        "What retention took away, and legal holds.",
        "C1.2, P4.3; A.5.33, A.8.10",
        "Retention was not run and no legal hold was placed or lifted.",
        _deeds("retention", "legalHoldPlace", "legalHoldLift"),
    ),
    EvidencePart(
        "refused.csv",
        "Who asked for what they may not.",
        "CC6.1, CC7.2; A.8.15, A.8.16",
        "Nobody was refused.",
        _DEEDS.format(which="d.kind = 'REFUSED'"),
    ),
    EvidencePart(
        "readings.csv",
        "Who read what is sensitive: call logs, webhooks, files, lists of people and tokens, the log itself.",
        "CC6.1, P6.1; A.8.15, A.5.34",
        "Nobody read anything sensitive.",
        _DEEDS.format(which="d.kind = 'READ'"),
    ),
)


async def read(part: EvidencePart, *values: Any) -> list[dict[str, Any]]:
    """The lines of a part, of merchants ($1) from ($2) until ($3)."""
    return await rows(part.sql, *values)
