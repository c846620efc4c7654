"""What each field of the API takes: one table for queries, mutations, subscriptions and what of an object is apart.

Any one of the permissions named is enough; none named: whoever is signed in. The table says who may ask at all. What
they reach is decided where it is read or done: `principal.scope(permission)`.
"""

from collections.abc import Mapping
from typing import Final

from domain.access.permissions import Permission as P
from domain.access.principal import Principal

Needed = tuple[P, ...]
_SEEN: Final[Needed] = (P.READ, P.SEE)
SIGNED_IN: Final[Needed] = ()
POLICIES: Final[Mapping[str, Mapping[str, Needed]]] = {
    "Query": {
        "accessReview": (P.READ_AUDIT,),
        "accountStatement": (P.READ_LEDGER,),
        "ageing": (P.READ_LEDGER,),
        "auditLog": (P.READ_AUDIT,),
        "approvalDelegations": (P.READ, P.APPROVE, P.MANAGE_PEOPLE),
        "approvalPreview": (P.REFUND,),
        "approvalRuleChanges": (P.READ, P.MANAGE_RULES),
        "approvalRules": (P.READ, P.MANAGE_RULES),
        "bankAccounts": (P.READ_LEDGER,),
        "bankLines": (P.READ_LEDGER,),
        "bankStatements": (P.READ_LEDGER,),
        "payouts": (P.READ_LEDGER,),
        "bankDays": (P.READ_LEDGER,),
        "certificationRuns": (P.READ_CALLS,),
        "chartOfAccounts": (P.READ_LEDGER,),
        "closedPeriod": (P.READ_LEDGER,),
        "connectionApplication": (P.READ,),
        "connectionApplications": (P.READ,),
        "connectionFields": (P.READ,),
        "decisionBatch": (P.WORK_FINDINGS,),
        "decisionsPreview": (P.WORK_FINDINGS,),
        "export": (P.READ_LEDGER,),
        "exports": (P.READ_LEDGER,),
        "feeSchedules": (P.READ_LEDGER,),
        "fxRates": (P.READ_LEDGER,),
        "finding": (P.READ_LEDGER,),
        "findingLimits": (P.READ, P.MANAGE_RULES),
        "findings": (P.READ_LEDGER,),
        "journalAccounts": (P.READ_LEDGER, P.KEEP_BOOKS),
        "journals": (P.READ_LEDGER,),
        "findingsPreview": (P.WORK_FINDINGS,),
        "findingsSummary": (P.READ_LEDGER,),
        "handedReport": (P.READ_LEDGER,),
        "handedReports": (P.READ_LEDGER,),
        "ledgerBalances": (P.READ_LEDGER,),
        "merchants": SIGNED_IN,
        "night": (P.READ_LEDGER,),
        "nights": (P.READ_LEDGER,),
        "node": SIGNED_IN,  # each type of object asks for its own
        "openItems": (P.READ_LEDGER,),
        "payment": _SEEN,
        "payments": _SEEN,
        "periodPreview": (P.READ_LEDGER,),
        "periods": (P.READ_LEDGER,),
        "preflightRuns": (P.READ_CALLS,),
        "people": (P.MANAGE_PEOPLE,),
        "pseCapabilities": (P.READ,),
        "pseErrorExplanation": (P.READ,),
        "reconciliationRun": (P.READ_LEDGER,),
        "reconciliationRuns": (P.READ_LEDGER,),
        "refund": _SEEN,
        "refundQuote": (P.REFUND, P.READ_LEDGER),
        "refunds": _SEEN,
        "reportExpectation": (P.READ,),
        "reportSource": (P.MANAGE_CONNECTIONS,),
        "refundsAwaitingMe": (P.APPROVE, P.READ),  # to who was lent the right, too
        "roles": (P.MANAGE_PEOPLE, P.MANAGE_TOKENS),
        "sessions": (P.MANAGE_PEOPLE,),
        "settlementLimits": (P.READ, P.MANAGE_RULES),
        "stores": SIGNED_IN,
        "taxDocuments": (P.READ_LEDGER,),
        "taxPlaces": (P.READ_LEDGER,),
        "taxRules": (P.READ_LEDGER,),
        "tokens": (P.MANAGE_TOKENS,),
        "vatReport": (P.READ_LEDGER,),
        "vatReversal": (P.READ_LEDGER,),
        "vatReversals": (P.READ_LEDGER,),
        "trialBalance": (P.READ_LEDGER,),
        "velocityCaps": (P.READ, P.MANAGE_RULES),
        "viewer": SIGNED_IN,
    },
    "Mutation": {
        "accessReviewSign": (P.READ_AUDIT,),
        "approvalDelegate": (P.APPROVE,),
        "approvalDelegationRevoke": (P.APPROVE, P.MANAGE_PEOPLE),
        "approvalRuleConfirm": (P.MANAGE_RULES,),
        "approvalRuleEnd": (P.MANAGE_RULES,),
        "approvalRulePropose": (P.MANAGE_RULES,),
        "approvalRuleWithdraw": (P.MANAGE_RULES,),
        "bankAccountChange": (P.KEEP_BOOKS,),
        "bankAccountCreate": (P.KEEP_BOOKS,),
        "bankAccountEnd": (P.KEEP_BOOKS,),
        "bankStatementImport": (P.KEEP_BOOKS,),
        "payoutProofVoid": (P.KEEP_BOOKS,),
        "payoutProve": (P.KEEP_BOOKS,),
        "businessDaySet": (P.KEEP_BOOKS,),
        "bankDaySet": (P.KEEP_BOOKS,),
        "connectionActivate": (P.REVIEW_CONNECTIONS, P.MANAGE_CONNECTIONS),
        "connectionCertify": (P.MANAGE_CONNECTIONS,),
        "connectionCreate": (P.MANAGE_CONNECTIONS,),
        "connectionDocumentHandIn": (P.MANAGE_CONNECTIONS,),
        "connectionPreflight": (P.MANAGE_CONNECTIONS,),
        "connectionReopen": (P.MANAGE_CONNECTIONS,),
        "connectionReview": (P.REVIEW_CONNECTIONS,),
        "connectionSecretsReplace": (P.MANAGE_CONNECTIONS,),
        "connectionSubmit": (P.MANAGE_CONNECTIONS,),
        "connectionSuspend": (P.MANAGE_CONNECTIONS,),
        "customerTokenCreate": (P.READ, P.REFUND),
        "decisionsApply": (P.WORK_FINDINGS,),
        "destinationLinkCreate": (P.PROVIDE_DESTINATION,),
        "destinationProvide": (P.PROVIDE_DESTINATION,),
        "exportCreate": (P.READ_LEDGER,),
        "feeScheduleSet": (P.KEEP_BOOKS,),
        "feeScheduleWithdraw": (P.KEEP_BOOKS,),
        "feeSchedulesImport": (P.KEEP_BOOKS,),
        "fxRateSet": (P.KEEP_BOOKS,),
        "fxRateWithdraw": (P.KEEP_BOOKS,),
        "fxRatesImport": (P.KEEP_BOOKS,),
        "fileAnnounce": (P.MANAGE_CONNECTIONS, P.KEEP_BOOKS, P.WORK_FINDINGS),  # by the file's purpose
        "findingAssign": (P.WORK_FINDINGS,),
        "findingAttach": (P.WORK_FINDINGS,),
        "findingComment": (P.WORK_FINDINGS,),
        "findingLimitPropose": (P.MANAGE_RULES,),
        "findingReopen": (P.WORK_FINDINGS,),
        "findingResolve": (P.WORK_FINDINGS,),
        "findingResolveConfirm": (P.WORK_FINDINGS,),
        "findingResolveDecline": (P.WORK_FINDINGS,),
        "findingWait": (P.WORK_FINDINGS,),
        "findingsResolve": (P.WORK_FINDINGS,),
        "grantSet": (P.MANAGE_PEOPLE,),
        "journalAccountSet": (P.KEEP_BOOKS,),
        "journalExport": (P.KEEP_BOOKS,),
        "merchantCreate": (P.MANAGE_MERCHANTS,),
        "nightRepeat": (P.KEEP_BOOKS,),
        "paymentAskAgain": (P.WITHDRAW_PAYMENT,),
        "paymentRegister": (P.REGISTER_PAYMENT,),
        "paymentWithdraw": (P.WITHDRAW_PAYMENT,),
        "periodConfirm": (P.CLOSE_PERIODS,),
        "periodPropose": (P.CLOSE_PERIODS,),
        "periodWithdraw": (P.CLOSE_PERIODS,),
        "personInvite": (P.MANAGE_PEOPLE,),
        "personUpdate": (P.MANAGE_PEOPLE,),
        "refundApprove": (P.APPROVE, P.READ),  # who sees it may have been lent the right: the deed asks
        "refundCancel": (P.REFUND,),
        "refundCreate": (P.REFUND, P.ASK),
        "refundRefresh": (P.REFRESH,),
        "refundReject": (P.APPROVE, P.READ),  # as above
        "refundResolveDoubt": (P.RESOLVE_DOUBT,),
        "refundRetry": (P.REFUND,),
        "refundReturnToQueue": (P.SETTLE_MANUALLY,),
        "refundSettleManually": (P.SETTLE_MANUALLY,),
        "refundTakeManual": (P.SETTLE_MANUALLY,),
        "refundTransferReturned": (P.SETTLE_MANUALLY,),
        "reportExpectationSet": (P.KEEP_BOOKS,),
        "reportSourceSet": (P.MANAGE_CONNECTIONS,),
        "settlementLimitPropose": (P.MANAGE_RULES,),
        "roleDelete": (P.MANAGE_PEOPLE,),
        "roleSave": (P.MANAGE_PEOPLE,),
        "sessionRevoke": (P.MANAGE_PEOPLE,),
        "settlementReportUpload": (P.KEEP_BOOKS,),
        "signInLinkCreate": (P.MANAGE_PEOPLE,),
        "storeCreate": (P.MANAGE_STORES,),
        "storeUpdate": (P.MANAGE_STORES,),
        "taxDocumentImport": (P.KEEP_BOOKS,),
        "taxPlaceSet": (P.KEEP_BOOKS,),
        "tokenCreate": (P.MANAGE_TOKENS,),
        "tokenRevoke": (P.MANAGE_TOKENS,),
        "tokenRotate": (P.MANAGE_TOKENS,),
        "vatReversalDeclare": (P.KEEP_BOOKS,),
        "vatReversalDocument": (P.KEEP_BOOKS,),
        "vatReversalReview": (P.KEEP_BOOKS,),
        "vatReversalWriteOff": (P.KEEP_BOOKS,),
        "velocityCapPropose": (P.MANAGE_RULES,),
    },
    "Subscription": {
        "onboardingRun": (P.READ_CALLS,),
        "reconciliationRunProgress": (P.READ_LEDGER,),
        "refundEvents": _SEEN,
        "refundsChanged": (P.READ,),
    },
    "Finding": {"refund": (P.READ,)},
    "Refund": {
        "actualCost": (P.READ_LEDGER,),
        "calls": (P.READ_CALLS,),
        "ledgerEntries": (P.READ_LEDGER,),
        "paymentInstruction": (P.SETTLE_MANUALLY,),
        "quote": (P.READ_LEDGER, P.REFUND),
        "webhooks": (P.READ_CALLS,),
    },
}
# Lists that say who may do what, or where secrets lie: whoever reads one leaves a deed.
READ_LISTS: Final = frozenset(
    {
        "accessReview",
        "approvalDelegations",
        "auditLog",
        "connectionApplication",
        "connectionApplications",
        "people",
        "roles",
        "sessions",
        "tokens",
    }
)
# All that is there for a customer: of these types, these fields; of types that are not named (money, pages, errors),
# every one. Anything else answers as if nothing existed.
CUSTOMERS_SEE: Final[Mapping[str, frozenset[str]]] = {
    "Query": frozenset({"node", "payment", "payments", "refund", "refunds"}),
    "Mutation": frozenset({"refundCreate"}),
    "Subscription": frozenset({"refundEvents"}),
    "Refund": frozenset(
        {"id", "status", "amount", "reason", "createdAt", "updatedAt", "succeededAt", "expiresAt", "payment"}
    ),
    "Payment": frozenset(
        {"id", "method", "captured", "refunded", "refundable", "refundableUntil", "capturedAt", "refunds"}
    ),
    "RefundEvent": frozenset({"id", "refundId", "sequence", "status", "previousStatus", "occurredAt", "cursor"}),
    "CertificationRun": frozenset(),
    "Finding": frozenset(),
    "PreflightRun": frozenset(),
    "ReconciliationRun": frozenset(),
}


def check(principal: Principal, type_name: str, field_name: str) -> None:
    """Raises Forbidden (to a customer NotFound) unless the field is one that the principal may ask for."""
    needed = POLICIES[type_name][field_name]
    if needed:
        principal.require(*needed)


def is_shown_to_customers(type_name: str, field_name: str) -> bool:
    """Whether a customer's document may name this field."""
    fields = CUSTOMERS_SEE.get(type_name)
    return fields is None or field_name in fields or field_name == "__typename"
