"""A sheet that somebody hands in is read within bounds, whatever they have made of it."""

import io
import struct
import zipfile
from typing import Any

import pytest
import xlsxwriter

from domain.exports import sheet
from domain.problems import InvalidInput

HEAD = ["Finding", "Facts", "Kind", "Decision", "Note", "Came"]
ROW = ["11111111-1111-1111-1111-111111111111", "f" * 32, "AMOUNT_MISMATCH", "WRITE_OFF", "São R$ 1", "10.50"]


def _workbook(rows: list[list[str]], *, formula: str | None = None, far: str | None = None) -> bytes:
    into = io.BytesIO()
    book = xlsxwriter.Workbook(into)
    first = book.add_worksheet()
    for at, row in enumerate(rows):
        for place, cell in enumerate(row):
            first.write_string(at, place, cell)
    if formula is not None:
        first.write_formula(formula, "=1+1", value="WRITE_OFF")
    if far is not None:
        first.write_string(far, "x")
    book.close()
    return into.getvalue()


def _part(given: bytes, name: str, content: bytes) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(given)) as old, zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.namelist():
            new.writestr(one, content if one == name else old.read(one))
        if name not in old.namelist():
            new.writestr(name, content)
    return into.getvalue()


def _read(given: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        return packed.read(name)


def test_a_workbook_and_a_csv_say_the_same_in_each_dialect() -> None:
    (line,) = sheet.read(_workbook([HEAD, ROW, ["x", "y", "z"]]))
    assert (line.row, line.decision, line.note, line.came, line.formulas) == (2, "WRITE_OFF", "São R$ 1", "10.50", ())
    for between in (",", ";"):
        for encoding in ("utf-8", "utf-8-sig", "cp1252"):
            text = "\r\n".join(between.join(row) for row in (HEAD, ROW, ["x", "y", "z", "", "", ""]))
            assert sheet.read(text.encode(encoding)) == [line], (between, encoding)
    (guarded,) = sheet.read(("\n".join(",".join(one) for one in (HEAD, [*ROW[:4], "'-3 as agreed", ""]))).encode())
    assert (guarded.note, guarded.formulas) == ("-3 as agreed", ())


def test_a_cell_that_is_calculated_is_told_from_one_that_is_written() -> None:
    (line,) = sheet.read(_workbook([HEAD, ROW], formula="D2"))
    assert line.formulas == ("Decision",)
    (line,) = sheet.read((",".join(HEAD) + "\n" + ",".join([*ROW[:4], "=1+1", "1"])).encode())
    assert line.formulas == ("Note",)
    (line,) = sheet.read(_workbook([HEAD, [*ROW[:4], "=1+1", "1"]]))  # a text, and nothing calculates it
    assert (line.note, line.formulas) == ("=1+1", ())


def _refused(given: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        sheet.read(given)
    return str(refused.value)


def test_what_is_no_sheet_of_ours_or_a_trap_is_refused_before_it_is_read() -> None:
    whole = _workbook([HEAD, ROW])
    assert "no column" in _refused(_workbook([["a", "b"], ROW]))
    assert "Two columns" in _refused(_workbook([[*HEAD, "Decision"], ROW]))
    assert "is outside" in _refused(_workbook([HEAD, ROW], far="XFD1"))
    assert "is outside" in _refused(_workbook([HEAD, ROW], far="A1048576"))
    assert "cannot be read" in _refused(whole[: len(whole) // 2])
    assert "cannot be read" in _refused(b"PK\x03\x04" + bytes(200))
    bomb = _part(whole, "xl/sharedStrings.xml", bytes(200 * 1024 * 1024))
    assert len(bomb) < 1024 * 1024
    assert "too large" in _refused(bomb)
    assert "cannot be read" in _refused(_lying(bomb))
    entity = b'<!DOCTYPE w [<!ENTITY a "' + b"x" * 50 + b'">]><worksheet>&a;<c r="A1"/></worksheet>'
    assert _refused(_part(whole, "xl/worksheets/sheet1.xml", entity))
    assert "does not say where" in _refused(_part(whole, "xl/worksheets/sheet1.xml", _nameless()))
    assert "The file is empty" in _refused(b"")
    assert "CSV cannot be read" in _refused(b'Finding,Facts,Decision\n"never closed')
    assert "columns" in _refused((",".join(HEAD) + "," * 80).encode())
    assert "columns" in _refused((",".join(HEAD) + "\n" + "a\n" * 100_001).encode())


def test_a_cell_far_out_is_seen_wherever_the_reader_would_find_it() -> None:
    # The reader makes room for all before it, and where there is none its process ends at once.
    whole, own = _workbook([HEAD, ROW]), "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    place, relations = "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"

    def far(space: str, tag: str = "c", more: str = "") -> bytes:
        cells = f'<{tag} r="A1"><v>1</v></{tag}><{tag} r="ALL200000"><v>2</v></{tag}>'
        return f'<worksheet xmlns="{space}"{more}><sheetData><row>{cells}</row></sheetData></worksheet>'.encode()

    for space in (own, "urn:other", "http://purl.oclc.org/ooxml/spreadsheetml/main", ""):
        assert "is outside" in _refused(_part(whole, place, far(space))), space
    assert "is outside" in _refused(_part(whole, place, far(own, "y:c", ' xmlns:y="urn:y"')))
    assert _refused(_part(whole, place, far(own, "y:c")))
    elsewhere = _read(whole, relations).replace(b"worksheets/sheet1.xml", b"other/Sheet1.data")
    moved = _part(_part(whole, relations, elsewhere), "xl/other/Sheet1.data", far(own))
    assert "is outside" in _refused(moved)
    assert "not written in UTF-8" in _refused(_part(whole, place, far(own).decode().encode("utf-16")))
    hidden = b'<?xml version="1.0" encoding="ISO-2022-JP"?>' + far(own).replace(b"<row>", b"<row>\x1b$B")
    assert "cannot be read" in _refused(_part(whole, place, hidden))
    assert "document type" in _refused(_part(whole, place, b"<!DOCTYPE w []>" + far(own)))
    for other in ("content.xml", "Mimetype", "xl/workbook.bin"):
        assert "another kind" in _refused(_part(whole, other, b"x")), other


def test_a_small_file_of_more_tags_than_anybody_fills_in_is_refused_before_they_are_walked_through() -> None:
    # Each is a step of a program that keeps a whole process waiting: five megabytes once cost a minute.
    whole, place = _workbook([HEAD, ROW]), "xl/worksheets/sheet1.xml"
    crowd = b"<worksheet><sheetData>" + b"<a/>" * 2_600_000 + b"</sheetData></worksheet>"
    small = _part(whole, place, crowd)
    assert len(small) < 64 * 1024
    assert "too many cells" in _refused(small)
    half = crowd[: len(crowd) // 2]
    assert "too many cells" in _refused(_part(_part(whole, place, half), "xl/worksheets/sheet2.xml", half))


def test_a_long_text_that_many_cells_share_is_refused_before_it_is_written_out_for_each() -> None:
    whole, place = _workbook([HEAD, *[["x"]] * 1_000]), "xl/sharedStrings.xml"
    shared = _read(whole, place)
    long = _part(whole, place, shared.replace(b"<t>x</t>", b"<t>" + b"x" * 100_000 + b"</t>"))
    assert len(long) < 64 * 1024
    assert "too many cells" in _refused(long)
    told = _read(whole, "xl/worksheets/sheet1.xml").replace(b"<v>6</v>", b"<v>6<!-- --></v>")
    assert "cannot be read" in _refused(_part(whole, "xl/worksheets/sheet1.xml", told))
    crowd = shared.replace(b"</sst>", b"<si/>" * 2_600_000 + b"</sst>")
    assert "too many cells" in _refused(_part(whole, place, crowd))
    named = shared.replace(b"<sst ", b'<!DOCTYPE sst [<!ENTITY a "x">]><sst ')
    assert "document type" in _refused(_part(whole, place, named))


def _nameless() -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>'.encode()


def _lying(given: bytes) -> bytes:
    """The same, with a directory that says that each part is small."""
    told: Any = bytearray(given)
    at = 0
    while (at := told.find(b"PK\x01\x02", at)) >= 0:
        told[at + 24 : at + 28] = struct.pack("<I", 100)
        at += 4
    return bytes(told)
