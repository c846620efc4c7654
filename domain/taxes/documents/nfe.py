"""Brazil, NF-e layout 4.00: notes of return (finNFe 4), credit notes of a refused delivery (5), and cancellations.

Source: the published schema, folder v4_0. An authorised note is the note with its protocol: a note alone is none.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from domain.models.taxes import RefundCause
from domain.taxes.documents.said import Cancellation, Document, Said, day, minor, normal
from domain.taxes.documents.xml import (
    Element,
    UnreadableDocument,
    attribute,
    digest_of,
    each,
    needed,
    number,
    one,
    text,
)

NAMESPACE: Final = "http://www.portalfiscal.inf.br/nfe"
_KEY: Final = re.compile(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}")
_AUTHORISED: Final = frozenset({"100", "150"})
_CANCELS: Final = frozenset({"110111", "110112"})
_EVENT_TAKEN: Final = frozenset({"135", "136", "155"})
_RETURN: Final = "4"
_CREDIT: Final = "5"
_REFUSED_DELIVERY: Final = frozenset({"03", "06"})  # tpNFCredito: refused or not found; refused in part
_SALES_MAX: Final = 200  # each has five names
_CREDIT_TYPES: Final = "finNFe 4, or finNFe 5 of type 03 or 06"


def read(root: Element) -> Sequence[Said]:
    """What an `nfeProc` says. Raises Unreadable."""
    note = one(root, "NFe/infNFe")
    if note is None:
        raise UnreadableDocument("There is no NFe/infNFe.")
    key = attribute(note, "Id").removeprefix("NFe")
    _check_key(key, note)
    checked = {**_checked_protocol(root, key), **_checked_digest(root, note), "status": "of the file's day"}
    cause = _cause(note)
    total = one(note, "total/ICMSTot")
    parts = {name: minor(amount, "BRL") for name, amount in _taxes(note).items() if amount}
    return [
        Document(
            country="BR",
            kind="NFE",
            name=normal(key),
            number=f"{needed(note, 'ide/serie')}/{needed(note, 'ide/nNF')}",
            issued_on=day(needed(note, "ide/dhEmi")),
            issuer=_holder(note, "emit"),
            currency="BRL",
            total=minor(number(needed(total, "vNF")), "BRL"),
            tax=sum(parts.values()),
            originals=_originals(note),
            parts=parts,
            cause=cause,
            checked=checked,
        )
    ]


def read_event(root: Element) -> Sequence[Said]:
    """What a `procEventoNFe` says: a cancellation that was taken. Raises Unreadable."""
    asked, answered = one(root, "evento/infEvento"), one(root, "retEvento/infEvento")
    if needed(asked, "tpEvento") not in _CANCELS:
        raise UnreadableDocument("The event cancels nothing: only 110111 and 110112 do.")
    key = needed(asked, "chNFe")
    if needed(answered, "cStat") not in _EVENT_TAKEN or needed(answered, "chNFe") != key:
        raise UnreadableDocument("The authority has not taken this event (cStat 135, 136 or 155).")
    if not is_key(key):
        raise UnreadableDocument(f"{key[:50]!r} is no access key: its check digit is another.")
    called = number_of(key) if may_be_return(key) else ""  # another's is no note's of return
    return [Cancellation("BR", normal(key), "", called, month_of(key), issuer_of(key))]


def _cause(note: Element) -> RefundCause:
    purpose = needed(note, "ide/finNFe")
    if purpose == _RETURN:
        return RefundCause.RETURN_OF_GOODS
    if purpose == _CREDIT and text(note, "ide/tpNFCredito") in _REFUSED_DELIVERY:
        return RefundCause.CANCELLATION
    raise UnreadableDocument(f"It is no note of return: that is {_CREDIT_TYPES}.")


def _taxes(note: Element) -> dict[str, Decimal]:
    total, reform = one(note, "total/ICMSTot"), one(note, "total/IBSCBSTot")
    found = {name: number(text(total, f"v{name}")) for name in ("ICMS", "PIS", "COFINS", "IPIDevol")}
    found["ISS"] = number(text(note, "total/ISSQNtot/vISS"))
    found["IBS"] = number(text(reform, "gIBS/vIBS"))
    found["CBS"] = number(text(reform, "gCBS/vCBS"))
    return found


def _originals(note: Element) -> tuple[str, ...]:
    """The notes of the sale, of the whole and line by line; a payment may name its note by key, or by number."""
    named = [text(reference) for reference in each(note, "ide/NFref/refNFe")]
    named += [text(reference) for reference in each(note, "det/DFeReferenciado/chaveAcesso")]
    keys = dict.fromkeys(key for key in named if key)
    if not keys:
        raise UnreadableDocument("It refers to no note of a sale (refNFe).")
    if len(keys) > _SALES_MAX:
        raise UnreadableDocument("It refers to more sales than any: say of which refunds it is in a table.")
    for key in keys:
        if not is_key(key):
            raise UnreadableDocument(f"{key[:50]!r} is no access key: its check digit is another.")
    spelled = (
        name
        for key in keys
        for name in (
            key,
            f"NFe{key}",
            number_of(key),
            f"NFe {number_of(key)}",
            f"NFe {key[25:34]}",
        )
    )
    return tuple(dict.fromkeys(map(normal, spelled)))


def number_of(key: str) -> str:
    """Series and number of an access key."""
    return f"{key[22:25]}/{key[25:34]}"


def may_be_return(key: str) -> bool:
    """Whether an access key is of model 55: consumers' notes (65) count from 1 by themselves, and none is a return."""
    return key[20:22] == "55"


def issuer_of(key: str) -> str:
    """The CNPJ of who issued an access key, or their CPF behind zeros."""
    return key[6:20]


def month_of(key: str) -> str:
    """The month of issue of an access key, YYYY-MM."""
    return f"20{key[2:4]}-{key[4:6]}"


def is_key(key: str) -> bool:
    """Whether an access key has its form and its check digit (modulo 11, weights 2 to 9 from the right)."""
    if _KEY.fullmatch(key) is None:
        return False
    left = sum((ord(sign) - 48) * (2 + place % 8) for place, sign in enumerate(reversed(key[:43]))) % 11
    return int(key[43]) == (0 if left < 2 else 11 - left)


def _check_key(key: str, note: Element) -> None:
    """The key is made of the note's own fields. Raises Unreadable."""
    if not is_key(key):
        raise UnreadableDocument("Its access key has another check digit: a digit was changed.")
    ide = one(note, "ide")
    issued = needed(ide, "dhEmi")
    fields = [needed(ide, "cUF"), issued[2:4] + issued[5:7], (_holder(note, "emit") or "").rjust(14, "0")]
    fields += [needed(ide, "mod"), needed(ide, "serie").rjust(3, "0"), needed(ide, "nNF").rjust(9, "0")]
    fields += [needed(ide, "tpEmis"), needed(ide, "cNF")]
    if "".join(fields) != key[:43]:
        raise UnreadableDocument("Its access key is not made of its own fields.")


def _holder(note: Element, role: str) -> str | None:
    return text(note, f"{role}/CNPJ") or text(note, f"{role}/CPF")


def _checked_protocol(root: Element, key: str) -> dict[str, str]:
    protocol = one(root, "protNFe/infProt")
    if protocol is None:
        raise UnreadableDocument("It has no protocol (protNFe): a note that is not authorised is no tax document.")
    if needed(protocol, "cStat") not in _AUTHORISED or needed(protocol, "chNFe") != key:
        raise UnreadableDocument("Its protocol does not authorise this note (cStat 100 or 150).")
    return {"key": "MATCHES", "protocol": needed(protocol, "cStat")}


def _checked_digest(root: Element, note: Element) -> dict[str, str]:
    """Whether the content is what was signed and authorised. The certificate that signed is not looked at."""
    signed = text(root, "NFe/Signature/SignedInfo/Reference/DigestValue")
    authorised = text(root, "protNFe/infProt/digVal")
    told = {signed, authorised} - {None}
    if not told:
        return {"digest": "ABSENT", "signature": "NOT_CHECKED"}
    return {"digest": "MATCHES" if told == {digest_of(note, "sha1")} else "DIFFERS", "signature": "NOT_CHECKED"}
