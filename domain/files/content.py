"""Where the content of files lies: a folder, or S3-compatible storage, always encrypted with a key of its file's own.

Who reads the folder, or the bucket, reads nothing. The file's key lies in its row, sealed with its merchant's key, so
that a rotation touches rows and no content. In S3 the credentials are those of the environment (AWS_*).
"""

import base64
import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from domain.models.files import File
from domain.platform import data_keys, secrets
from domain.platform.settings import Settings

_KEY_BYTES: Final = 32
_RETRIES_MAX: Final = 2
_RETRY_LIMIT: Final = timedelta(seconds=20)
_TIMEOUT: Final = "10s"  # of one request to the storage


class ContentAway(RuntimeError):
    """The storage does not answer, or does not have what it was given; nothing of the database was changed."""


@lru_cache(maxsize=4)
def _opened(place: str) -> ObjectStore:
    if "://" in place:
        # A storage of one's own may be on one's own wire.
        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        return from_url(
            place,
            client_options={"timeout": _TIMEOUT, "allow_http": plain},
            retry_config={"max_retries": _RETRIES_MAX, "retry_timeout": _RETRY_LIMIT},
        )
    return LocalStore(Path(place), mkdir=True)


def _store(settings: Settings) -> ObjectStore:
    return _opened(settings.files or str(settings.home / "files"))


async def new_key(settings: Settings, merchant_id: UUID, file_id: UUID) -> bytes:
    """A key for one file's content, sealed for its row. Raises Unsealable and KeyServiceAway."""
    values = {"key": base64.b64encode(os.urandom(_KEY_BYTES)).decode()}
    return await data_keys.seal(settings.secret_key, merchant_id, values, place_of(file_id))


async def put(settings: Settings, file: File, content: bytes) -> None:
    """Keep a file's content. Raises ContentAway, Unsealable, KeyServiceAway."""
    sealed = secrets.encrypt(await _key(settings, file), content, place_of(file.id))
    try:
        await _store(settings).put_async(str(file.id), sealed)
    except (BaseError, OSError) as error:
        raise ContentAway(f"The storage of files does not take what we give it: {error}") from error


async def get(settings: Settings, file: File) -> bytes:
    """A file's content in clear. Raises ContentAway, Unsealable, KeyServiceAway."""
    key = await _key(settings, file)
    try:
        found = await _store(settings).get_async(str(file.id))
        sealed = bytes(await found.bytes_async())
    except (BaseError, OSError) as error:
        raise ContentAway(f"The storage of files does not give back what it has: {error}") from error
    return secrets.decrypt(key, sealed, place_of(file.id))


async def remove(settings: Settings, file_id: UUID) -> None:
    """Take a file's content out of the storage; what is not there is gone already. Raises ContentAway."""
    try:
        await _store(settings).delete_async(str(file_id))
    except FileNotFoundError:
        return
    except (BaseError, OSError) as error:
        raise ContentAway(f"The storage of files does not take the file away: {error}") from error


async def _key(settings: Settings, file: File) -> bytes:
    if file.sealed_key is None:
        raise ContentAway("The file was removed by retention.")
    values = await data_keys.unseal(settings.secret_key, file.merchant_id, bytes(file.sealed_key), place_of(file.id))
    return base64.b64decode(values["key"])


def place_of(file_id: UUID) -> str:
    """What a file's key, and its content, are sealed for: they open nowhere else."""
    return f"files/{file_id}"
