"""What other programs are given: balanced, with the currency's decimals, and nothing that a sheet would run."""

import csv
import io
from datetime import date
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.journal import formats, journals
from domain.journal.formats import XERO_LINES_MAX, Encoding, JournalFormat
from domain.journal.journals import Movement
from domain.journal.mapping import For, Mapping, Theirs
from domain.models import JournalAccount
from domain.models.ledger import Account
from domain.periods.months import Month
from domain.problems import InvalidInput

MONTH = Month.of(date(2026, 10, 5))
STORE, CONNECTION = uuid4(), uuid4()
EVIL = '=cmd|"/c calc"!A1, "x"\r\n+1'


def _accounts(*more: JournalAccount) -> Mapping:
    rows = [
        JournalAccount(account=one.value, number=f"1.{place}", name=f"Conta {one.value}")
        for place, one in enumerate(Account)
    ]
    return Mapping([*rows, *more])


def _move(day: int, amount: int, currency: str = "BRL", name: str = "pix-main", entry: str = "CAPTURE") -> Movement:
    return Movement(
        date(2026, 10, day), CONNECTION, name, "pix", STORE, "sp", currency, entry, Account.PSE_CLEARING,
        Account.SALES, amount, 3,
    )  # fmt: skip


def _written(form: JournalFormat, moves: list[Movement], accounts: Mapping | None = None) -> list[formats.Written]:
    made = journals.journals(moves, accounts or _accounts(), MONTH, "EST000007")
    return list(formats.files(made, form, "journal"))


def _cells(one: formats.Written) -> list[list[str]]:
    return list(csv.reader(io.StringIO(one.content.decode("utf-8"), newline="")))


AMOUNTS = st.lists(
    st.tuples(st.integers(1, 28), st.integers(1, 10**15), st.sampled_from(["BRL", "CLP", "USD"])), min_size=1
)


@given(AMOUNTS, st.sampled_from(list(JournalFormat)))
def test_every_file_balances_and_all_of_it_is_in_them(drawn: list[tuple[int, int, str]], form: JournalFormat) -> None:
    moves = [_move(day, amount, currency, EVIL, f"E{place}") for place, (day, amount, currency) in enumerate(drawn)]
    written = _written(form, moves)
    for currency in {one.currency for one in moves}:
        wanted = sum(one.amount for one in moves if one.currency == currency)
        assert sum(one.debits.get(currency, 0) for one in written) == wanted
        assert sum(one.credits.get(currency, 0) for one in written) == wanted
    for one in written:
        for cell in (cell for row in _cells(one) for cell in row):
            digits = cell.lstrip("-").replace(".", "")
            assert not cell.startswith(("=", "+", "-", "@")) or digits.isdigit(), cell
            assert "\n" not in cell


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert [formats.amount(value, "CLP") for value in (1050, -5)] == ["1050", "-5"]
    assert [formats.amount(value, "BRL") for value in (1050, -5, 0)] == ["10.50", "-0.05", "0.00"]


def test_the_generic_file_says_of_each_line_what_it_is_of() -> None:
    (one,) = _written(JournalFormat.CSV, [_move(1, 1050), _move(1, 7, "CLP")])
    head, first, second, third, _ = _cells(one)
    assert head[:4] == ["journal_id", "line_no", "date", "account"]
    assert first == [
        "EST000007-0001", "1", "2026-10-01", "1.0", "Conta PSE_CLEARING", "10.50", "0.00", "BRL",
        "CAPTURE pix-main sp (3)", "EST 2026-10 pix",
    ]  # fmt: skip
    assert second[:7] == ["EST000007-0001", "2", "2026-10-01", "1.3", "Conta SALES", "0.00", "10.50"]
    assert third[5:8] == ["7", "0", "CLP"]


def test_quickbooks_knows_accounts_by_name_and_days_as_americans_do() -> None:
    one, other = _written(JournalFormat.QUICKBOOKS, [_move(5, 1050), _move(6, 100, "USD")])
    assert (one.name, other.name) == ("journal-BRL.csv", "journal-USD.csv")
    assert _cells(one)[1] == [
        "EST000007-0001", "10/05/2026", "Conta PSE_CLEARING", "10.50", "", "CAPTURE pix-main sp (3) EST 2026-10 pix",
        "", "", "",
    ]  # fmt: skip
    assert _cells(one)[2][3:5] == ["", "10.50"]


def test_xero_takes_signed_amounts_the_full_name_of_a_tax_rate_and_at_most_300_lines() -> None:
    rate = JournalAccount(account="SALES", store_id=STORE, number="200", name="Sales", tax_rate="Tax on Sales")
    moves = [_move(1 + place % 28, 100, entry=f"E{place:03d}") for place in range(400)]
    written = _written(JournalFormat.XERO, sorted(moves, key=lambda one: one.day), _accounts(rate))
    assert [one.lines <= XERO_LINES_MAX for one in written] == [True] * len(written)
    assert sum(one.lines for one in written) == 800
    head, debit, credit, *_ = _cells(written[0])
    assert head[:6] == ["*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount"]
    assert debit[3:6] == ["1.0", "Tax Exempt", "1.00"]
    assert credit[3:6] == ["200", "Tax on Sales", "-1.00"]
    narrations = {(row[0], row[1]) for one in written for row in _cells(one)[1:]}
    assert len(narrations) == 28, "The same narration and date is one journal: it is not cut."


def test_u8_has_its_first_line_no_quotes_and_both_encodings() -> None:
    made = journals.journals([_move(5, 1050, name='店, "一"')], _accounts(), MONTH, "EST000007")
    for encoding, python in ((Encoding.UTF_8, "utf-8"), (Encoding.GB18030, "gb18030")):
        (one,) = formats.files(made, JournalFormat.U8, "journal", encoding)
        first, debit, credit, end = one.content.decode(python).split("\r\n")
        assert (first, end) == ("填制凭证,V800", "")
        assert debit.split(",")[:8] == ["2026-10-05", "记", "1", "0", debit.split(",")[4], "1.0", "10.50", "0.00"]
        assert credit.split(",")[6:8] == ["0.00", "10.50"]
        assert '"' not in one.content.decode(python)
    long = JournalAccount(account="SALES", number="1" * 16, name="x")
    with pytest.raises(InvalidInput, match="U8 takes"):
        _written(JournalFormat.U8, [_move(1, 1)], _accounts(long))


def test_a_journal_of_many_pairs_is_cut_into_balanced_ones() -> None:
    moves = [_move(1, 100 + place, entry=f"E{place:03d}") for place in range(250)]
    made = journals.journals(moves, _accounts(), MONTH, "EST1")
    assert [len(one.lines) for one in made] == [200, 200, 100]
    assert journals.sums_of(made) == {"BRL": sum(one.amount for one in moves)}


def test_the_most_particular_account_counts() -> None:
    def row(number: str, **of: object) -> JournalAccount:
        return JournalAccount(account="SALES", number=number, name=number, **of)

    rows = [row("all"), row("brl", currency="BRL"), row("store", store_id=STORE), row("conn", connection_id=CONNECTION)]
    wanted = For(Account.SALES, CONNECTION, STORE, "BRL")
    for known, number in ((rows, "conn"), (rows[:3], "store"), (rows[:2], "brl"), (rows[:1], "all")):
        assert Mapping(known).of(wanted) == Theirs(number, number)
    assert Mapping([]).of(wanted) is None
