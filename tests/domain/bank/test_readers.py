"""Statements as banks really write them: what is read, what proves it, and the sentence where it cannot be read."""

import gzip
from datetime import date

import pytest

from domain.bank.readers.header import CsvMapping, normal
from domain.bank.readers.read import read
from domain.bank.statement import BadStatement, Statement, keys


def _ofx(
    *transactions: str, currency: str = "BRL", header: str = "OFXHEADER:100\r\nCHARSET:1252\r\n", end: str = ""
) -> bytes:
    body = "".join(f"<STMTTRN>{one}</STMTTRN>\r\n" for one in transactions)
    account = "<BANKACCTFROM><BANKID>341<BRANCHID>1234<ACCTID>56789-0</BANKACCTFROM>"
    return (
        f"{header}\r\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>{currency}{account}<BANKTRANLIST>\r\n{body}"
        f"</BANKTRANLIST>{end}</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    ).encode()


def _of(amount: str, memo: str = "PAGTO", day: str = "20261105", more: str = "<FITID>7", type_: str = "OTHER") -> str:
    return f"<TRNTYPE>{type_}<DTPOSTED>{day}<TRNAMT>{amount}{more}<MEMO>{memo}"


def _one(content: bytes, currency: str = "BRL", mapping: CsvMapping | None = None) -> Statement:
    (statement,) = read(content, currency, mapping)
    return statement


def _told(content: bytes, currency: str = "BRL", mapping: CsvMapping | None = None) -> list[tuple[date, int, str]]:
    return [(line.booked_on, line.amount, line.text) for line in _one(content, currency, mapping).lines]


DAY = date(2026, 11, 5)


def test_an_ofx_of_a_brazilian_bank_is_read_with_commas_points_and_without_ids() -> None:
    content = _ofx(_of("386,80"), _of("-1.234,56", "TED", more=""), _of("1.000.000,00", more="<FITID>"))
    assert _told(content) == [(DAY, 38680, "PAGTO"), (DAY, -123456, "TED"), (DAY, 100000000, "PAGTO")]
    statement = _one(content)
    assert (statement.account, statement.currency, statement.proof) == ("341/1234/56789-0", "BRL", None)
    assert [line.reference for line in statement.lines] == ["7", None, None]


def test_what_a_header_says_of_the_encoding_is_not_believed() -> None:
    assert _told(_ofx(_of("1.00", "AÇÃO & CIA <SP")))[0][2] == "AÇÃO & CIA <SP"
    in_the_code_page = _ofx(_of("1.00", "ACAO"), header="OFXHEADER:100\nENCODING:ISO-8859-1\n").replace(
        b"ACAO", b"A\xc7\xc3O"
    )
    assert _told(in_the_code_page)[0][2] == "AÇÃO"
    assert _told(_ofx(_of("1.00", "A &amp; B")))[0][2] == "A & B"


def test_an_entity_that_is_none_harms_nobody() -> None:
    assert _told(_ofx(_of("1.00", "&#" + "9" * 5_000 + ";")))[0][1] == 100
    assert _told(_ofx(_of("1.00", "&#0;")))[0][2] == "\ufffd"


def test_a_date_is_the_day_that_is_printed_whatever_zone_stands_behind_it() -> None:
    told = _told(_ofx(_of("1.00", day="20261105000000[-3:GMT]"), _of("1.00", day="20261105")))
    assert [booked for booked, _, _ in told] == [DAY, DAY]


def test_xml_is_read_as_the_older_form_is_and_nothing_in_it_is_expanded() -> None:
    header = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "boom">]><?OFX OFXHEADER="200"?>'
    transaction = "<TRNTYPE>CREDIT</TRNTYPE><DTPOSTED>20261105</DTPOSTED><TRNAMT>5.00</TRNAMT><MEMO>&e;</MEMO>"
    assert _told(_ofx(transaction, header=header)) == [(DAY, 500, "&e;")]


def test_a_file_without_a_sign_has_it_in_the_type_of_its_transactions() -> None:
    content = _ofx(_of("5.00", type_="DEBIT"), _of("7.00", type_="CREDIT"))
    assert [amount for _, amount, _ in _told(content)] == [-500, 700]
    signed = _ofx(_of("5.00", type_="DEBIT"), _of("-7.00", type_="CREDIT"))
    assert [amount for _, amount, _ in _told(signed)] == [500, -700]


def test_a_balance_without_its_decimals_refuses_no_file() -> None:
    statement = _one(_ofx(_of("5,00"), end="<LEDGERBAL><BALAMT>12345<DTASOF>20261105</LEDGERBAL>"))
    assert (len(statement.lines), statement.contradicted) == (1, None)


def test_equal_lines_of_one_day_have_names_of_their_own_and_the_same_in_every_file() -> None:
    short, long = _one(_ofx(_of("5.00"), _of("5.00"))), _one(_ofx(_of("5.00"), _of("5.00"), _of("5.00"), _of("6.00")))
    assert len({*keys(long)}) == 4
    assert list(keys(long))[:2] == list(keys(short))


_FOREIGN = b"34100000" + b" " * 232 + b"\r\n34100011C2001\r\n3410001300001A"
_NO_SIDE = "3410001300001E".ljust(142) + "05112026" + "000000000000040000X"
_CNAB_HEADER = "34100000" + " " * 232


def _lot(
    *details: str, opening: str = "000000000000100000C", closing: str = "000000000000130000C", trailer: bool = True
) -> bytes:
    head = ("34100011E0440" + " " * 39 + "01234 0000000567890 ").ljust(142) + "04112026" + opening + " " * 4 + "00007"
    tail = "34100015".ljust(142) + "05112026" + closing
    rows = [_CNAB_HEADER, head, *details, *([tail] if trailer else []), "34199999"]
    return "\r\n".join(row.rstrip() for row in rows).encode("cp1252") + b"\r\n\x1a"


def _detail(amount: str, text: str, day: str = "05112026") -> str:
    return ("3410001300001E".ljust(142) + day + amount + "205" + "0000" + text.ljust(25) + "0000123").ljust(240)


def test_a_cnab_statement_is_read_and_proven_by_its_balances() -> None:
    content = _lot(_detail("000000000000040000C", "PIX RECEBIDO"), _detail("000000000000010000D", "TARIFA"))
    statement = _one(content)
    assert [(line.amount, line.text, line.reference) for line in statement.lines] == [
        (40000, "PIX RECEBIDO", "0000123"),
        (-10000, "TARIFA", "0000123"),
    ]
    assert (statement.account, statement.sequence) == ("341/1234/567890", 7)
    assert (statement.opening, statement.closing) == (100000, 130000)
    assert statement.proof == "Opening balance and lines are the closing balance."


def test_a_cnab_that_is_cut_or_does_not_add_up_says_so() -> None:
    assert _one(_lot(trailer=False)).contradicted == "The lot has no trailer: the file is cut off."
    said = _one(_lot(_detail("000000000000040000C", "X"))).contradicted
    assert said == "Opening 100000 and lines 40000 are 140000; the closing balance is 130000."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_FOREIGN, "Line 3: This is a CNAB 240 file, and no statement"),
        (_lot(_NO_SIDE), "Line 3: Columns 151 to 169 hold no amount"),
        (_lot(_detail("000000000000040000C", "X", day="31022026")), "Line 3: 2026-02-31 is no date"),
        (_ofx("<TRNTYPE>OTHER<DTPOSTED>20261105<MEMO>X"), "Line 5: This transaction has no amount"),
        (_ofx(_of("1.00", day="hoje")), "Line 5: This transaction has no date"),
        (_ofx(_of("1.234")), "can be read in two ways"),
        (_ofx(_of("1.23"), _of("1,23")), "Some amounts have a decimal comma"),
        (_ofx(_of("1.00"), currency="XXX"), "The statement's currency is XXX"),
        (_ofx(_of("9" * 50)), "is no amount"),
        (_ofx(_of("9" * 30 + ".00")), "is more than can be counted"),
        (_ofx(_of("٣.00")), "is no amount"),
        (b"OFXHEADER:100\n<OFX></OFX>", "There is no statement in this OFX file"),
        (b"PK\x03\x04zip", "This is a workbook"),
        (b"Fecha;Importe\n05/11/2026;1,00\x00", "The file is no text"),
        (gzip.compress(b"Fecha;Importe", mtime=0)[:-4], "no whole gzip"),
        (b"when,how much\n1,2", "No row names a date and an amount"),
        (b"Fecha;Cargo;Abono\n05/11/2026;1,00;2,00\n", "Line 2: This row has a debit and a credit"),
        (b"Fecha;Importe\nsin;1,00\n", "Line 2: 'sin' is no date"),
        (b"Fecha;Importe\n;1,00\n", "Line 2: '' is no date"),
        (b"Fecha;Importe\n01/02/99999999999;1,00\n", "Line 2: 99999999-01-02 is no date"),
        (b"Fecha;Importe;Moneda\n05/11/2026;1,00;USD\n", "Line 2: This row is in USD"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_sentence_with_its_line(content: bytes, words: str) -> None:
    with pytest.raises(BadStatement) as refused:
        _one(content)
    assert words in str(refused.value)


def test_a_file_of_more_than_a_statement_can_have_is_refused_before_it_is_taken_apart() -> None:
    for content, words in (
        (b"Fecha;Importe\n" + b"05/11/2026;1,00\n" * 50_001, "A statement has at most 50,000 lines"),
        (b"Fecha;Importe" + b";" * 200 + b"\n05/11/2026;1,00\n", "Line 1: This row has more than 100 cells"),
        (b"Fecha;Importe" + b"x" * 2_000 + b"\n", "Line 1: This line is too long"),
    ):
        with pytest.raises(BadStatement, match=words):
            _one(content)


def test_a_small_file_that_unpacks_to_a_very_large_one_is_refused() -> None:
    with pytest.raises(BadStatement, match="Unpacked the file has more"):
        _one(gzip.compress(b"0" * (17 * 1024 * 1024), compresslevel=9))


def test_sheets_are_read_by_their_headers_in_four_languages() -> None:
    mexican = (
        "BBVA;;;;\nCuenta 0123;;;;\n;;;;\nFECHA;DESCRIPCIÓN;CARGO;ABONO;SALDO\n"
        '04/11/2026;SALDO INICIAL;;;1,000.00\n05/11/2026;SPEI RECIBIDO/////;;"2,500.00";3,500.00\n'
        "05/11/2026;COMISION;-11.60;;3,488.40\nTOTAL;;-11.60;2,500.00;\n"
    ).encode()
    statement = _one(mexican, "MXN")
    assert [line.amount for line in statement.lines] == [250000, -1160]
    assert statement.proof == "Each printed balance is the one before and what moved."
    assert (statement.opening, statement.closing) == (100000, 348840)
    brazilian = (
        "Data|Histórico|Documento|Valor (R$)\n05/11/2026 10:33|PIX|E1|R$ 1.234,56\n06/11/26|TARIFA||1,00-\n".encode(
            "cp1252"
        )
    )
    assert _told(brazilian) == [(DAY, 123456, "PIX"), (date(2026, 11, 6), -100, "TARIFA")]
    chinese = (
        '交易日期,摘要,收入,支出,余额\n2026-11-05,货款,"1,234.50",,1234.50\n2026-11-06,手续费,,4.50,1230.00\n'.encode()
    )
    assert [amount for _, amount, _ in _told(chinese, "USD")] == [123450, -450]
    chilean = b"Fecha\tGlosa\tMonto\n05-nov-2026\tABONO\t1.234.567\n06-nov-2026\tCARGO\t(1.234)\n"
    assert [amount for _, amount, _ in _told(chilean, "CLP")] == [1234567, -1234]


def test_what_is_longer_than_any_word_of_a_header_is_none_of_them() -> None:
    long = "e" + "\N{COMBINING ACUTE ACCENT}" * 1_000
    assert normal(long) == long


def test_the_newest_first_is_as_good_and_a_missing_row_is_seen() -> None:
    rows = ["07/11/2026;30,00;160,00", "06/11/2026;-20,00;130,00", "05/11/2026;50,00;150,00"]
    whole = _one(("Data;Valor;Saldo\n" + "\n".join(rows)).encode())
    assert (whole.opening, whole.closing, whole.contradicted) == (10000, 16000, None)
    cut = _one(("Data;Valor;Saldo\n" + "\n".join([rows[0], rows[2]])).encode())
    assert (cut.proof, (cut.contradicted or "")[:7]) == (None, "Line 2:")


def test_a_mapping_says_what_no_word_tells() -> None:
    content = b"when,paid,note,bal\n11/05/2026,1.234,x,1.234\n"
    mapping = CsvMapping(date="When", amount="paid", text=("note",), balance="bal", decimal=",", order="MDY")
    assert _told(content, "MXN", mapping) == [(DAY, 123400, "x")]
    with pytest.raises(BadStatement, match="delimiter is one of"):
        _one(content, "MXN", CsvMapping(delimiter="ab"))


def test_of_two_columns_of_one_side_the_mapping_says_which_one_counts() -> None:
    content = "Data;Histórico;Valor;Valor (R$)\n05/11/2026;PIX;20,00;110,00\n".encode()
    with pytest.raises(BadStatement, match=r"Several columns may be the amount \(Valor, Valor \(R\$\)\)"):
        _one(content)
    for named, amount in (("Valor", 2000), ("VALOR (R$)", 11000)):
        assert _told(content, mapping=CsvMapping(amount=named)) == [(DAY, amount, "PIX")]
    with pytest.raises(BadStatement, match="may be the debit"):
        _one(b"Fecha;Cargo;Retiro;Abono\n05/11/2026;1,00;2,00;\n")
    # Where the sides are told apart nobody looks at the sum.
    sides = b"Fecha;Importe;Monto;Cargo;Abono\n05/11/2026;9,00;8,00;;1,00\n"
    assert [amount for _, amount, _ in _told(sides)] == [100]


def test_an_ambiguous_date_is_read_as_people_there_write_it_unless_another_row_tells() -> None:
    assert _told(b"Fecha;Importe\n05/11/2026;1,00\n")[0][0] == DAY
    assert _told(b"Date,Amount\n11/05/2026,1.00\n11/25/2026,1.00\n", "USD")[0][0] == DAY


def test_a_moment_is_the_day_that_it_is_of() -> None:
    content = b"Date;Description;Amount\n2026-11-05T10:00:00-03:00;A;1.00\n2026-11-05 23:59;B;2.00\n"
    assert _told(content) == [(DAY, 100, "A"), (DAY, 200, "B")]


def test_a_mapping_says_which_decimal_sign_an_ofx_has_where_nothing_in_it_tells() -> None:
    for sign, amount in ((".", 10050), (",", 10050000)):
        assert _told(_ofx(_of("100.500")), mapping=CsvMapping(decimal=sign)) == [(DAY, amount, "PAGTO")]
    assert _told(_ofx(_of("1.50")), mapping=CsvMapping(decimal=",")) == [(DAY, 150, "PAGTO")]
