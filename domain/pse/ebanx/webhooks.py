"""EBANX's notifications, which only make us ask: RSA-SHA1 over the raw body, by a certificate of a named fingerprint.

Headers X-SignatureType (`rsa,sha1`), X-SignatureFingerprint (the certificate's SHA-1) and X-SignatureContent (base64).
Source: docs.ebanx.com, payment notifications.
"""

import re
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from domain.pse.kit import signatures
from domain.pse.vocabulary import (
    BadNotice,
    BadSignature,
    ChargedBack,
    Credentials,
    NotUnderstood,
    TellsOfRefund,
    Told,
    WebhookRequest,
)

_TYPE: Final = "rsa,sha1"
_HASH: Final = re.compile(r"[0-9A-Za-z]{1,100}")
# Notifications of a dispute, and whether its money comes back. How much is not told: what confirmed refunds have left.
_DISPUTES: Final = {"chargeback": False, "chargeback_credit": True}


def verify(credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
    """No time is signed, and the connection's certificate is trusted whatever its dates. Raises BadSignature."""
    if request.headers.get("x-signaturetype", "").replace(" ", "").lower() != _TYPE:
        raise BadSignature("X-SignatureType is not rsa,sha1.")
    said = "The connection's webhook_certificate is not a certificate in PEM."
    pem = credentials.secrets["webhook_certificate"]
    certificate = signatures.from_pem(x509.load_pem_x509_certificate, pem, said)
    # SHA-1 is what EBANX signs with; a notification only makes us ask, so a forged one gains nothing.
    sha1 = hashes.SHA1()  # noqa: S303 - see above
    fingerprint = request.headers.get("x-signaturefingerprint", "").replace(":", "").lower()
    said = "X-SignatureFingerprint is not that of the connection's webhook_certificate."
    signatures.check([fingerprint], [certificate.fingerprint(sha1).hex()], said)
    signatures.check_rsa(request, "X-SignatureContent", [certificate.public_key()], sha1, "webhook_certificate")


def told(body: bytes) -> list[Told]:
    """One notice per hash, without an outcome: what became of the refund is asked for. Raises BadNotice."""
    try:
        form = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError as error:
        raise BadNotice("The body is not a form of EBANX's notification.") from error
    payments = [part.strip() for part in ",".join(form.get("hash_codes", [])).split(",")]
    if not all(_HASH.fullmatch(one) for one in payments):
        raise BadNotice("The notification has no hash_codes that can be read.")
    kind = form.get("notification_type", [""])[0][:40]
    if kind in _DISPUTES:
        return [ChargedBack(one, None, f"{one}/{kind}", None, _DISPUTES[kind]) for one in payments]
    if kind != "refund":
        return [NotUnderstood(f"{kind or 'nothing'} of payment {one}") for one in payments]
    return [TellsOfRefund(one, None, None, None) for one in payments]
