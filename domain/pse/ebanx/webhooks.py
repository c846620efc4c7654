"""The signature of EBANX's notifications: RSA-SHA1 over the raw body, by a certificate that its fingerprint names.

Headers X-SignatureType (`rsa,sha1`), X-SignatureFingerprint (the certificate's SHA-1) and X-SignatureContent (base64).
Source: docs.ebanx.com, payment notifications.
"""

import base64
import binascii
import hmac

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from domain.pse.vocabulary import BadSignature, WebhookRequest

_TYPE = "rsa,sha1"


def verify(certificate_pem: str, request: WebhookRequest) -> None:
    """Raises BadSignature. The connection's certificate is the one that is trusted, whatever its dates."""
    if request.headers.get("x-signaturetype", "").replace(" ", "").lower() != _TYPE:
        raise BadSignature("X-SignatureType is not rsa,sha1.")
    certificate = _certificate(certificate_pem)
    # SHA-1 is what EBANX signs with; a notification only makes us ask, so a forged one gains nothing.
    sha1 = hashes.SHA1()  # noqa: S303 - see above
    fingerprint = request.headers.get("x-signaturefingerprint", "").replace(":", "").lower()
    if not hmac.compare_digest(fingerprint.encode(), certificate.fingerprint(sha1).hex().encode()):
        raise BadSignature("X-SignatureFingerprint is not that of the connection's webhook_certificate.")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise BadSignature("The connection's webhook_certificate has no RSA key.")
    try:
        given = base64.b64decode(request.headers.get("x-signaturecontent", ""), validate=True)
        key.verify(given, request.body, PKCS1v15(), sha1)
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise BadSignature("X-SignatureContent does not fit the body.") from error


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise BadSignature("The connection's webhook_certificate is not a certificate in PEM.") from error
