"""Adobe's I/O events: two RSA signatures of the raw body, by keys that Adobe publishes; one good one is enough.

Where a key is published is said by a header that nobody has signed: the host is ours to know, the place is pinned.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from domain.commerce import dialect
from domain.commerce.vocabulary import KeyWanted, LookAt, NothingToUs, ShopAccess, ShopReply, Told
from domain.pse.kit import exact
from domain.pse.vocabulary import BadNotice, BadSignature, WebhookRequest

_PLACE: Final = re.compile(r"/prod/keys/pub-key-[0-9A-Za-z-]{1,64}\.pem")
_CHALLENGE: Final = re.compile(r"(?:^|&)challenge=([0-9A-Za-z._~-]{1,200})(?:&|$)")


def is_place(path: str) -> bool:
    """Whether a published key can stand there."""
    return _PLACE.fullmatch(path) is not None


def verify(came: WebhookRequest, access: ShopAccess) -> None:
    """Signed by Adobe, and meant for our client. Raises BadSignature, and KeyWanted for a key that we do not have."""
    wanted: str | None = None
    for number in ("1", "2"):
        path = came.headers.get(f"x-adobe-public-key{number}-path", "")
        given = came.headers.get(f"x-adobe-digital-signature-{number}", "")
        if not is_place(path) or not given:
            continue
        pem = access.public_keys.get(path)
        if pem is None:
            wanted = wanted or path
        elif _fits(pem, given, came.body):
            _check_recipient(came, access)
            return
    if wanted is not None:
        raise KeyWanted(wanted)
    raise BadSignature("Neither of Adobe's signatures fits the body.")


def _fits(pem: str, given: str, body: bytes) -> bool:
    try:
        key = load_pem_public_key(pem.encode())
        signature = base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        return False
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _check_recipient(came: WebhookRequest, access: ShopAccess) -> None:
    meant = access.option("io_client_id")
    try:
        found = {exact.inner(one, "recipientclientid") for one in _events(came)}
    except BadNotice:
        raise BadSignature("It names no client that it is meant for.") from None
    if not meant or found != {meant}:
        raise BadSignature("It is meant for another client of Adobe's.")


def greeting(came: WebhookRequest) -> ShopReply | None:
    """The answer to the registration's challenge."""
    found = _CHALLENGE.search(came.query) if came.method == "GET" else None
    return ShopReply(200, found[1].encode(), "text/plain") if found else None


def read(came: WebhookRequest) -> Sequence[Told]:
    """Each credit memo that was saved makes us ask for those of its order: it is saved with each comment, too."""
    return [_told(one) for one in _events(came)]


def _told(event: Mapping[str, Any]) -> Told:
    found = exact.inner(event, "data", "value")
    value = found if isinstance(found, dict) else exact.inner(event, "data")
    kind, order = str(event.get("type", ""))[:100], dialect.name_of(value, "order_id")
    if "creditmemo" not in kind or order is None:
        return NothingToUs(f"An event of type {kind!r}.")
    return LookAt(order)


def _events(came: WebhookRequest) -> list[dict[str, Any]]:
    found = exact.document(came.body)
    events = exact.objects(found if isinstance(found, list) else [found])
    if not events:
        raise BadNotice("It is no event.")
    return events
