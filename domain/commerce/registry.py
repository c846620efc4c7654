"""The dialects by their kind: adding one is a folder beside these and a line here."""

from collections.abc import Collection, Mapping
from typing import Final

from domain.commerce.dialect import Dialect
from domain.commerce.generic.dialect import Generic
from domain.commerce.mabang.dialect import Mabang
from domain.commerce.magento.dialect import Magento
from domain.commerce.shopify.dialect import Shopify
from domain.commerce.shopify.payments import ShopifyPayments
from domain.commerce.vocabulary import ShopKind
from domain.commerce.vtex.dialect import Vtex
from domain.commerce.woocommerce.dialect import WooCommerce

_DIALECTS: Final[Mapping[ShopKind, Dialect]] = {
    one.kind: one for one in (Generic(), Shopify(), ShopifyPayments(), Magento(), WooCommerce(), Vtex(), Mabang())
}


def all_dialects() -> Collection[Dialect]:
    """Each kind's."""
    return _DIALECTS.values()


def dialect_of(kind: str) -> Dialect:
    """The dialect of a kind of shop."""
    return _DIALECTS[ShopKind(kind)]
