"""Where Adyen's Management API is, and what the API key is shown to."""

import httpx
import pytest

from domain.pse.adyen.auth import Keys, management_url
from domain.pse.vocabulary import Credentials


@pytest.mark.parametrize(
    ("checkout", "management"),
    [
        ("https://checkout-test.adyen.com/v72", "https://management-test.adyen.com/v3"),
        ("https://abc-Loja-checkout-live.adyenpayments.com/checkout/v72", "https://management-live.adyen.com/v3"),
        ("http://127.0.0.1:8900/adyen/v72", "http://127.0.0.1:8900/adyen/management/v3"),
    ],
)
def test_the_management_api_is_of_the_environment_of_the_checkout_api(checkout: str, management: str) -> None:
    assert management_url(checkout) == management
    secrets = {"api_key": "KEY", "report_user": "report", "report_password": "word"}
    auth = Keys(Credentials(checkout, "Loja", secrets))
    for url, with_key in (
        (f"{checkout}/payments/1/refunds", True),
        (f"{management}/me", True),
        (f"{management}.evil.example/me", False),
        ("https://ca-live.adyen.com/reports/download/MerchantAccount/Loja/1", False),
    ):
        sent = next(auth.auth_flow(httpx.Request("GET", url)))
        assert ("X-API-Key" in sent.headers) is with_key, url
