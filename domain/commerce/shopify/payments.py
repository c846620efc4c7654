"""Shopify's payments app: Shopify asks for a refund and waits until the session is resolved or rejected.

An answer is final there: it is given once our refund has ended. That it is paid, or that money came back later, can be
taken back by nobody.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from domain.commerce import amounts, dialect
from domain.commerce.dialect import Asking, NoAnswer
from domain.commerce.shopify import queries
from domain.commerce.shopify.asking import Denied, ask, user_errors
from domain.commerce.shopify.dialect import Shopify
from domain.commerce.vocabulary import (
    Outcome,
    Polled,
    SaidRefund,
    ShopAccess,
    ShopDone,
    ShopKind,
    ShopLater,
    ShopNews,
    ShopRefuses,
    ShopReply,
    Told,
)
from domain.models.refunds import State
from domain.pse.checking import CheckCode, Checked
from domain.pse.credentials import Field
from domain.pse.kit import exact
from domain.pse.vocabulary import BadNotice, BadSignature, WebhookRequest

_PATH: Final = "payments_apps/api"
_SESSION: Final = "RefundSession"
_ABOUT: Final = "query EstornoAbout { currentAppInstallation { accessScopes { handle } } }"
_REASON_MAX: Final = 250


class ShopifyPayments(Shopify):
    """A Shopify shop whose payments app we are."""

    kind: ClassVar[ShopKind] = ShopKind.SHOPIFY_PAYMENTS
    asks: ClassVar[bool] = True
    strict: ClassVar[bool] = True
    poll_seconds: ClassVar[float | None] = None
    records: ClassVar[bool] = False
    # A return after success cannot be told: it is a person's.
    hears: ClassVar[frozenset[State]] = Shopify.hears
    fields: ClassVar[Sequence[Field]] = (
        *(one for one in Shopify.fields if one.name in ("address", "client_id", "client_secret", "access_token")),
        Field("api_version", "API version", "of the Payments Apps API, such as 2026-10", optional=True),
        Field(
            "proxy_secret",
            "Secret of the mTLS proxy",
            "set by the proxy that checks Shopify's certificate",
            secret=True,
        ),
    )

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        """Shopify signs nothing here: it shows a certificate of its own authority, which the TLS proxy checks.

        The proxy says so by a secret that it puts on the request, in place of any that came. Raises BadSignature.
        """
        secret = access.secrets.get("proxy_secret", "").encode()
        given = came.headers.get("x-estorno-proxy-secret", "").encode()
        if not secret or not hmac.compare_digest(given, secret):
            raise BadSignature("It did not come through the proxy that checks Shopify's certificate.")

    def key_of(self, came: WebhookRequest) -> str:
        return dialect.needed(dialect.document(came), "id")

    def read(self, came: WebhookRequest, access: ShopAccess) -> Sequence[Told]:
        body = dialect.document(came)
        try:
            amount = amounts.money_of(body.get("amount"), body.get("currency"))
        except amounts.NotMoney as error:
            raise BadNotice(f"amount: {error}.") from None
        return [SaidRefund(dialect.needed(body, "id"), payments=(dialect.needed(body, "payment_id"),), amount=amount)]

    def reply(self, told: Sequence[Told], news: ShopNews | None, replayed: bool) -> ShopReply:
        return ShopReply(201)

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        try:
            about = yield from ask(access, _ABOUT, _PATH)
        except Denied as error:
            return [dialect.failed(CheckCode.CREDENTIALS, str(error), "Look at the payments app's keys.")]
        except NoAnswer as error:
            return [dialect.unknown(CheckCode.CREDENTIALS, str(error))]
        held = exact.objects(exact.inner(about, "currentAppInstallation", "accessScopes")) or []
        has = {str(one.get("handle")) for one in held}
        known = dialect.passed(CheckCode.CREDENTIALS, "Shopify knows the payments app.")
        if "write_payment_sessions" not in has:
            said = "The app lacks write_payment_sessions."
            return [known, dialect.failed(CheckCode.MAY_REFUND, said, "It is given with the approval as a partner.")]
        return [known, dialect.passed(CheckCode.MAY_REFUND, "The app may answer refund sessions.")]

    def poll(self, access: ShopAccess, since: datetime, until: datetime) -> Asking[Polled]:
        yield from ()
        return Polled([])

    def look(self, access: ShopAccess, order: str) -> Asking[Sequence[SaidRefund] | None]:
        yield from ()
        return None

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        if news.name is None or news.state is None:
            return ShopDone()
        wanted: dict[str, Any] = {"id": f"gid://shopify/{_SESSION}/{news.name}"}
        query, field = queries.RESOLVE, "refundSessionResolve"
        if not news.paid:
            said = (news.why or f"The refund is {news.state.value}.")[:_REASON_MAX]
            wanted["reason"] = {"code": "PROCESSING_ERROR", "merchantMessage": said}
            query, field = queries.REJECT, "refundSessionReject"
        try:
            data = yield from ask(access, query, _PATH, **wanted)
        except NoAnswer as error:
            return ShopLater(str(error), error.seconds)
        if errors := user_errors(exact.inner(data, field)):
            return ShopRefuses("; ".join(errors))
        return ShopDone("The session is resolved." if news.paid else "The session is rejected.")
