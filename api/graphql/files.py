"""Files that people hand in: announced here, sent to the path that the ticket names."""

from typing import Annotated

import strawberry

from api.files import PATH, UPLOAD_PREFIX
from api.graphql.context import Info
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import FileAnnounceError
from api.graphql.transport.scalars import DateTime
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.models import File as Row
from domain.models.files import Purpose

PurposeEnum = strawberry.enum(Purpose, name="FilePurpose", description="What a file is for.")


@strawberry.type(description="A file. `downloadPath` gives it as an attachment to whoever may read it.")
class File:
    id: strawberry.ID
    name: str
    purpose: Annotated[Purpose, PurposeEnum]
    size: int = strawberry.field(description="Bytes.")
    sha256: str
    media_type: str | None = strawberry.field(description="By its content; null until it has come.")
    created_by: str
    created_at: DateTime
    stored_at: DateTime | None = strawberry.field(description="Null: announced, and not come yet.")
    download_path: str

    @classmethod
    def of(cls, row: Row) -> "File":
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            purpose=row.purpose,
            size=row.size,
            sha256=row.sha256,
            media_type=row.media_type,
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
            stored_at=DateTime(row.stored_at) if row.stored_at else None,
            download_path=PATH.replace("{id:uuid}", str(row.id)),
        )


@strawberry.input
class FileAnnounceInput:
    purpose: Annotated[Purpose, PurposeEnum]
    name: str
    size: int = strawberry.field(description="Bytes; at most 10 MiB.")
    sha256: str = strawberry.field(description="Of the file's bytes, 64 characters of 0-9 and a-f.")


@strawberry.type
class FileAnnouncePayload:
    file: File | None
    upload_path: str | None = strawberry.field(
        description="PUT the file's bytes, and nothing around them, here: once, within 15 minutes, without a token."
    )
    upload_until: DateTime | None
    errors: list[FileAnnounceError]
    request_id: str


@answering(FileAnnouncePayload)
async def file_announce(info: Info, input: FileAnnounceInput) -> FileAnnouncePayload:
    new = NewFile(input.purpose, input.name, input.size, input.sha256)
    ticket = await tickets.announce(info.context.principal, new, info.context.settings, info.context.cause)
    return FileAnnouncePayload(
        file=File.of(ticket.file),
        upload_path=UPLOAD_PREFIX + ticket.secret,
        upload_until=DateTime(ticket.file.ticket_until),
        errors=[],
        request_id=info.context.request_id,
    )
