"""The PSEs we speak to, by name."""

from collections.abc import Mapping
from typing import Final

from domain.pse.adyen.connector import Adyen
from domain.pse.capabilities import Capability
from domain.pse.conekta.connector import Conekta
from domain.pse.connector import Connector
from domain.pse.dlocal.connector import DLocal
from domain.pse.ebanx.connector import Ebanx
from domain.pse.mercadopago.connector import MercadoPago
from domain.pse.pix.connector import Pix
from domain.pse.stripe.connector import Stripe
from domain.pse.vocabulary import Method


class UnknownPse(LookupError):
    """No connector has this name."""


class UnknownMethod(LookupError):
    """The PSE does not take this method."""


_CONNECTORS: Final[dict[str, Connector]] = {}


def register(made: Connector) -> None:
    """Add a connector under its name; a test's laboratory PSE replaces itself."""
    _CONNECTORS[made.name] = made


def connector(name: str) -> Connector:
    """The connector of that name. Raises UnknownPse with the known names."""
    try:
        return _CONNECTORS[name]
    except KeyError:
        raise UnknownPse(f"{name!r} is no PSE we know; known are {', '.join(sorted(_CONNECTORS))}.") from None


def connectors() -> Mapping[str, Connector]:
    """Every connector by its name."""
    return dict(sorted(_CONNECTORS.items()))


def capability(name: str, method: Method) -> Capability:
    """What a PSE can do for a method. Raises UnknownPse, UnknownMethod."""
    able = connector(name).capabilities
    try:
        return able[method]
    except KeyError:
        raise UnknownMethod(f"{name} does not take {method}; it takes {', '.join(sorted(able))}.") from None


for _made in (Adyen(), Conekta(), DLocal(), Ebanx(), MercadoPago(), Pix(), Stripe()):
    register(_made)
