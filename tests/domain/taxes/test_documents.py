"""What a file of a stranger says, and how it is refused. Pure: no database."""

import io
import time
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.models.taxes import RefundCause
from domain.taxes.documents import nfe as reader
from domain.taxes.documents import read, sri, table
from domain.taxes.documents.said import Cancellation, Document, Unread, normal
from domain.taxes.documents.xml import UnreadableDocument
from tests.domain.taxes import vectors
from tests.domain.taxes.vectors import access_key

KEY = access_key(123, "2026-10-02")
UUID = "AD662D33-6934-459C-A128-BDF0393F0F44"


def _one(content: bytes, country: str = "BR", currency: str = "BRL") -> Any:
    (found,) = read.read(content, country, currency)
    return found


def _why(content: bytes) -> str:
    found = _one(content)
    assert isinstance(found, Unread), found
    return found.why


def test_a_brazilian_note_of_return_is_read_with_all_that_was_checked() -> None:
    found = _one(vectors.nfe(7, [KEY], more="<vPIS>0.66</vPIS><vCOFINS>3.04</vCOFINS>"))
    assert isinstance(found, Document)
    assert (found.kind, found.number, found.issued_on, found.issuer) == ("NFE", "1/7", date(2026, 11, 20), vectors.CNPJ)
    assert (found.total, found.tax, found.parts) == (4_000, 1_090, {"ICMS": 720, "PIS": 66, "COFINS": 304})
    assert {normal(KEY), normal(f"NFe{KEY}"), "1-123", "NFE-123"} <= set(found.originals)
    assert (found.cause, found.checked["digest"], found.checked["protocol"]) == (
        RefundCause.RETURN_OF_GOODS, "MATCHES", "100",
    )  # fmt: skip


def test_a_credit_note_of_a_refused_delivery_is_read_and_one_of_interest_is_not() -> None:
    assert _one(vectors.nfe(7, [KEY], purpose="5", credit_type="03")).cause is RefundCause.CANCELLATION
    assert "no note of return" in _why(vectors.nfe(7, [KEY], purpose="5", credit_type="01"))
    assert "no note of return" in _why(vectors.nfe(7, [KEY], purpose="1"))


def test_a_brazilian_note_that_was_tampered_with_or_not_authorised_is_refused() -> None:
    good = vectors.nfe(7, [KEY])
    digit = str((int(access_key(7)[-1]) + 1) % 10)
    assert "check digit" in _why(vectors.nfe(7, [KEY], key=access_key(7)[:-1] + digit))
    assert "own fields" in _why(vectors.nfe(7, [KEY], key=access_key(8)))
    assert "does not authorise" in _why(vectors.nfe(7, [KEY], status="302"))
    assert "no protocol" in _why(good.replace(b"protNFe", b"protocol"))
    assert "refNFe" in _why(vectors.nfe(7, []))
    assert "check digit" in _why(vectors.nfe(7, [KEY[:-1] + str((int(KEY[-1]) + 1) % 10)]))
    changed = _one(good.replace(b"Devolu\xc3\xa7\xc3\xa3o", b"Devolvido"))
    assert changed.checked["digest"] == "DIFFERS"
    assert "no amount" in _why(vectors.nfe(7, [KEY], total="-40.00"))
    assert "decimals" in _why(vectors.nfe(7, [KEY], total="40.001"))


def test_a_cancellation_counts_when_the_authority_has_taken_it() -> None:
    assert _one(vectors.nfe_canceled(KEY)) == Cancellation(
        "BR", normal(KEY), "", "001/000000123", "2026-10", vectors.CNPJ
    )
    assert "has not taken" in _why(vectors.nfe_canceled(KEY, status="573"))
    assert "cancels nothing" in _why(vectors.nfe_canceled(KEY, event="110110"))


@given(st.integers(0, 43), st.sampled_from("0123456789"))
def test_one_digit_of_an_access_key_never_changes_unseen(place: int, digit: str) -> None:
    if KEY[place].isdigit() and KEY[place] != digit and place not in range(6, 18):
        assert reader.is_key(KEY)
        changed = KEY[:place] + digit + KEY[place + 1 :]
        left = sum((ord(sign) - 48) * (2 + at % 8) for at, sign in enumerate(reversed(KEY[:43]))) % 11
        # Remainders 0 and 1 have one digit between them: what moves from the one to the other is not seen.
        assert not reader.is_key(changed) or left < 2


def test_a_mexican_egreso_names_several_sales_in_any_case_and_says_what_is_not_in_it() -> None:
    found = _one(vectors.cfdi(UUID.lower(), ["aaaa0d33-6934-459c-a128-bdf0393f0f44", UUID]))
    assert (found.country, found.currency, found.total, found.tax) == ("MX", "MXN", 11_600, 1_600)
    assert (found.name, found.number) == (normal(UUID), "NC 7")
    assert found.originals == (normal("AAAA0D33-6934-459C-A128-BDF0393F0F44"), normal(UUID))
    assert (found.cause, found.checked["stamp"], found.checked["status"]) == (
        RefundCause.RETURN_OF_GOODS, "MATCHES", "NOT_IN_FILE",
    )  # fmt: skip
    assert _one(vectors.cfdi(UUID, [UUID], relation="01")).cause is RefundCause.DISCOUNT
    assert "TipoRelacion" in _why(vectors.cfdi(UUID, [UUID], relation="04"))
    assert "of type E" in _why(vectors.cfdi(UUID, [UUID]).replace(b'TipoDeComprobante="E"', b'TipoDeComprobante="I"'))
    assert "not stamped" in _why(vectors.cfdi(UUID, [UUID]).replace(b"TimbreFiscalDigital ", b"Otro "))


def test_credit_notes_of_peru_and_colombia_are_told_apart_and_attached_ones_unwrapped() -> None:
    peru = _one(vectors.ubl("FC01-123", "F001 - 00170"))
    assert (peru.country, peru.name, peru.originals) == ("PE", "20123456789-7-FC01-123", ("F001-170",))
    assert (peru.total, peru.tax, peru.cause) == (11_800, 1_800, RefundCause.RETURN_OF_GOODS)
    cude = "907e4444" * 12
    note = vectors.ubl("NC-9", "SETP990000001", currency="COP", uuid=cude, code="2", total="119000", tax="19000.00")
    colombia = _one(vectors.attached(note))
    assert (colombia.country, colombia.name, colombia.cause) == ("CO", normal(cude), RefundCause.CANCELLATION)
    assert (colombia.total, colombia.tax) == (11_900_000, 1_900_000)


def test_a_chilean_note_is_read_without_its_namespace_and_one_that_corrects_a_text_moves_nothing() -> None:
    found = _one(vectors.dte(501, 77))
    assert (found.currency, found.total, found.tax) == ("CLP", 15_990, 2_553)
    assert (found.name, found.originals) == ("76192083-9-61-501", ("33-77", "77"))
    assert "corrects a text" in _why(vectors.dte(501, 77, code="2"))
    assert "TipoDTE 61" in _why(vectors.dte(501, 77, kind="33"))
    both = b"<EnvioDTE><SetDTE>" + b"".join(
        one.split(b"?>", 1)[1] for one in (vectors.dte(501, 77), vectors.dte(502, 78, kind="33"))
    )
    first, second = read.read(both + b"</SetDTE></EnvioDTE>", "CL", "CLP")
    assert (type(first), type(second)) == (Document, Unread)


def test_an_ecuadorian_note_to_an_unnamed_buyer_is_none() -> None:
    found = _one(vectors.sri(45, "001-001-000000123"))
    assert (found.total, found.tax, found.originals) == (11_500, 1_500, ("1-1-123",))
    assert found.checked["authorised"] == "MATCHES"
    assert "Consumidor final" in _why(vectors.sri(45, "001-001-000000123", buyer="9999999999999"))
    assert "not authorised" in _why(vectors.sri(45, "001-001-000000123", state="NO AUTORIZADO"))
    assert "own fields" in _why(vectors.sri(45, "001-001-000000123", key=vectors.clave(46)))
    assert not sri.is_key(vectors.clave(45)[:-1] + str((int(vectors.clave(45)[-1]) + 1) % 10))


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY i "Venda">]>' + vectors.nfe(7, [KEY]).split(b"?>", 1)[1]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB, "no document type"),
        (BOMB.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "no table"),
        (b'<?xml version="1.0" encoding="UTF-7"?><nfeProc/>', "Only XML in UTF-8"),
        (b'<?xml version="1.0" encoding \t =  "UTF-7"?><nfeProc/>', "Only XML in UTF-8"),
        (b'<?xml version="1.0" ' + b" " * 400 + b'encoding="UTF-7"?><nfeProc/>', "Only XML in UTF-8"),
        (b"<nfeProc>" * 100 + b"</nfeProc>" * 100, "larger, or deeper"),
        (b"<nfeProc>" + b"<a/>" * 60_000 + b"</nfeProc>", "larger, or deeper"),
        (b"<nfeProc><a></nfeProc>", "well-formed"),
        (b"<nfeProc/>", "no layout"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no layout"),
        (b"<a>" + b"x" * 3_000_000 + b"</a>", "at most"),
        (vectors.attached(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'), "no document type"),
        (b"", "empty"),
        (b"PK\x03\x04 and no more", "cannot be unpacked"),
        (b"\x00\x01\x02", "header lacks"),
    ],
)
def test_hostile_files_are_refused_with_one_sentence(content: bytes, why: str) -> None:
    told = read.read(content, "BR", "BRL")
    assert all(isinstance(one, Unread) for one in told)
    assert any(why in one.why for one in told if isinstance(one, Unread)) or why == "no table"


def test_many_documents_come_in_a_zip_and_a_bomb_of_one_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.xml", vectors.nfe(7, [KEY]))
        archive.writestr("2.xml", b"<html/>")
        archive.writestr("3.xml", '<?xml version="1.0"?><!DOCTYPE a><a/>'.encode("cp037"))  # libxml2 would know it
    first, second, third = read.read(packed.getvalue(), "BR", "BRL")
    assert (type(first), type(second)) == (Document, Unread)
    assert isinstance(third, Unread)
    assert "Only XML in UTF-8" in third.why
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.xml", b"<a>" + b" " * 100_000_000)
    assert len(bomb.getvalue()) < 200_000
    assert "more than" in _why(bomb.getvalue())


HEADERS = {
    "en": "number,date,total,tax,currency,original,refund",
    "es": "Número;Fecha de emisión;Importe;IVA;Moneda;Factura;Reembolso",
    "pt": "Numero da nota\tData de emissão\tValor total\tICMS\tMoeda\tNota fiscal\tEstorno",
    "zh": "红字发票号码,开票日期,价税合计,税额,币种,原发票,退款号",
}


@pytest.mark.parametrize("language", sorted(HEADERS))
def test_a_table_is_read_by_its_headers_in_four_languages(language: str) -> None:
    header = HEADERS[language]
    sign = next(one for one in ";\t," if one in header)
    row = sign.join(["NC-1", "20/11/2026", '"1.180,00"', "180.00", "PEN", "F001-170", "R1"])
    found = _one(f"{header}\n{row}\n".encode(), "PE", "PEN")
    assert isinstance(found, Document), found
    assert (found.number, found.issued_on, found.total, found.tax) == ("NC-1", date(2026, 11, 20), 118_000, 18_000)
    assert (found.originals, found.refund_reference) == (("F001-170",), "R1")


@pytest.mark.parametrize(
    ("told", "currency", "amount"),
    [
        ("1.234,56", "BRL", "1234.56"),
        ("1,234.56", "BRL", "1234.56"),
        ("1 234 567,8", "BRL", "1234567.8"),
        ("1234.5", "BRL", "1234.5"),
        ("15.990", "CLP", "15990"),
        ("1.234.567", "BRL", "1234567"),
        ("12,50", "BRL", "12.50"),
    ],
)
def test_amounts_are_read_as_people_write_them(told: str, currency: str, amount: str) -> None:
    assert table.amount_of(told, currency) == Decimal(amount)


@pytest.mark.parametrize(
    "told", ["1.234", "1,234", "-5.00", "=1+1", "5e3", "", "1.234.56", "12,34.56.78", "NaN", "１２"]
)
def test_amounts_that_could_be_two_or_none_are_refused(told: str) -> None:
    with pytest.raises(UnreadableDocument):
        table.amount_of(told, "BRL")


def test_a_table_tells_of_each_row_and_of_its_header_what_is_wrong() -> None:
    assert "header lacks" in _why(b"number,date\n1,2026-11-20\n")
    assert "Two columns" in _why(b"number,folio,date,total,tax,original\n")
    rows_ = [
        "number,date,total,tax,original,status,cause",
        "1,2026-11-20,10.00,1.00,NF 1,,return",
        "2,2026-13-20,10.00,1.00,NF 1,,",
        "3,2026-11-20,10.00,11.00,NF 1,,",
        "4,2026-11-20,10.00,1.00,,,",
        "1,,,,,cancelada,",
        ",,,,,,",
    ]
    found = read.read("\n".join(rows_).encode("cp1252"), "BR", "BRL")
    assert [type(one) for one in found] == [Document, Unread, Unread, Unread, Cancellation]
    assert found[1] == Unread("line 3", "'2026-13-20' is no day.")
    first, last = found[0], found[4]
    assert isinstance(first, Document)
    assert isinstance(last, Cancellation)
    assert (first.name, first.cause) == (last.name, RefundCause.RETURN_OF_GOODS)


@given(st.binary(max_size=300))
def test_no_bytes_make_a_reader_raise(content: bytes) -> None:
    for start in (b"", b"<nfeProc>", b"PK\x03\x04", b"number,date,total,tax,original\n"):
        read.read(start + content, "BR", "BRL")


def test_names_are_one_in_every_spelling_that_people_give_them() -> None:
    assert normal(" e001 - 000170 ") == normal("E001-170") == "E001-170"
    assert normal("001-002-000000045") == "1-2-45"
    assert normal(UUID.lower()) == normal(UUID)
    assert normal("F001-0123") != normal("F0010-123")


def _zipped(*members: bytes, method: int = zipfile.ZIP_DEFLATED, name: str = "a.xml") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for number, member in enumerate(members):
            archive.writestr(f"{number}{name}", member)
    return packed.getvalue()


def _broken(packed: bytes, at: int) -> bytes:
    return packed[:at] + b"\xff" * 12 + packed[at + 12 :]


def test_a_zip_that_is_broken_inside_tells_it_of_its_member_and_the_others_are_read() -> None:
    good = vectors.nfe(7, [KEY])
    stream = 30 + len("0a.xml")
    packed = _zipped(bytes(range(32, 127)) * 200, good)
    first, second = read.read(_broken(packed, stream), "BR", "BRL")
    assert (type(first), type(second)) == (Unread, Document)
    for other in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        assert "deflate" in _why(_zipped(good, method=other))
    assert "cannot be unpacked" in _why(_zipped(good, name="é.xml").replace("é.xml".encode(), b"\xff\xfe.xml"))
    for at in range(0, len(packed), 61):
        assert read.read(_broken(packed, at), "BR", "BRL")


def test_a_note_whose_canonical_form_cannot_be_made_or_would_take_minutes_is_refused() -> None:
    def with_(inside: bytes) -> bytes:
        return vectors.nfe(7, [KEY]).replace(b"<ide>", inside + b"<ide>", 1)

    many = b" ".join(b'a%d=""' % number for number in range(100_000))
    spaces = b" ".join(b'xmlns:a%d="urn:a%d"' % (number, number) for number in range(2_000))
    begun = time.process_time()
    for inside in (
        b'<z xmlns:a="relative"/>',
        b"<z " + many + b"/>",
        b"<z " + spaces + b">" + b"<z/>" * 40_000 + b"</z>",
    ):
        assert isinstance(_one(with_(inside)), Unread)
    assert time.process_time() - begun < 20  # it was minutes: what is bound here is a square, and no moment


def test_what_is_in_a_file_is_bounded_before_it_is_walked() -> None:
    junk = vectors.nfe(7, [KEY]).replace(b"<ide>", b"<z/>" * 45_000 + b"<ide>", 1)
    assert isinstance(_one(junk), Document)
    assert "hand them in in parts" in _why(_zipped(*[junk] * 40))
    one = vectors.dte(501, 77).split(b"?>", 1)[1]
    assert "hand them in in parts" in _why(b"<EnvioDTE><SetDTE>" + one * 1_001 + b"</SetDTE></EnvioDTE>")
    parted = b"<EnvioDTE><SetDTE>" + one * 600 + b"</SetDTE></EnvioDTE>"
    assert "hand them in in parts" in _why(_zipped(parted, parted))
    keys = [access_key(number, "2026-10-02") for number in range(1, 400)]
    assert "more sales" in _why(vectors.nfe(7, keys))
    assert "more sales" in _why(vectors.cfdi(UUID, [f"A{number}" for number in range(2_000)]))
    assert "longer than any" in _why(vectors.ubl("FC01-123", "F" * 1_000_000))
    assert "no letter" in _why(vectors.ubl("FC01-123", "——"))
    header = b"number,date,total,tax,original"
    assert "bytes" in _why(header + b"\n" * 9_000_000)
    assert "rows" in _why(header + b"\n" * 1_500_000)
    assert "columns" in _why(header + b"," * 1_900_000 + b"\n1,2026-01-02,1.00,0.10,F\n")
    accents = "a" + "\N{COMBINING ACUTE ACCENT}\N{COMBINING GRAVE ACCENT BELOW}" * 30_000
    assert isinstance(_one(header + b"," + accents.encode() + b"\n1,2026-01-02,1.00,0.10,F,x\n"), Document)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("7,2026-01-02,1.00,0.10,F,,I\0S", "cannot be printed"),
        ("7,2026-01-02,1.00,0.10,F,R\0,", "cannot be printed"),
        ("7,2026-01-02,1.00,0.10,F,R\u202e1,", "cannot be printed"),
        ("7,2026-01-02,1.00,0.10,F," + "R" * 21 + ",", "reference"),
        ("7,2026-W01-5,1.00,0.10,F,,", "no day"),
        ("7,٢٠٢٦-01-02,1.00,0.10,F,,", "no day"),
        ("7,2026-01-02,١,0,F,,", "no amount"),
        ("7,2026-01-02," + "9" * 400 + ",0,F,,", "no amount"),
        ("7,2026-01-02,9999999999999.99,0,F,,", "more money"),
        ("7,2026-01-02," + "999." * 120 + "999,0,F,,", "more money"),
        ("7,2026-01-02,1.00,0.10,——,,", "no letter"),
    ],
)
def test_a_row_of_hostile_words_is_told_and_the_rows_around_it_are_read(row: str, why: str) -> None:
    header, good = "number,date,total,tax,original,refund,issuer", "1,2026-01-02,1.00,0.10,F1,,\N{NO-BREAK SPACE}ISS"
    first, second, third = read.read("\n".join((header, good, row, good)).encode(), "BR", "BRL")
    assert isinstance(second, Unread), second
    assert (type(first), why in second.why, second.where, type(third)) == (Document, True, "line 3", Document)


def test_a_table_of_other_encodings_and_endless_cells_is_told() -> None:
    header = b"number,date,total,tax,original\n"
    assert read.read(header + b"1,2026-01-02,\xd9\xa1,0,F1\n", "BR", "BRL")
    assert "no table" in _why(header + b"1," + b"9" * 300_000 + b",1,0,F1\n")
