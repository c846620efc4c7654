"""What platforms sign, by vectors that were worked out apart from this code, and by the official library."""

import base64
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from domain.commerce import signing
from domain.commerce.mabang.dialect import body_of, call
from domain.commerce.magento import oauth
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import ShopAccess
from domain.pse.vocabulary import BadSignature, WebhookRequest
from tests.sandbox.shops.erp import SECRET

NOW = datetime.fromtimestamp(1_700_000_000, UTC)
_SHOPIFY = b'{"id":820982911946154508,"order_id":820982911946154500,"note":"estorno"}'
_WOO = b'{"id":727,"parent_id":723,"amount":"10.00"}'


def _came(body: bytes, **headers: str) -> WebhookRequest:
    return WebhookRequest(
        "POST", "/shops/x", "", {name.replace("_", "-"): value for name, value in headers.items()}, body
    )


def _access(secrets: dict[str, str], address: str = "https://shop.test", **options: str) -> ShopAccess:
    return ShopAccess(uuid4(), address, secrets, options)


@pytest.mark.parametrize(
    ("kind", "secret", "header", "body", "signature"),
    [
        ("SHOPIFY", {"client_secret": "hush"}, "x_shopify_hmac_sha256", _SHOPIFY,
         "t32m+akc2jC/uD+ZcWoum203Mqz4LmOjwIlXbEOA/Fs="),
        ("WOOCOMMERCE", {"webhook_secret": "woo-secret"}, "x_wc_webhook_signature", _WOO,
         "zZRzF9Do1odvIeD5bXW1+bqSC+8MaW9A0DDknKwVe00="),
    ],
)  # fmt: skip
def test_a_platforms_signature_is_of_the_raw_body(
    kind: str, secret: dict[str, str], header: str, body: bytes, signature: str
) -> None:
    dialect, access = dialect_of(kind), _access(secret)
    dialect.verify(_came(body, **{header: signature}), access, NOW)
    other = _access(dict.fromkeys(secret, "another"))
    for wrong in (
        (_came(body + b" ", **{header: signature}), access),
        (_came(body, **{header: signature}), other),
        (_came(body, **{header: "not base64 !"}), access),
        (_came(body), access),
    ):
        with pytest.raises(BadSignature):
            dialect.verify(*wrong, NOW)


@pytest.mark.parametrize(
    ("secret", "text", "signature"),
    [
        # Nuvemshop's webhook, Shopify's OAuth callback and Shopee's call: no dialect of ours speaks these yet.
        ("app-secret", '{"store_id":123,"event":"order/updated","id":456}',
         "c4ae10e926c54a610668823cd9f1e43b8e357001ec230cd6f0fb34581b139b91"),
        ("hush", "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&state=0.6784241404160823"
         "&timestamp=1337178173", "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf"),
        ("pkey", "2000000/api/v2/returns/get_return_list1700000000tok300000",
         "487f3fd7252f332c274b188a82865bf3f5b3c2f0f29c6aba03b659bb97603613"),
    ],
)  # fmt: skip
def test_signatures_in_hex_are_of_the_same_digest(secret: str, text: str, signature: str) -> None:
    assert signing.digest(secret, text.encode()).hex() == signature


def test_mabang_signs_the_very_bytes() -> None:
    access = _access({"developer_key": "test-secret"}, "", appkey="200000")
    body = body_of(access, "order-get-refund-list", {"page": "1"}, 1_700_000_000)
    assert body == (
        b'{"api":"order-get-refund-list","appkey":"200000","data":{"page":"1"},"timestamp":"1700000000","version":"2"}'
    )
    request = call(access, "order-get-refund-list", {"page": "1"}, NOW)
    assert request.content == body
    assert request.headers["authorization"] == "aae9de1fb1e22436ae286613acc19eaad159e2115835475dc3e5000bcca3608d"
    assert str(request.url) == "https://gwapi.mabangerp.com/api/v2"


def test_magento_signs_the_request_without_its_body() -> None:
    parameters = {
        "oauth_consumer_key": "ck",
        "oauth_nonce": "n1",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1700000000",
        "oauth_token": "at",
        "oauth_version": "1.0",
    }
    url = httpx.URL("https://shop.test/rest/V1/order/5/refund")
    assert oauth.base_string("post", url, parameters) == (
        "POST&https%3A%2F%2Fshop.test%2Frest%2FV1%2Forder%2F5%2Frefund&oauth_consumer_key%3Dck%26oauth_nonce%3Dn1%26"
        "oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1700000000%26oauth_token%3Dat%26oauth_version%3D1.0"
    )
    assert oauth.signature("POST", url, parameters, "cs", "ats") == "oxNR5iQUJhhJLCNCGeelECI5EOa8z5zHbL+WxcoH6Og="


def test_the_intake_is_signed_as_the_official_library_signs_and_for_five_minutes() -> None:
    body, dialect, access = b'{"external_id":"R1"}', dialect_of("GENERIC"), _access({"webhook_secret": SECRET})
    told = {"webhook-id": "m1", "webhook-timestamp": str(int(NOW.timestamp()))}
    told["webhook-signature"] = Webhook(SECRET).sign("m1", NOW, body.decode())
    dialect.verify(WebhookRequest("POST", "/shops/x/refunds", "", told, body), access, NOW)
    assert signing.standard(SECRET, "m1", int(NOW.timestamp()), body) == told["webhook-signature"]
    for late in (-301, 301):
        moment = datetime.fromtimestamp(NOW.timestamp() + late, UTC)
        with pytest.raises(BadSignature, match="too long ago"):
            dialect.verify(WebhookRequest("POST", "/", "", told, body), access, moment)
    for changed in ({"webhook-id": "m2"}, {"webhook-timestamp": "1700000001"}, {"webhook-signature": "v1,AAAA"}):
        with pytest.raises(BadSignature):
            dialect.verify(WebhookRequest("POST", "/", "", {**told, **changed}, body), access, NOW)
    # Of two signatures, as while a secret is changed, one is enough; a key that is none of ours says nothing.
    both = f"v1,{base64.b64encode(b'x' * 32).decode()} {told['webhook-signature']}"
    dialect.verify(WebhookRequest("POST", "/", "", {**told, "webhook-signature": both}, body), access, NOW)
