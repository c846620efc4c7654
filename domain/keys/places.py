"""All that is sealed: a column of bytes, and the place that each row's value is sealed for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.commerce import credentials
from domain.connections import connections
from domain.deliveries import opened
from domain.files import content
from domain.payments import customers
from domain.reconciliation import sources
from domain.refunds.destination import destinations


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of a table with `id` and `merchant_id`; `needs`: what else of a row names the place."""

    table: str
    column: str
    place: Callable[[Mapping[str, Any]], str]
    needs: str = "NULL::uuid AS refund_id"

    @property
    def select(self) -> str:
        """The statement that reads what is sealed there; a condition may be added."""
        return f"SELECT id, merchant_id, {self.needs}, {self.column} AS sealed FROM {self.table}"  # noqa: S608 - ours


# A test compares it with every column of bytes that there is.
SEALED: Final[Sequence[Sealed]] = (
    Sealed("connections", "sealed_secrets", lambda row: connections.place_of(row["id"])),
    Sealed("connections", "old_sealed_secrets", lambda row: connections.old_place_of(row["id"])),
    Sealed("endpoints", "sealed_secrets", lambda row: opened.place_of(row["id"])),
    Sealed("endpoints", "old_sealed_secrets", lambda row: opened.old_place_of(row["id"])),
    Sealed(
        "destinations", "sealed", lambda row: destinations.place_of(row["merchant_id"], row["refund_id"]), "refund_id"
    ),
    Sealed("files", "sealed_key", lambda row: content.place_of(row["id"])),
    Sealed("report_sources", "sealed_secrets", lambda row: sources.place_of(row["id"])),
    Sealed("shops", "sealed_secrets", lambda row: credentials.place_of(row["id"])),
    Sealed("shops", "old_sealed_secrets", lambda row: credentials.old_place_of(row["id"])),
    Sealed("payments", "sealed_customer", lambda row: customers.place_of(row["id"])),
)
