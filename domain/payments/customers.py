"""Who paid, without saying who: a tax ID in one spelling, and the digest that stands for it in the database."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from uuid import UUID

from domain.models import Payment
from domain.platform import data_keys


def normal_tax_id(text: str) -> str:
    """A tax ID without points, dashes and spaces, in upper case: two spellings of one are equal."""
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def is_generic(tax_id: str) -> bool:
    """Whether the tax ID stands for nobody in particular (generic_tax_ids.toml): it never says that somebody paid."""
    normal, (beginnings, digits) = normal_tax_id(tax_id), _generic()
    repeats = len(normal) >= digits and len(set(normal)) == 1
    return repeats or normal.startswith(beginnings)


@cache
def _generic() -> tuple[tuple[str, ...], int]:
    """How generic tax IDs begin, and of how many times one character they are made at the least."""
    with Path(__file__).with_name("generic_tax_ids.toml").open("rb") as file:
        table = tomllib.load(file)
    beginnings = tuple(text for row in table["begins"] for text in row["with"])
    return beginnings, min(row["digits"] for row in table["repeats"])


async def digest_of_payer(merchant_id: UUID, tax_id: str | None, secret: bytes) -> str | None:
    """The digest of whoever paid, as it was registered; None: a generic tax ID, or none, names nobody."""
    return None if not tax_id or is_generic(tax_id) else await digest(merchant_id, tax_id, secret)


async def digest(merchant_id: UUID, tax_id: str, secret: bytes) -> str:
    """A keyed hash of a customer's tax ID, another one at each merchant: it can be compared and not be read back."""
    return await data_keys.digest(secret, f"{merchant_id}/{normal_tax_id(tax_id)}")


async def seal(merchant_id: UUID, payment_id: UUID, known: Mapping[str, str | None], secret: bytes) -> bytes | None:
    """What is known of who paid (`reference`, `tax_id`), sealed; None: nothing is."""
    values = {name: value for name, value in known.items() if value}
    return await data_keys.seal(secret, merchant_id, values, place_of(payment_id)) if values else None


async def opened(payment: Payment, secret: bytes) -> Mapping[str, str]:
    """What is known of who paid. Raises Unsealable and KeyServiceAway."""
    if payment.sealed_customer is None:
        return {}
    sealed = bytes(payment.sealed_customer)
    return await data_keys.unseal(secret, payment.merchant_id, sealed, place_of(payment.id))


def place_of(payment_id: UUID) -> str:
    """What a payment's customer is sealed for."""
    return f"payments/{payment_id}"
