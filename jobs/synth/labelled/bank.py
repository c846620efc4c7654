"""The bank's side: a statement with each payout a day later, and what is missing in it or nobody's."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

from jobs.synth.labelled.chance import draw
from jobs.synth.labelled.layouts.sheet import Paid
from jobs.synth.labelled.teller import About, Teller

MISSING: Final = "a payout that the bank never has"
STRANGER: Final = "a bank line that no payout explains"
_OTHERS: Final = 3
_STRANGERS: Final = 2  # lines of a statement that no payout explains
_HEAD: Final = (
    "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:UTF-8\nCHARSET:NONE\nCOMPRESSION:NONE\n"
    "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
    "<DTSERVER>{end:%Y%m%d}120000[-3:BRT]<LANGUAGE>POR</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1"
    "<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>{currency}<BANKACCTFROM><BANKID>341<ACCTID>0000{index}"
    "<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>{start:%Y%m%d}<DTEND>{end:%Y%m%d}\n"
)
_LINE: Final = (
    "<STMTTRN><TRNTYPE>{kind}<DTPOSTED>{day}120000[-3:BRT]<TRNAMT>{units}<FITID>{name}<MEMO>{memo}</STMTTRN>\n"
)
_TAIL: Final = (
    "</BANKTRANLIST><LEDGERBAL><BALAMT>{balance}<DTASOF>{end:%Y%m%d}</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1>"
    "</OFX>\n"
)


def write(folder: Path, teller: Teller, paid: list[Paid]) -> None:
    """The statement of the place's account, and the labels of what is wrong with it."""
    if not paid:
        return
    folder.mkdir(parents=True, exist_ok=True)
    # Until long after the last payout: what has not come by then will not come.
    lines, balance, last = [], 0, paid[-1].day + timedelta(days=28)
    missing = draw(teller.place.index, teller.seed, 21, len(paid))
    for turn, payout in enumerate(paid):
        teller.begin("payout", turn)
        about = About("payout", name=payout.reference)
        if turn == missing:
            teller.story = MISSING
            teller.find("PAYOUT_MISSING", about, payout.units, payout.currency)
            continue
        teller.fine("PAYOUT_MISSING", "BANK_LINE_UNKNOWN", about=[about])
        name = f"{teller.pse}-{turn}"
        lines.append(_line(payout.day + timedelta(days=1), payout.units, name, f"{teller.pse} {payout.reference}"))
        balance += payout.units
    for turn in range(_STRANGERS):
        teller.begin(STRANGER, turn)
        units = 1_000 + teller.chance(23, 100_000)
        # The bank's words name the PSE: whoever else pays into the account is none of this.
        words = f"TED {teller.pse} {turn:03}"
        teller.find("BANK_LINE_UNKNOWN", About("bank", name=words), units, paid[0].currency)
        lines.append(_line(paid[0].day + timedelta(days=2), units, f"{teller.pse}-stranger-{turn}", words))
        balance += units
    for turn, gone in enumerate(one for one in teller.rows["refunds"] if one["by_bank"]):
        teller.begin("a refund that a person paid", turn)
        words = f"synth{gone['number']:015}"
        teller.fine("BANK_LINE_UNKNOWN", about=[About("bank", name=words)])
        lines.append(_line(gone["ended_at"].date(), -gone["amount"], f"{teller.pse}-refund-{turn}", words))
        balance -= gone["amount"]
    for turn in range(_OTHERS):
        teller.begin("money of somebody else", turn)
        words = f"Aluguel {turn:02}"
        teller.fine("BANK_LINE_UNKNOWN", about=[About("bank", name=words)])
        lines.append(_line(last - timedelta(days=turn), 100_000, f"{teller.pse}-other-{turn}", words))
        balance += 100_000
    end = last
    head = _HEAD.format(end=end, start=paid[0].day, currency=paid[0].currency, index=teller.place.index)
    tail = _TAIL.format(balance=_major(balance), end=end)
    (folder / f"{teller.pse}.ofx").write_text(head + "".join(lines) + tail)


def _line(day: date, units: int, name: str, memo: str) -> str:
    return _LINE.format(
        kind="CREDIT" if units > 0 else "DEBIT", day=f"{day:%Y%m%d}", units=_major(units), name=name, memo=memo[:100]
    )


def _major(units: int) -> str:
    return f"{'-' if units < 0 else ''}{abs(units) // 100}.{abs(units) % 100:02}"
