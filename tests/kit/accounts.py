"""The merchant's account at each PSE of the sandbox: what a test needs to connect. One entry adds a PSE."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.sandbox.adyen import server as adyen
from tests.sandbox.conekta.key import PUBLIC_KEY
from tests.sandbox.ebanx.server import CERTIFICATE, INTEGRATION_KEY


@dataclass(frozen=True, slots=True)
class Account:
    """`path` and `token_path` are behind the sandbox's address; `secrets` as the connector wants them."""

    path: str
    method: str  # as the vocabulary names it; nothing of the product is imported, the sandbox tells this too
    currency: str
    client_id: str = "estorno"
    secrets: Mapping[str, str] = field(default_factory=dict)
    token_path: str | None = None
    hook: str = ""  # what follows our webhook address, where the address itself must prove who calls
    report_path: str | None = None


ACCOUNTS: Mapping[str, Account] = {
    "adyen": Account(
        path=adyen.PREFIX,
        method="PIX",
        currency="BRL",
        client_id=adyen.ACCOUNT,
        secrets={
            "api_key": adyen.API_KEY,
            "hmac_key": adyen.HMAC_KEY,
            "report_user": adyen.REPORT_USER,
            "report_password": adyen.REPORT_PASSWORD,
        },
        report_path=f"{adyen.REPORTS}/{adyen.ACCOUNT}",
    ),
    "pix": Account(
        path="/pix/v2",
        method="PIX",
        currency="BRL",
        secrets={"client_secret": "sandbox-secret", "webhook_secret": "hook-secret-of-the-test"},
        token_path="/oauth/token",
        hook="/hook-secret-of-the-test",
    ),
    "dlocal": Account(
        path="/dlocal",
        method="CARD",
        currency="BRL",
        client_id="sandboxlogin",
        secrets={"x_trans_key": "sandboxtranskey", "secret_key": "sandbox-secret-key"},
    ),
    "ebanx": Account(
        path="/ebanx",
        method="CARD",
        currency="BRL",
        secrets={"integration_key": INTEGRATION_KEY, "webhook_certificate": CERTIFICATE},
    ),
    "stripe": Account(
        path="/stripe/v1",
        method="CARD",
        currency="MXN",
        client_id="acct_sandbox",
        secrets={"api_key": "sk_test_sandbox", "webhook_secret": "whsec_sandbox"},
    ),
    "conekta": Account(
        path="/conekta",
        method="CARD",
        currency="MXN",
        client_id="company_sandbox",
        secrets={"api_key": "key_sandbox", "webhook_public_key": PUBLIC_KEY},
    ),
    "mercadopago": Account(
        path="/mercadopago",
        method="PIX",
        currency="BRL",
        client_id="810882223",
        secrets={
            "access_token": "TEST-4108235760128417-112312-sandbox-access-token",
            "webhook_secret": "mercadopago-webhook-secret-of-the-sandbox",
        },
    ),
    "lab": Account(path="/lab", method="PIX", currency="BRL", secrets={"webhook_secret": "lab-webhook-secret"}),
}
