"""The tables, read together: one file per noun and nothing but tables."""

from domain.models import uncommented  # noqa: F401 - before the tables
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
from domain.models.alerts import Alert, AlertMark, AlertNotice, AlertRule
from domain.models.applications import OnboardingDocument, OnboardingStep
from domain.models.approvals import ApprovalNeeds, ApprovalRule, Delegation, SettlementProposal, TransferReturn
from domain.models.attempts import Attempt
from domain.models.bank import BankAccount, BankLine, BankRewording, BankStatement, PayoutProof
from domain.models.batches import Batch, BatchRow
from domain.models.calls import Answer, Call
from domain.models.checks import Check
from domain.models.connections import Connection, RefusedWebhook
from domain.models.deeds import Deed, LegalHold
from domain.models.deliveries import Delivery, DeliveryTry, Endpoint
from domain.models.destinations import Approval, Destination, DestinationLink, Settlement
from domain.models.events import Event
from domain.models.exports import DecisionBatch, DecisionRow, Export
from domain.models.figures import RefundFigure, RefundFigureMark
from domain.models.files import File
from domain.models.findings import FindingEvent, FindingResolution
from domain.models.keys import DataKey
from domain.models.ledger import LedgerCheckpoint, LedgerEntry, ListedMoney, StoreCheckpoint
from domain.models.news import News
from domain.models.nights import BankDay, HandedReport, ReportExpectation, ReportSource
from domain.models.notices import Notice, NoticeRefund
from domain.models.onboarding import CertificationCase, CertificationRun, PreflightCheck, PreflightRun
from domain.models.open_items import OpenItem, OpenItemMark, OpenItemSum
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
    ReportPiece,
    SettlementLine,
)
from domain.models.shops import Shop, ShopCall, ShopCheck, ShopNotice, ShopRefund
from domain.models.taxes import TaxCancellation, TaxDocument, TaxDocumentShare, TaxPlace, VatReversal, VatWriteOff
from domain.models.usage import UsageCalls, UsageMonth, UsageNote, UsagePlan

__all__ = [
    "Alert",
    "AlertMark",
    "AlertNotice",
    "AlertRule",
    "AnnouncedReport",
    "Answer",
    "Approval",
    "ApprovalNeeds",
    "ApprovalRule",
    "Attempt",
    "BankAccount",
    "BankLine",
    "BankRewording",
    "BankStatement",
    "BankDay",
    "Batch",
    "BatchRow",
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
    "Delivery",
    "DeliveryTry",
    "DemoMark",
    "Destination",
    "DestinationLink",
    "DoubtVerdict",
    "Endpoint",
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
    "News",
    "Notice",
    "NoticeRefund",
    "OnboardingDocument",
    "OnboardingStep",
    "OpenItem",
    "OpenItemMark",
    "OpenItemSum",
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
    "RefundFigure",
    "RefundFigureMark",
    "RefundQuote",
    "RefusedWebhook",
    "Report",
    "ReportBalance",
    "ReportExpectation",
    "ReportNews",
    "ReportPiece",
    "ReportSource",
    "Session",
    "Settlement",
    "SettlementLine",
    "SettlementProposal",
    "SignInLink",
    "Store",
    "Shop",
    "ShopCall",
    "ShopCheck",
    "ShopNotice",
    "ShopRefund",
    "StoreCheckpoint",
    "TaxCancellation",
    "TaxDocument",
    "TaxDocumentShare",
    "TaxPlace",
    "Token",
    "TransferReturn",
    "UsageCalls",
    "UsageMonth",
    "UsageNote",
    "UsagePlan",
    "VatReversal",
    "VatWriteOff",
]
