"""Who paid, without saying who: a tax ID in one spelling, and the digest that stands for it in the database."""

import re
from uuid import UUID

from domain.platform import secrets


def normal_tax_id(text: str) -> str:
    """A tax ID without points, dashes and spaces, in upper case: two spellings of one are equal."""
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def digest(merchant_id: UUID, tax_id: str, secret: bytes) -> str:
    """A keyed hash of a customer's tax ID, another one at each merchant: it can be compared and not be read back."""
    return secrets.keyed_digest(secret, f"{merchant_id}/{normal_tax_id(tax_id)}")
