"""What a destination tells beside its own values: the parts of the holder's name, and the bank of a CLABE."""

from collections.abc import Mapping

import clabe

from domain.pse.vocabulary import AccountDetails


def told_by(destination: AccountDetails) -> Mapping[str, str]:
    """Its values, and `first_name`, `last_name` and `clabe_bank`, that bank's name: "" where it has none."""
    values = destination.values
    first, _, last = values.get("holder_name", "").strip().partition(" ")
    bank = clabe.BANKS.get(values.get("clabe", "")[:3], "")  # a CLABE begins with the three digits of its bank
    return {
        **values,
        "first_name": first,
        "last_name": last.strip(),
        "clabe_bank": clabe.BANK_NAMES.get(bank, ""),
    }
