"""Who gets a dLocal refund that has no way back, in the fields of `POST /refunds` (docs.dlocal.com).

dLocal asks the buyer by e-mail for what is missing. A CLABE tells its bank; of other accounts only the bank's code is
known, so `bank`, its name, is left out there.
"""

from typing import Final

import clabe

from domain.pse.vocabulary import AccountDetails, DestinationKind

_NAME_MAX: Final = 50
_BANK_MAX: Final = 40
# dLocal knows C (current), S (savings) and I (international): a Brazilian payment account is none of them.
_ACCOUNT_TYPES: Final = {"CHECKING": "C", "SAVINGS": "S"}
_CLABE_BANK_DIGITS: Final = 3


def beneficiary(destination: AccountDetails) -> dict[str, str]:
    """The beneficiary's fields. `destination` is of a kind that the capability table names."""
    values = destination.values
    first, _, last = values["holder_name"].strip().partition(" ")
    fields = {
        "beneficiary_name": first[:_NAME_MAX],
        "beneficiary_lastname": last.strip()[:_NAME_MAX],
        "document": values["holder_tax_id"],
        **_account(destination),
    }
    return {name: value for name, value in fields.items() if value}


def _account(destination: AccountDetails) -> dict[str, str]:
    values = destination.values
    match destination.kind:
        case DestinationKind.MX_CLABE:
            number = values["clabe"]
            bank = clabe.BANK_NAMES.get(clabe.BANKS.get(number[:_CLABE_BANK_DIGITS], ""), "")[:_BANK_MAX]
            return {"bank": bank, "bank_code": number[:_CLABE_BANK_DIGITS], "bank_account": number}
        case DestinationKind.BR_BANK_ACCOUNT | DestinationKind.CO_BANK_ACCOUNT:
            return {
                "bank_code": values["bank_code"],
                "bank_branch": values.get("branch", ""),
                "bank_account": values["account"],
                "bank_account_type": _ACCOUNT_TYPES.get(values["account_type"], ""),
            }
    raise AssertionError("The capability table names no other kind for dLocal.")
