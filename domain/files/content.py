"""Where the content of files lies: a folder, or S3-compatible storage, always sealed for its file's own place.

Who reads the folder, or the bucket, reads nothing. In S3 the credentials are those of the environment (AWS_*).
"""

from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from domain.platform import secrets
from domain.platform.settings import Settings

_TIMEOUT: Final = "10s"  # of one request to the storage


class ContentAway(RuntimeError):
    """The storage does not answer, or does not have what it was given; nothing of the database was changed."""


@lru_cache(maxsize=4)
def _opened(place: str) -> ObjectStore:
    if "://" in place:
        return from_url(place, client_options={"timeout": _TIMEOUT})
    return LocalStore(Path(place), mkdir=True)


def _store(settings: Settings) -> ObjectStore:
    return _opened(settings.files or str(settings.home / "files"))


async def put(settings: Settings, file_id: UUID, content: bytes) -> None:
    """Keep a file's content. Raises ContentAway."""
    sealed = secrets.seal_bytes(settings.secret_key, content, _place(file_id))
    try:
        await _store(settings).put_async(str(file_id), sealed)
    except (BaseError, OSError) as error:
        raise ContentAway(f"The storage of files does not take what we give it: {error}") from error


async def get(settings: Settings, file_id: UUID) -> bytes:
    """A file's content in clear. Raises ContentAway, Unsealable."""
    try:
        found = await _store(settings).get_async(str(file_id))
        sealed = bytes(await found.bytes_async())
    except (BaseError, OSError) as error:
        raise ContentAway(f"The storage of files does not give back what it has: {error}") from error
    return secrets.unseal_bytes(settings.secret_key, sealed, _place(file_id))


def _place(file_id: UUID) -> str:
    return f"files/{file_id}"
