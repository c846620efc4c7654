"""Sheets as people make them: four languages, several encodings, amounts in two styles, numbers that Excel has cut."""

import io
import zipfile
from collections import Counter
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from domain.batches import amounts, columns, lines, reading, sheets
from domain.batches.amounts import Decimals
from domain.batches.columns import COLUMNS, SheetFormat, SheetKind
from domain.batches.lines import Line, Read
from domain.exports import workbook
from domain.languages import LOCALES
from domain.money import Money, MoneyError
from domain.problems import InvalidInput


def read(given: bytes, kind: SheetKind = SheetKind.REFUNDS) -> Read:
    return lines.understood(reading.read(given, kind), kind)


def a_workbook(rows: list[list[Any]], second: list[list[Any]] | None = None) -> bytes:
    into = io.BytesIO()
    book = xlsxwriter.Workbook(into, {"strings_to_numbers": False, "strings_to_formulas": False})
    for cells in (rows, second or []):
        sheet = book.add_worksheet()
        for at, row in enumerate(cells):
            for place, cell in enumerate(row):
                if isinstance(cell, tuple):
                    sheet.write_formula(at, place, cell[0], value=cell[1])
                elif isinstance(cell, int | float):
                    sheet.write_number(at, place, cell)
                else:
                    sheet.write_string(at, place, cell)
    book.close()
    return into.getvalue()


def codes(read: Read) -> list[str | None]:
    return [one.refusal.code if one.refusal else None for one in read.lines]


def money(read: Read) -> list[int | None]:
    return [one.amount.minor_units if one.amount else None for one in read.lines]


@pytest.mark.parametrize(
    ("text", "currency", "column", "wanted"),
    [
        ("150", "BRL", None, 15_000),
        ("150,5", "BRL", None, 15_050),
        ("150.50", "BRL", None, 15_050),
        ("1.234,56", "BRL", None, 123_456),
        ("1,234.56", "BRL", None, 123_456),
        ("1.234.567", "BRL", None, 123_456_700),
        ("1.234.567,8", "BRL", None, 123_456_780),
        ("R$ 1.050,00", "BRL", None, 105_000),
        ("US$1,050.00", "USD", None, 105_000),
        ("MXN 1050", "MXN", None, 105_000),
        ("1 234,56", "BRL", None, 123_456),
        ("１，２３４．５６", "BRL", None, 123_456),
        ("1.234", "CLP", None, 1_234),
        ("1,234", "CLP", None, 1_234),
        ("$1.234.567", "CLP", None, 1_234_567),
        ("1.234", "BRL", Decimals.COMMA, 123_400),
        ("1,234", "BRL", Decimals.POINT, 123_400),
        ("00150,00", "BRL", None, 15_000),
    ],
)
def test_an_amount_that_can_be_read_in_one_way_only_is_read_so(
    text: str, currency: str, column: Decimals | None, wanted: int
) -> None:
    assert amounts.read(text, currency, column) == Money(wanted, currency)


@pytest.mark.parametrize(
    ("text", "currency", "column"),
    [
        ("1.234", "BRL", None),  # one thousand two hundred and thirty-four, or one and a bit
        ("1,234", "BRL", None),
        ("1.234", "BRL", Decimals.POINT),  # three decimals
        ("0.123", "BRL", None),
        ("1234.567", "BRL", None),
        ("1.23.456", "BRL", None),
        ("1,234,56", "BRL", None),
        ("1.234,56,7", "BRL", None),
        ("12.34,5", "BRL", None),
        ("10,5", "CLP", None),
        ("1234.567", "CLP", None),
        ("0.123", "CLP", None),
        ("1.234,00", "CLP", None),
        ("-10,00", "BRL", None),
        ("(10,00)", "BRL", None),
        ("10,00-", "BRL", None),
        ("10,-", "BRL", None),
        ("", "BRL", None),
        ("abc", "BRL", None),
        ("1e3", "BRL", None),
        ("1'234.56", "BRL", None),
        ("99999999999999999", "BRL", None),
    ],
)
def test_an_amount_that_may_mean_two_things_or_none_is_refused(
    text: str, currency: str, column: Decimals | None
) -> None:
    with pytest.raises(MoneyError):
        amounts.read(text, currency, column)


def test_a_column_proves_how_it_is_written_and_one_that_is_written_in_two_ways_proves_nothing() -> None:
    assert amounts.proven([("1.234", "BRL"), ("10,50", "BRL")]) is Decimals.COMMA
    assert amounts.proven([("1.234", "BRL"), ("10.50", "BRL")]) is Decimals.POINT
    assert amounts.proven([("1.234", "BRL"), ("10.50", "BRL"), ("7,25", "BRL")]) is None
    assert amounts.proven([("1.234", "BRL"), ("150", "BRL"), ("x", "BRL")]) is None
    assert amounts.proven([("1.234", "BRL"), ("1.234.567", "CLP")]) is Decimals.COMMA


@given(st.integers(1, 10**11), st.sampled_from(["BRL", "CLP"]), st.sampled_from([",", "."]), st.booleans())
def test_every_amount_is_read_back_from_how_it_is_written_in_a_column_that_says_how(
    units: int, currency: str, decimals: str, grouped: bool
) -> None:
    amount = Money(units, currency)
    whole, _, part = amount.decimal().partition(".")
    if grouped:
        whole = f"{int(whole):,}".replace(",", "." if decimals == "," else ",")
    text = whole + (decimals + part if part else "")
    assert amounts.read(text, currency, Decimals(decimals)) == amount
    try:
        assert amounts.read(text, currency, None) == amount
    except MoneyError:
        assert len(text.replace(",", ".").split(".")[-1]) == 3
        assert currency == "BRL"


def test_a_cell_that_is_a_number_is_what_the_spreadsheet_shows_and_no_float_of_ours() -> None:
    told = {"1.1": 110, "1.1000000000000001": 110, "0.30000000000000004": 30, "1234567.89": 123_456_789, "150": 15_000}
    assert {text: amounts.of_number(text, "BRL").minor_units for text in told} == told
    for wrong in ("10.333", "-5", "NaN", "1e400", "2026-05-01 00:00:00", "1000000000000000"):
        with pytest.raises(MoneyError):
            amounts.of_number(wrong, "BRL")


def test_headings_are_known_in_four_languages_each_once_however_they_are_written() -> None:
    for kind in SheetKind:
        said = Counter(
            (columns.plain(name), language)
            for one in COLUMNS[kind]
            for language in LOCALES
            for name in one.names[language]
        )
        assert set(said.values()) == {1}, [name for name, times in said.items() if times > 1]
        by_name: dict[str, str] = {}
        for one in COLUMNS[kind]:
            for names in one.names.values():
                for name in names:
                    assert by_name.setdefault(columns.plain(name), one.key) == one.key, name
        for language in LOCALES:
            for form in SheetFormat:
                told = read(sheets.template(kind, language, as_csv=form is SheetFormat.CSV), kind)
                assert (codes(told), told.ignored) == ([None], ()) or (codes(told), list(told.ignored)) == ([None], [])
    told = read(" PEDIDO ;valor*;Móeda:;Setor\n1;10,00;brl;x\n".encode())
    assert (codes(told), list(told.ignored)) == ([None], ["Setor"])


def test_a_text_is_read_in_the_encoding_that_it_was_written_in() -> None:
    chinese = "平台订单号;退款金额;币种;备注\n10482;150,00;BRL;客户要求退款\n"
    ascii_headed = "Order;Amount;Currency;Note\n10482;150.00;BRL;客户要求退款，谢谢\n"
    brazilian = 'Número do pedido,Valor,Moeda,Observação\n10482,"1.234,56",BRL,não entregue à época\n'
    plain = "Pedido;Valor;Moeda;Obs\n10482;150,00;BRL;São Paulo é aqui\n"
    for text, encoding, name, note in (
        (chinese, "gb18030", "GB18030", "客户要求退款"),
        (ascii_headed, "gb18030", "GB18030", "客户要求退款，谢谢"),
        (chinese, "utf-8", "UTF-8", "客户要求退款"),
        (chinese, "utf-8-sig", "UTF-8", "客户要求退款"),
        (brazilian, "cp1252", "Latin-1", "não entregue à época"),
        (plain, "cp1252", "Latin-1", "São Paulo é aqui"),
        (plain, "utf-8", "UTF-8", "São Paulo é aqui"),
    ):
        told = read(text.encode(encoding))
        assert name in told.written, (name, told.written)
        assert told.lines[0].get("note") == note
        assert codes(told) == [None]
    with pytest.raises(InvalidInput, match="neither"):
        read(b"\x00\x01\x02")


def test_numbers_that_excel_has_cut_are_refused_and_those_that_are_whole_are_read() -> None:
    head = ["Order number", "Payment id", "Amount", "Currency"]
    told = read(
        a_workbook(
            [
                head,
                ["00010482", "", 150.5, "BRL"],
                [10482, "", "150,50", "BRL"],
                [1234567890123456789, "", 10, "BRL"],
                ["1.23E+15", "", 10, "BRL"],
                ["1,23E+15", "", 10, "BRL"],
                ["", 123456789012345, 10, "BRL"],
                ["", 1.5, 10, "BRL"],
                ["12E45", "", 10, "BRL"],
                [10482, "", ("=SUM(1,2)", 3), "BRL"],
                [10482, "", 10.333, "BRL"],
                [10482, "", 0, "BRL"],
                [10482, "", "", "BRL"],
                [10482, "", "tudo", "BRL"],
                [10482, "", 10, "XXX"],
            ],
            second=[["x", 1, 2, 3], [9, 9, 9, 9]],
        )
    )
    assert codes(told) == [
        *(None, None, "NUMBER_CUT", "NUMBER_CUT", "NUMBER_CUT", None, "NUMBER_CUT", None),
        *("FORMULA", "AMOUNT", "AMOUNT", "AMOUNT", None, "CURRENCY"),
    ]
    assert (told.lines[0].get("order"), told.lines[1].get("order")) == ("00010482", "10482")
    assert money(told)[:2] == [15_050, 15_050]
    assert "BRL" not in repr(Line(2, {"pix_key": "BRL"}))


def _with_number(told: str) -> bytes:
    """A workbook whose column of numbers has this in a cell that is typed as no text."""
    given = io.BytesIO(a_workbook([["Order", "Amount", "Currency"], [424242, "1.00", "BRL"]]))
    into = io.BytesIO()
    with zipfile.ZipFile(given) as packed, zipfile.ZipFile(into, "w") as packed_anew:
        for name in packed.namelist():
            changed = packed.read(name).replace(b'"A2"><v>424242', b'"A2" t="d"><v>' + told.encode())
            packed_anew.writestr(name, changed)
    return into.getvalue()


def test_a_number_that_is_written_short_is_not_written_out_to_see_that_it_was_cut() -> None:
    for told in ("1E9999999999999", "-1E30", "1E-9999999999999", "Infinity", "NaN", "sNaN"):
        assert codes(read(_with_number(told))) == ["NUMBER_CUT"], told
    assert codes(read(_with_number("2026-11-03"))) == codes(read(_with_number("0"))) == [None]


def test_what_is_longer_than_any_heading_word_or_amount_is_not_made_plain() -> None:
    long = "e" + "\N{COMBINING ACUTE ACCENT}" * 1_000
    assert columns.plain(long) == long
    with pytest.raises(MoneyError, match="is not an amount"):
        amounts.read("\N{FULLWIDTH DIGIT ONE}" + " " * 1_000, "BRL", None)


def test_a_sheet_says_the_same_as_workbook_and_as_text_and_its_rows_are_counted_as_people_see_them() -> None:
    head = ["Pedido", "Valor", "Moeda", "Motivo"]
    book = read(a_workbook([head, ["A", 1234.5, "BRL", "x"], ["", "", "", ""], ["B", 10, "brl", ""]]))
    text = read(b"Moeda;Motivo;Pedido;Valor\nBRL;x;A;1.234,50\n;;;\nBRL;;B;10\n")
    assert [one.row for one in book.lines] == [one.row for one in text.lines] == [2, 4]
    assert book.digest == text.digest
    assert book.digest != read(b"Moeda;Motivo;Pedido;Valor\nBRL;x;A;1.234,51\n;;;\nBRL;;B;10\n").digest


def test_a_file_that_is_no_such_sheet_is_refused_whole_and_says_what_is_missing() -> None:
    for wrong, why in (
        (b"", "empty"),
        (b"Valor;Moeda\n1;BRL\n", "Order number or Payment id"),
        (b"Pedido;Moeda\n1;BRL\n", "Amount"),
        (b"Pedido;Valor;Amount;Moeda\n1;1;1;BRL\n", "Two columns"),
        (b"Pedido;Valor;Moeda\n" + b"1;1;BRL\n" * 10_001, "10000 rows"),
        (b'Pedido;Valor;Moeda\n"1;1;BRL\n', "cannot be read"),
        (b"PK\x03\x04nothing", "cannot be read"),
    ):
        with pytest.raises(InvalidInput, match=why):
            read(wrong)
    assert len(read(b"Pedido;Valor;Moeda\n" + b"1;1;BRL\n" * 10_000).lines) == 10_000
    # A workbook of more rows is refused before they are counted, and headings without end are not all looked at.
    with pytest.raises(InvalidInput, match="10000 rows and 60 columns; A10002 is outside"):
        read(a_workbook([["Pedido", "Valor", "Moeda"], *[["1", 1, "BRL"]] * 10_001]))
    assert reading._by_headings(b"Pedido;" * 10_000 + "Código;".encode("cp1252") * 100_000, SheetKind.REFUNDS) is None


def test_what_goes_out_is_run_by_no_program_and_a_result_that_comes_back_is_read_as_its_sheet() -> None:
    nasty = '=HYPERLINK("http://evil","x")'
    given = f'Pedido;Valor;Moeda;Obs\n"\'{nasty.replace(chr(34), chr(34) * 2)}";10,00;BRL;-2+3\n'.encode()
    sheet = reading.read(given, SheetKind.REFUNDS)
    assert sheet.rows[1][0] == nasty
    assert codes(lines.understood(sheet, SheetKind.REFUNDS)) == ["FORMULA"]  # the note
    behind = {2: ["ref0", "SUCCEEDED", "2026-11-03 12:00:00", "D1", "=1+1"]}
    csv = sheets.result(sheet, SheetKind.REFUNDS, behind, as_csv=True)
    assert csv.startswith(b"\xef\xbb\xbf")
    assert b"'=HYPERLINK" in csv
    assert b",'=1+1" in csv
    assert "Referência Estorno".encode() in csv
    book = sheets.result(sheet, SheetKind.REFUNDS, behind, as_csv=False)
    told = workbook.read(book)
    assert (told.rows[1][0], told.rows[1][-1], told.formulas, told.numbers) == (nasty, "=1+1", frozenset(), frozenset())
    again = lines.understood(reading.read(book, SheetKind.REFUNDS), SheetKind.REFUNDS)
    assert (again.ignored, again.lines[0].get("order")) == ([], nasty)
    # Once more, and it has no columns twice.
    assert (
        sheets.result(reading.read(book, SheetKind.REFUNDS), SheetKind.REFUNDS, behind, as_csv=True).count(b"Estorno")
        == 1
    )


def test_days_are_read_with_the_year_first_and_no_month_is_taken_for_a_day() -> None:
    for told, wanted in (
        ("2026-11-03", "2026-11-03 00:00:00"),
        ("2026/11/3 14:05", "2026-11-03 14:05:00"),
        ("2026年11月3日", "2026-11-03 00:00:00"),
        ("2026-11-03T14:05:06", "2026-11-03 14:05:06"),
        ("2026-11-03 00:00:00", "2026-11-03 00:00:00"),
        ("03/11/2026", None),
        ("2026-13-01", None),
        ("2026-02-30", None),
        ("yesterday", None),
    ):
        found = lines.moment_of(told)
        assert (str(found) if found else None) == wanted, told


def test_words_are_known_in_four_languages() -> None:
    assert (
        columns.reason_of("客户要求") is columns.reason_of("Pedido do cliente") is columns.reason_of("CUSTOMER_REQUEST")
    )
    assert columns.reason_of("não entregue") is columns.reason_of("nao entregue") is columns.reason_of("未送达")
    assert columns.reason_of("whim") is None
    assert all(columns.is_yes(one) for one in ("sim", "Sí", "YES", "是", "x"))
    assert not columns.is_yes("no")
    assert all(columns.is_all(one) for one in ("ALL", "tudo", "全额"))
