"""What accounting asks for all day: the month, what is open, findings, the bank, VAT, quotes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

Known = Mapping[str, Any]
READ: Final = "books:"

_BALANCE: Final = """query Q($from: Date!, $to: Date!, $by: [TrialBalanceBy!]) {
  trialBalance(from: $from, to: $to, by: $by) { rows(first: 100) { account closing { display } } } }"""
_STATEMENT: Final = """query Q($connection: ID!, $account: LedgerAccount!, $from: Date!, $to: Date!) {
  accountStatement(account: $account, connectionId: $connection, currency: BRL, first: 100, from: $from, to: $to) {
    opening { display } closing { display } entries { edges { cursor } } } }"""
_AGEING: Final = """query Q($accounts: [LedgerAccount!]) {
  ageing(accounts: $accounts) { rows(first: 100) { count amount { display } } } }"""
_OPEN: Final = """query Q($account: LedgerAccount!, $bucket: AgeBucket) {
  openItems(account: $account, bucket: $bucket, first: 100) { edges { node { entryId amount { display } } } } }"""
_SUMS: Final = """query Q($filter: FindingFilter) {
  findingsSummary(filter: $filter) { kind count amount { display } } }"""
_LIST: Final = """query Q($filter: FindingFilter) {
  findings(filter: $filter, first: 100) { edges { node { id kind } } } }"""


def _of(*names: str, **more: Any) -> Callable[[Known], dict[str, Any]]:
    return lambda known: {**{name: known[name] for name in names}, **more}


_FILTERS: Final[Mapping[str, Callable[[Known], dict[str, Any]]]] = {
    "all": lambda known: {},
    "open": lambda known: {"states": ["OPEN", "REOPENED"]},
    "open, of a PSE": lambda known: {"states": ["OPEN"], "pses": ["pix"]},
    "open, of a month": lambda known: {"states": ["OPEN"], "foundFrom": known["from"], "foundUntil": known["to"]},
    "open, grave": lambda known: {"states": ["OPEN"], "severity": "HIGH"},
    "resolved, of a kind": lambda known: {"states": ["RESOLVED"], "kinds": ["STATUS_MISMATCH"]},
}
DOCUMENTS: Final[Mapping[str, tuple[str, Callable[[Known], dict[str, Any]]]]] = {
    "books: trial balance": (_BALANCE, _of("from", "to", by=["CONNECTION"])),
    "books: trial balance by store": (_BALANCE, _of("from", "to", by=["STORE"])),
    "books: statement of PSE_CLEARING": (_STATEMENT, _of("connection", "from", "to", account="PSE_CLEARING")),
    "books: statement of PSE_BALANCE": (_STATEMENT, _of("connection", "from", "to", account="PSE_BALANCE")),
    "books: ageing": (_AGEING, _of()),
    "books: ageing of PSE_CLEARING": (_AGEING, _of(accounts=["PSE_CLEARING"])),
    "books: ageing of VAT": (_AGEING, _of(accounts=["VAT_REVERSAL_PENDING"])),
    "books: open items of PSE_CLEARING": (_OPEN, _of(account="PSE_CLEARING")),
    "books: open items of VAT, 31 to 60 days": (_OPEN, _of(account="VAT_REVERSAL_PENDING", bucket="D31_60")),
    "books: what stands against closing": (
        "query Q($month: String!) { periodPreview(month: $month) { closableFrom against { obstacle count } } }",
        _of("month"),
    ),
    "books: VAT of a month": (
        "query Q($month: String!) { vatReport(period: $month) { store reversals } }",
        _of("month"),
    ),
    "books: payouts that are open": ("{ payouts(first: 100, standing: OPEN) { edges { node { id } } } }", _of()),
    "books: bank lines without a payout": (
        "{ bankLines(first: 100, explained: false) { edges { node { id } } } }",
        _of(),
    ),
    "books: quote": (
        "query Q($input: RefundQuoteInput!) { refundQuote(input: $input) { quote { id } errors { __typename } } }",
        lambda known: {"input": {"paymentId": known["payment"]}},
    ),
    **{
        f"books: findings, {name}": (_LIST, lambda known, of=of: {"filter": of(known)})  # type: ignore[misc]
        for name, of in _FILTERS.items()
    },
    **{
        f"books: findings' sums, {name}": (_SUMS, lambda known, of=of: {"filter": of(known)})  # type: ignore[misc]
        for name, of in _FILTERS.items()
    },
}
