"""The bank's side: a statement with each payout a day later, and what is missing in it or nobody's.

An account has one currency. What the bank prints of a payout has the payout's name in it, as the PSEs' own texts do.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from jobs.synth.labelled.chance import draw
from jobs.synth.labelled.layouts.sheet import Paid
from jobs.synth.labelled.shape import ACCOUNT
from jobs.synth.labelled.teller import Subject, Teller

MISSING: Final = "a payout that the bank never has"
TOGETHER: Final = "two payouts in one line"
NAMELESS: Final = "two payouts in one line that names neither"
STRANGER: Final = "a bank line that no payout explains"
BY_PERSON: Final = "a refund that a person paid"
OTHERS: Final = "money of somebody else"
_OTHERS: Final = 6
_STRANGERS: Final = 2  # lines of a statement that no payout explains
_SHORT_NAMES: Final = ("adyen",)  # a batch's name stands in those of others: nobody can say that a line is two of them
_LONG_AFTER: Final = timedelta(days=28)  # what has not come by then will not come
_HEAD: Final = (
    "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:UTF-8\nCHARSET:NONE\nCOMPRESSION:NONE\n"
    "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
    "<DTSERVER>{end:%Y%m%d}120000[-3:BRT]<LANGUAGE>POR</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1"
    "<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>{currency}<BANKACCTFROM><BANKID>341<ACCTID>{account}"
    "<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>{start:%Y%m%d}<DTEND>{end:%Y%m%d}\n"
)
_LINE: Final = (
    "<STMTTRN><TRNTYPE>{kind}<DTPOSTED>{day}120000[-3:BRT]<TRNAMT>{units}<FITID>{name}<MEMO>{memo}</STMTTRN>\n"
)
_TAIL: Final = (
    "</BANKTRANLIST><LEDGERBAL><BALAMT>{balance}<DTASOF>{end:%Y%m%d}</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1>"
    "</OFX>\n"
)


class _Account:
    """The lines of one account, as they come."""

    def __init__(self, teller: Teller, currency: str) -> None:
        self._teller, self.currency = teller, currency
        self._lines: list[str] = []
        self._balance = 0

    def move(self, day: date, units: int, words: str) -> None:
        name = f"{self._teller.pse}-{self.currency}-{len(self._lines)}"
        kind = "CREDIT" if units > 0 else "DEBIT"
        self._lines.append(_LINE.format(kind=kind, day=f"{day:%Y%m%d}", units=_major(units), name=name, memo=words))
        self._balance += units

    def write(self, path: Path, start: date, end: date) -> None:
        account = f"0000{self._teller.place.index}{self.currency}"
        head = _HEAD.format(end=end, start=start, currency=self.currency, account=account)
        path.write_text(head + "".join(self._lines) + _TAIL.format(balance=_major(self._balance), end=end))


def write(folder: Path, teller: Teller, paid: Sequence[Paid]) -> list[dict[str, str]]:
    """The statements of the place's accounts, one for each currency, and the labels of what is wrong with them.

    Gives of each its path and currency.
    """
    made = []
    counted = Counter(one.currency for one in paid)
    for currency, many in sorted(counted.items()):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{teller.pse}-{currency}.ofx"
        mine = [one for one in paid if one.currency == currency]
        _statement(path, teller, mine, is_main=many == max(counted.values()))
        made.append({"pse": teller.pse, "currency": currency, "path": f"{folder.name}/{path.name}"})
    return made


def _statement(path: Path, teller: Teller, paid: Sequence[Paid], *, is_main: bool) -> None:
    account, last = _Account(teller, paid[0].currency), max(one.day for one in paid) + _LONG_AFTER
    missing = draw(teller.place.index, teller.seed, 21, len(paid)) if is_main else None
    there = [payout for turn, payout in enumerate(paid) if turn != missing and payout.units > 0]
    pairs = _pairs(teller, there[1:]) if is_main else {}
    apart = [one for two in pairs.values() for one in two]
    came = [payout for payout in there if payout not in apart]
    _payouts(account, teller, [(turn, one) for turn, one in enumerate(paid) if one not in apart], missing)
    if is_main:
        _strangers(account, teller, came)
    _in_pairs(account, teller, pairs)
    if account.currency == teller.place.currency:
        _by_person(account, teller)
    _others(account, teller, came, last)
    account.write(path, paid[0].day, last)


def _payouts(account: _Account, teller: Teller, paid: Sequence[tuple[int, Paid]], missing: int | None) -> None:
    for turn, payout in paid:
        teller.begin("payout", turn)
        about = Subject("payout", name=payout.reference)
        if turn == missing:
            teller.story = MISSING
            teller.find("PAYOUT_MISSING", about, abs(payout.units), payout.currency)
            continue
        words = _words(payout)
        teller.fine("PAYOUT_MISSING", about=[about])
        teller.fine("BANK_LINE_UNKNOWN", about=[Subject("bank", name=words)])
        account.move(payout.day + timedelta(days=1 + turn % 3), payout.units, words)


def _pairs(teller: Teller, came: Sequence[Paid]) -> dict[str, Sequence[Paid]]:
    """Two payouts for each story of two in one line, from the last one on, where there are so many."""
    stories = (NAMELESS,) if teller.pse in _SHORT_NAMES else (TOGETHER, NAMELESS)
    pairs = [came[-2 - 2 * turn : len(came) - 2 * turn] for turn in range(len(came) // 2)]
    return dict(zip(stories, pairs, strict=False))


def _in_pairs(account: _Account, teller: Teller, pairs: Mapping[str, Sequence[Paid]]) -> None:
    """Two come in a line that names both. Of two others it names neither: that it adds up is a person's to say."""
    for story, two in pairs.items():
        teller.begin(story, 0)
        units, day = sum(one.units for one in two), max(one.day for one in two) + timedelta(days=1)
        subjects = [Subject("payout", name=one.reference) for one in two]
        if story == TOGETHER:
            words = f"{teller.pse} {' + '.join(one.reference for one in two)}"
            teller.fine("PAYOUT_MISSING", about=subjects)
            teller.fine("BANK_LINE_UNKNOWN", about=[Subject("bank", name=words)])
        else:
            words = f"TED {teller.pse} LOTE"
            for one, about in zip(two, subjects, strict=True):
                teller.find("PAYOUT_MISSING", about, one.units, account.currency)
            teller.find("BANK_LINE_UNKNOWN", Subject("bank", name=words), units, account.currency)
        account.move(day, units, words)


def _words(payout: Paid) -> str:
    if payout.pse == "adyen":
        return f"ADYEN TX{payout.day:%y%m%d}0000XT {ACCOUNT}, {payout.reference}"
    return f"{payout.pse} {payout.reference}"


def _strangers(account: _Account, teller: Teller, came: Sequence[Paid]) -> None:
    """In the PSE's words, so that no other's money is meant; the second is as much as a payout that came.

    One of as much as the payout that did not come is it, by all that anybody can know.
    """
    for turn in range(_STRANGERS):
        teller.begin(STRANGER, turn)
        units = came[0].units if turn else 1_000 + teller.chance(23, 100_000)
        words = f"TED {teller.pse} {turn:03}"
        teller.find("BANK_LINE_UNKNOWN", Subject("bank", name=words), units, account.currency)
        account.move(came[0].day + timedelta(days=2), units, words)


def _by_person(account: _Account, teller: Teller) -> None:
    for turn, gone in enumerate(one for one in teller.rows["refunds"] if one["by_bank"]):
        teller.begin(BY_PERSON, turn)
        words = f"synth{gone['number']:015}"
        teller.fine("BANK_LINE_UNKNOWN", about=[Subject("bank", name=words)])
        account.move(gone["ended_at"].date(), -gone["amount"], words)


def _others(account: _Account, teller: Teller, came: Sequence[Paid], last: date) -> None:
    """Some of it is as much as the rent of every month, some as much as a payout that came."""
    for turn in range(_OTHERS):
        teller.begin(OTHERS, turn)
        words = f"Aluguel {turn:02}"
        teller.fine("BANK_LINE_UNKNOWN", "PAYOUT_MISSING", about=[Subject("bank", name=words)])
        units = came[turn % len(came)].units if came and turn % 2 else 100_000
        account.move(last - timedelta(days=turn), units, words)
    if len(came) > 1:
        words = "Aluguel e condominio"  # as much as two payouts that came, on their days
        teller.fine("BANK_LINE_UNKNOWN", "PAYOUT_MISSING", about=[Subject("bank", name=words)])
        account.move(came[1].day + timedelta(days=2), came[0].units + came[1].units, words)


def _major(units: int) -> str:
    return f"{'-' if units < 0 else ''}{abs(units) // 100}.{abs(units) % 100:02}"
