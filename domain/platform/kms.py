"""AWS KMS as the one who wraps data keys. Its key never leaves it; what we may ask of it, AWS's own rules say.

A key service is a server of ours, as PostgreSQL and Valkey are, and both programs ask it (the API opens secrets to
verify webhooks): so it stands on this floor and not in jobs/wire, whose connections lead to PSEs.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

from domain.platform.secrets import Unsealable
from domain.platform.wrapping import KeyServiceAway, SealContext, Wrapper

AWS: Final = "aws:"
_SECONDS_MAX: Final = 5
_TRIES: Final = 2
_NOT_THIS_KEYS: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class AwsKms(Wrapper):
    """A key of AWS KMS, by its ARN or alias. Region and credentials come from where AWS's own tools look for them."""

    def __init__(self, key_id: str, url: str = "") -> None:
        self._key_id = key_id
        self._url = url

    @property
    def name(self) -> str:
        return AWS + self._key_id

    async def wrap(self, key: bytes, context: SealContext) -> bytes:
        told = await self._ask("encrypt", Plaintext=key, EncryptionContext=dict(context))
        wrapped: bytes = told["CiphertextBlob"]
        return wrapped

    async def unwrap(self, wrapped: bytes, context: SealContext) -> bytes:
        told = await self._ask("decrypt", CiphertextBlob=wrapped, EncryptionContext=dict(context))
        key: bytes = told["Plaintext"]
        return key

    async def _ask(self, what: str, **values: Any) -> Mapping[str, Any]:
        errors = _errors()
        try:
            ask: Callable[..., Mapping[str, Any]] = getattr(self._client, what)
            return await asyncio.to_thread(ask, KeyId=self._key_id, **values)
        except errors.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _NOT_THIS_KEYS:
                raise Unsealable(f"{self.name} did not wrap this data key, or not for this row.") from error
            raise KeyServiceAway(f"{self.name} refuses: {error}") from error
        except errors.BotoCoreError as error:
            raise KeyServiceAway(f"{self.name} cannot be asked: {error}") from error

    @cached_property
    def _client(self) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        limits = Config(connect_timeout=_SECONDS_MAX, read_timeout=_SECONDS_MAX, retries={"total_max_attempts": _TRIES})
        region = self._key_id.split(":")[3] if self._key_id.startswith("arn:") else None  # else where AWS's tools look
        return Session().create_client("kms", region, endpoint_url=self._url or None, config=limits)


def _errors() -> Any:
    # Not at the top of the file: who has no key service need not have its library.
    try:
        import botocore.exceptions
    except ImportError as error:
        raise KeyServiceAway("ESTORNO_KMS_KEY needs botocore: `pip install estorno[aws]`.") from error
    return botocore.exceptions
