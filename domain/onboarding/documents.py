"""What must be handed in before an account is reviewed, and what is missing of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from domain.access.tokens import Permission, Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, File, OnboardingDocument
from domain.models.applications import DocumentKind
from domain.models.connections import ConnectionState
from domain.models.files import Purpose
from domain.onboarding.locks import locked
from domain.platform.database import transaction
from domain.problems import InvalidInput, InvalidState

# The law of each country names its own papers; these five kinds are what every PSE of ours asks a merchant for.
REQUIRED: Final = tuple(DocumentKind)


async def hand_in(
    principal: Principal, connection_id: UUID, kind: DocumentKind, file_id: UUID, cause: Cause
) -> OnboardingDocument:
    """Make a stored file the connection's current document of this kind; the same file again changes nothing.

    Only while it is a draft: what is being reviewed does not change under the reviewer's eyes.
    Raises Forbidden, NotFound, InvalidState, InvalidInput.
    """
    principal.require_everywhere(Permission.MANAGE_CONNECTIONS)
    async with transaction():
        connection = await locked(principal, connection_id)
        if connection.state is not ConnectionState.DRAFT:
            raise InvalidState(
                f"Documents are handed in while the connection is a draft; it is {connection.state}.",
                path=["input", "connectionId"],
                current_state=connection.state,
            )
        file = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id)
        if file is None or file.stored_at is None or file.purpose is not Purpose.ONBOARDING_DOCUMENT:
            raise InvalidInput("Upload the document first; there is no such file.", path=["input", "fileId"])
        return await _current(principal, connection, kind, file, cause)


async def _current(
    principal: Principal, connection: Connection, kind: DocumentKind, file: File, cause: Cause
) -> OnboardingDocument:
    standing = OnboardingDocument.filter(connection_id=connection.id, kind=kind, superseded_at=None)
    before = await standing.get_or_none()
    if before is not None and before.file_id == file.id:
        return before
    await standing.update(superseded_at=datetime.now(UTC))
    what = {"kind": [None, kind.value], "file": [None, str(file.id)], "sha256": [None, file.sha256]}
    await deeds.note(connection.merchant_id, "connectionDocumentHandIn", Of("connection", connection.id), cause, what)
    return await OnboardingDocument.create(
        id=uuid4(),
        connection_id=connection.id,
        kind=kind,
        file_id=file.id,
        created_by=principal.holder,
        party_id=principal.party,
    )


async def of_all(connections: Sequence[UUID], first: int) -> Mapping[UUID, list[OnboardingDocument]]:
    """The documents that stand, with their files, by kind: of each connection at most `first`."""
    standing = OnboardingDocument.filter(connection_id__in=list(connections), superseded_at=None)
    found: dict[UUID, list[OnboardingDocument]] = {}
    for one in await standing.prefetch_related("file").order_by("kind"):
        found.setdefault(one.connection_id, []).append(one)
    return {connection: documents[:first] for connection, documents in found.items()}


def missing(documents: Sequence[OnboardingDocument]) -> list[DocumentKind]:
    """The kinds that nobody has handed in yet, of those that are required."""
    there = {one.kind for one in documents}
    return [kind for kind in REQUIRED if kind not in there]
