"""What proves that a person paid a refund: how, under which reference, on which day, and a file."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.models import Merchant
from domain.problems import InvalidInput

FILE_BYTES_MAX: Final = 512 * 1024
_TYPES: Final = ((b"%PDF-", "application/pdf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


class Way(StrEnum):
    """How a person paid."""

    BANK_TRANSFER = "BANK_TRANSFER"  # from the merchant's bank: no report line of the PSE comes
    PSE_BACK_OFFICE = "PSE_BACK_OFFICE"  # at the PSE, whose report will prove it


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves that it was paid. `paid_on` in the merchant's zone; the file is a PDF, PNG or JPEG."""

    way: Way
    reference: str
    paid_on: date
    file_name: str | None = None
    file_content: bytes | None = field(default=None, repr=False)


async def checked(evidence: Evidence, merchant_id: UUID) -> str | None:
    """The file's type by its content, None without a file. Raises InvalidInput."""
    if not (0 < len(evidence.reference) <= 100 and evidence.reference.isprintable()):
        raise InvalidInput("reference takes 1 to 100 printable characters.", path=["input", "reference"])
    zone = ZoneInfo((await Merchant.get(id=merchant_id)).zone)
    if evidence.paid_on > datetime.now(UTC).astimezone(zone).date():
        raise InvalidInput("paidOn lies in the future.", path=["input", "paidOn"])
    if evidence.file_content is None:
        return None
    if not evidence.file_name or len(evidence.file_name) > 200:
        raise InvalidInput("A file has a name of at most 200 characters.", path=["input", "fileName"])
    if len(evidence.file_content) > FILE_BYTES_MAX:
        raise InvalidInput(f"The file is larger than {FILE_BYTES_MAX} bytes.", path=["input", "fileContent"])
    for start, kind in _TYPES:
        if evidence.file_content.startswith(start):
            return kind
    raise InvalidInput("The file is no PDF, PNG or JPEG.", path=["input", "fileContent"])
