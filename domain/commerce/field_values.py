"""What a person gives for the fields that a shop is made of: checked, and told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import ShopKind
from domain.problems import InvalidInput
from domain.pse.credentials import Field

_VALUE_MAX: Final = 500


def fields_of(kind: str) -> Sequence[Field]:
    """What a shop of this kind is made of, in the order in which to ask."""
    return dialect_of(kind).fields


def check_goes_where_it_did(before: str, after: str, kept: Sequence[str]) -> None:
    """Secrets are shown to nobody, and so to no other host than they were given for. Raises InvalidInput."""
    if kept and before and names.place_of(before) != names.place_of(after):
        said = f"On another host the shop needs its secrets anew: give {', '.join(sorted(kept))} as well."
        raise InvalidInput(said, path=["input", "fields"])


@dataclass(frozen=True, slots=True)
class FieldValues:
    """What was given, told apart: where the shop is, what is no secret, what is."""

    address: str
    options: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


def told_apart(kind: ShopKind, values: Mapping[str, str]) -> FieldValues:
    """Which of the values are which."""
    secret = {one.name for one in fields_of(kind) if one.secret}
    options = {name: value for name, value in values.items() if name not in secret and name != "address"}
    address = values.get("address", "").rstrip("/")
    return FieldValues(address, options, {name: value for name, value in values.items() if name in secret})


def checked(merchant_id: UUID, kind: ShopKind, given: Mapping[str, str]) -> dict[str, str]:
    """The values, trimmed. All that is wrong is said at once. Raises InvalidInput."""
    wanted = fields_of(kind)
    values = {name: value.strip() for name, value in given.items() if value.strip()}
    values |= {one.name: one.live for one in wanted if one.live and one.name not in values}
    known = {one.name for one in wanted}
    lacking = [
        f"{one.name} ({one.label}; {one.where})" for one in wanted if not one.optional and one.name not in values
    ]
    said = [f"Missing: {'; '.join(lacking)}."] if lacking else []
    if unknown := sorted(values.keys() - known):
        said.append(f"Not of this kind of shop: {', '.join(one[:40] for one in unknown)}.")
    long = sorted(name for name, value in values.items() if len(value) > _VALUE_MAX or not value.isprintable())
    said += [f"Not 1 to {_VALUE_MAX} printable characters: {name}." for name in long if name in known]
    for name, value in values.items():
        if name == "address" or name.endswith("_url"):
            try:
                names.check(value, merchant_id)
            except AddressRefused as error:
                said.append(f"{name} cannot be used: {error}")
    if said:
        raise InvalidInput(" ".join(said), path=["input", "fields"])
    return values
