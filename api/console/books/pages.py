"""The books: trial balance, statements, ageing, months, journals, the bank, fees and rates."""

from typing import Final

from api.console.books import balance, bank, fees, journals, months
from api.console.page import Nav, Page, Post
from api.console.words import N_
from domain.access.permissions import Permission

_BOOKS: Final = "/books"
PAGES: Final = (
    Page(
        _BOOKS,
        "books/balance",
        N_("Trial balance"),
        balance.variables,
        balance.view,
        posts={"export": Post("books/balance_export", balance.exported, balance.done)},
        nav=Nav(60, N_("Books"), Permission.READ_LEDGER),
    ),
    Page(
        f"{_BOOKS}/statement/{{ledger}}/{{account}}/{{currency}}",
        "books/statement",
        N_("Account statement"),
        balance.of_account,
        balance.statement,
        section=_BOOKS,
    ),
    Page(f"{_BOOKS}/ageing", "books/ageing", N_("Ageing"), balance.open_of, balance.aged, section=_BOOKS),
    Page(f"{_BOOKS}/months", "books/months", N_("Months"), months.listed, months.shown, section=_BOOKS),
    Page(
        f"{_BOOKS}/month",
        "books/month",
        N_("Month"),
        months.variables,
        months.one,
        section=_BOOKS,
        posts=months.POSTS,
        statements=18,  # what stands in the way, and what each kind of finding is called
    ),
    Page(
        f"{_BOOKS}/journals",
        "books/journals",
        N_("Journals"),
        journals.variables,
        journals.view,
        section=_BOOKS,
        posts=journals.POSTS,
    ),
    Page(f"{_BOOKS}/bank", "books/bank", N_("Bank"), bank.variables, bank.view, section=_BOOKS, posts=bank.POSTS),
    Page(
        f"{_BOOKS}/payouts",
        "books/payouts",
        N_("Payouts"),
        bank.listed,
        bank.payouts,
        section=_BOOKS,
        posts=bank.PROOFS,
        statements=21,
    ),
    Page(f"{_BOOKS}/fees", "books/fees", N_("Fees"), fees.schedules, fees.fees, section=_BOOKS, posts=fees.FEES),
    Page(f"{_BOOKS}/rates", "books/rates", N_("Rates"), fees.listed, fees.rates, section=_BOOKS, posts=fees.RATES),
)
