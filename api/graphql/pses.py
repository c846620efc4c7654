"""What each PSE can do, and what its codes mean: facts for frontends and for support."""

from typing import Annotated

import strawberry

from api.graphql.payments import PaymentMethod
from api.graphql.refunds.destination import DestinationKindEnum
from api.graphql.spoken.told import told
from api.graphql.transport.scalars import Date
from domain.pse import capabilities, explanations, registry
from domain.pse.capabilities import Capability, LookUp, NewsBy, Route
from domain.pse.explanations import Retry
from domain.pse.vocabulary import DestinationKind, Method

RouteEnum = strawberry.enum(Route, name="RefundRoute", description="Where a refund of this method goes.")
LookUpEnum = strawberry.enum(LookUp, name="RefundLookUp", description="How the PSE can be asked about a refund.")
NewsEnum = strawberry.enum(NewsBy, name="RefundNews", description="How the PSE tells how a refund goes on.")
RetryEnum = strawberry.enum(Retry, name="ErrorRetry", description="Whether asking again helps.")


@strawberry.type(description="What one PSE can do for one method, with the document that says so.")
class PseCapability:
    pse: str
    connected: bool = strawberry.field(description="Whether Estorno speaks to this PSE.")
    method: Annotated[Method, PaymentMethod]
    route: Annotated[Route, RouteEnum]
    partial: bool
    several: bool
    window_days: int | None = strawberry.field(description="Null: no limit is known.")
    window_from: str = told()
    needs_balance: bool
    key_hours: int | None = strawberry.field(description="How long an idempotency key works; null: there is none.")
    look_up: Annotated[LookUp, LookUpEnum]
    news: Annotated[NewsBy, NewsEnum]
    expected_days: int | None
    payment_look_up: bool = strawberry.field(
        description="Whether the PSE can be asked for a payment, as it is before the first refund of one leaves."
    )
    payment_look_up_days: int | None = strawberry.field(
        description="How old a payment it can still be asked for; null: no limit is known."
    )
    payment_look_up_source: str = strawberry.field(description="The document that says so.")
    destinations: list[Annotated[DestinationKind, DestinationKindEnum]] = strawberry.field(
        description="What the PSE itself can pay to."
    )
    reason: str | None = told("Why it is not supported.")
    instead: str | None = told("What else can be done.")
    source: str
    as_of: Date

    @classmethod
    def of(cls, pse: str, method: Method, able: Capability, *, connected: bool) -> "PseCapability":
        key = able.key_lifetime
        return cls(
            pse=pse,
            connected=connected,
            method=method,
            route=able.route,
            partial=able.partial,
            several=able.several,
            window_days=able.window.days if able.window is not None else None,
            window_from=able.window_from,
            needs_balance=able.needs_balance,
            key_hours=int(key.total_seconds()) // 3600 if key is not None else None,
            look_up=able.look_up,
            news=able.news,
            expected_days=able.expected_days,
            payment_look_up=able.payment_look_up,
            payment_look_up_days=able.payment_look_up_age.days if able.payment_look_up_age is not None else None,
            payment_look_up_source=able.payment_look_up_source,
            destinations=list(able.destinations),
            reason=able.reason,
            instead=able.instead,
            source=able.source,
            as_of=Date(able.as_of),
        )


@strawberry.type(description="One code of a PSE, in one language.")
class PseErrorExplanation:
    code: str
    retry: Annotated[Retry, RetryEnum]
    meaning: str
    action: str = strawberry.field(description="What support should do.")
    source: str
    locale: str


def pse_capabilities(pse: str | None, method: Method | None) -> list[PseCapability]:
    """What each PSE can do for each method, by name; null: every PSE, every method."""
    found = [
        PseCapability.of(name, one, able, connected=True)
        for name, wire in registry.connectors().items()
        for one, able in sorted(wire.capabilities.items())
    ]
    found += [PseCapability.of(row.pse, row.method, row.able, connected=False) for row in capabilities.unconnected()]
    return [
        row
        for row in found
        if (pse is None or row.pse.lower() == pse.lower()) and (method is None or row.method is method)
    ]


def pse_error_explanation(pse: str, code: str, locale: str) -> PseErrorExplanation | None:
    """What a code of a PSE means, in one of LOCALES; null for a code that nobody knows."""
    found = explanations.explain(pse, code)
    if found is None:
        return None
    return PseErrorExplanation(
        code=code,
        retry=found.retry,
        meaning=found.meaning[locale],
        action=found.action[locale],
        source=found.source,
        locale=locale,
    )
