"""The tables, read together: one file per noun and nothing but tables."""

from domain.models.access import (
    DemoMark,
    Grant,
    Merchant,
    OwnRole,
    Person,
    Session,
    SignInLink,
    Store,
    Token,
)
from domain.models.applications import OnboardingDocument, OnboardingStep
from domain.models.approvals import ApprovalNeeds, ApprovalRule, Delegation, SettlementProposal, TransferReturn
from domain.models.attempts import Attempt
from domain.models.bank import BankAccount, BankLine, BankStatement, PayoutProof
from domain.models.calls import Answer, Call
from domain.models.checks import Check
from domain.models.connections import Connection, RefusedWebhook
from domain.models.deeds import Deed, LegalHold
from domain.models.destinations import Approval, Destination, DestinationLink, Settlement
from domain.models.events import Event
from domain.models.exports import DecisionBatch, DecisionRow, Export
from domain.models.files import File
from domain.models.findings import FindingEvent, FindingResolution
from domain.models.keys import DataKey
from domain.models.ledger import LedgerCheckpoint, LedgerEntry, ListedMoney
from domain.models.nights import BankDay, HandedReport, ReportExpectation, ReportSource
from domain.models.notices import Notice, NoticeRefund
from domain.models.onboarding import CertificationCase, CertificationRun, PreflightCheck, PreflightRun
from domain.models.payments import Payment
from domain.models.periods import ClosedBalance, JournalAccount, JournalBatch, PeriodClosing
from domain.models.quotes import FeeSchedule, FxRate, RefundQuote
from domain.models.reconciliation import Finding, ReconciliationRun
from domain.models.refunds import DoubtVerdict, IdempotencyKey, Refund
from domain.models.seals import EventSeal
from domain.models.settlements import (
    AnnouncedReport,
    Payout,
    PayoutPart,
    Report,
    ReportBalance,
    ReportNews,
    SettlementLine,
)
from domain.models.taxes import BusinessDay, TaxCancellation, TaxDocument, TaxDocumentShare, TaxPlace, VatReversal

__all__ = [
    "AnnouncedReport",
    "Answer",
    "Approval",
    "ApprovalNeeds",
    "ApprovalRule",
    "Attempt",
    "BankAccount",
    "BankLine",
    "BankStatement",
    "BusinessDay",
    "BankDay",
    "Call",
    "CertificationCase",
    "CertificationRun",
    "Check",
    "ClosedBalance",
    "Connection",
    "DataKey",
    "DecisionBatch",
    "DecisionRow",
    "Deed",
    "Delegation",
    "DemoMark",
    "Destination",
    "DestinationLink",
    "DoubtVerdict",
    "Event",
    "EventSeal",
    "Export",
    "FeeSchedule",
    "File",
    "Finding",
    "FxRate",
    "FindingEvent",
    "FindingResolution",
    "Grant",
    "HandedReport",
    "IdempotencyKey",
    "JournalAccount",
    "JournalBatch",
    "LegalHold",
    "LedgerCheckpoint",
    "LedgerEntry",
    "LegalHold",
    "ListedMoney",
    "Merchant",
    "Notice",
    "NoticeRefund",
    "OnboardingDocument",
    "OnboardingStep",
    "OwnRole",
    "Payment",
    "PayoutProof",
    "Payout",
    "PayoutPart",
    "PeriodClosing",
    "Person",
    "PreflightCheck",
    "PreflightRun",
    "ReconciliationRun",
    "Refund",
    "RefundQuote",
    "RefusedWebhook",
    "Report",
    "ReportBalance",
    "ReportExpectation",
    "ReportNews",
    "ReportSource",
    "Session",
    "Settlement",
    "SettlementLine",
    "SettlementProposal",
    "SignInLink",
    "Store",
    "TaxCancellation",
    "TaxDocument",
    "TaxDocumentShare",
    "TaxPlace",
    "Token",
    "TransferReturn",
    "VatReversal",
]
