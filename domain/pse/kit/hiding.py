"""What stands in JSON under a name that no log may keep, hidden whatever way the name is written.

A body may be cut anywhere and may be no JSON at all, so it is read token by token, once from end to end, and what is
kept stays as it was written: no number is rounded, no text made anew.
"""

import json
import re
from typing import Final

REDACTED: Final = '"[redacted]"'
# Names of the fields by which PSEs say who somebody is, in letters and digits alone: what one calls so, another may.
PERSONAL: Final = frozenset({
    "name", "firstname", "lastname", "fullname", "longname", "legalname", "holdername", "cardholdername",
    "accountholdername", "ownername", "shoppername", "individualname", "businessname", "nome", "email",
    "payeremail", "shopperemail", "phone", "phonenumber", "telephonenumber", "mobile", "birthdate", "dateofbirth",
    "gender", "ip", "ipaddress", "shopperip", "document", "documentnumber", "identification", "nationalid", "taxid",
    "taxids", "socialsecuritynumber", "cpf", "cnpj", "curp", "rfc", "iban", "clabe", "bankaccount",
    "bankaccountnumber", "accountnumber", "accountid", "externalaccountid", "address", "billingaddress",
    "deliveryaddress", "shippingaddress", "street", "streetname", "streetnumber", "postalcode", "zipcode", "zip",
    "last4", "lastfourdigits",
})  # fmt: skip
# A text, maybe cut before its closing quote, and the colon that makes it a name; a bracket or comma; a number.
_TOKENS: Final = re.compile(r'("(?:[^"\\]|\\.)*"?)(\s*:)?|[\[\]{},]|-?[0-9][0-9.eE+-]*', re.DOTALL)


def hide(text: str, more: re.Pattern[str]) -> str:
    """`text` with what stands under PERSONAL names, and under those that `more` matches whole, taken out.

    Of `additionalData.email` the name is `email`. What stands in a hidden object or list is hidden with it.
    """
    return _TOKENS.sub(_Reader(more).read, text) if '"' in text else text


class _Reader:
    """How deep it is: for each object and list that is open, whether all in it is hidden."""

    def __init__(self, more: re.Pattern[str]) -> None:
        self._more = more
        self._within = [False]
        self._hides = False  # the next value
        self._known: dict[str, bool] = {}  # names of this text, as they are written: a list tells the same ones again

    def read(self, token: re.Match[str]) -> str:
        """The token, or what stands in its place."""
        word, name, colon = token[0], token[1], token[2]
        if word in ("{", "["):
            self._within.append(self._hides)
        elif word in ("}", "]", ","):
            if word != "," and len(self._within) > 1:
                self._within.pop()
            self._hides = self._within[-1]
        elif colon:
            if name not in self._known:
                self._known[name] = self._is_hidden(name)
            self._hides = self._within[-1] or self._known[name]
        elif self._hides:
            return REDACTED
        return word

    def _is_hidden(self, written: str) -> bool:
        name = _decoded(written).rpartition(".")[2]
        plain = "".join(letter for letter in name.lower() if letter.isalnum())
        return plain in PERSONAL or self._more.fullmatch(name) is not None


def _decoded(written: str) -> str:
    try:
        return str(json.loads(written, strict=False))
    except ValueError:
        return written.strip('"')
