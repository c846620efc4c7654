"""Two shops with something in every column that is sealed, and what opens it."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.access.tokens import Role
from domain.commerce import shops as commerce
from domain.commerce.shops import NewShop
from domain.commerce.vocabulary import ShopKind
from domain.connections import connections
from domain.deliveries import endpoints, rotation
from domain.deliveries.endpoints import NewEndpoint
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.keys.places import SEALED, Sealed
from domain.models import Connection
from domain.models.deliveries import EndpointKind
from domain.models.files import Purpose
from domain.platform import data_keys
from domain.platform.database import rows
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind
from domain.reconciliation import sources
from domain.reconciliation.sources import NewSource
from domain.refunds.destination.destinations import Given
from tests.kit.factories import CAUSE, KEY, SECRETS, Shop, a_key, a_payment, a_person, a_refund, a_shop
from tests.kit.lab_connector import Lab
from tests.kit.world import quick_settings

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDbIZknpI9EAkbxXB4hK7R2B8tkyxRucRlpTjEQA7/9P"
CPF = "390.533.447-05"
ACCOUNT = {"pix_key": "ana@example.com", "holder_name": "Ana", "holder_tax_id": CPF}


async def a_shop_with_all(key: bytes = KEY) -> Shop:
    """A connection and a shop with old secrets, a customer, a destination, an announced file, a server of reports, and
    an endpoint with an old secret."""
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(DestinationKind.PIX_KEY,)))
    shop = await a_shop(pse="lab")
    until = datetime.now(UTC) + timedelta(hours=1)
    await connections.replace_secrets(shop.connection, {**SECRETS, "webhook_secret": "new"}, until, key)
    payment = await a_payment(shop, tax_id=CPF)
    await a_refund(shop, payment, 1_000, given=Given(DestinationKind.PIX_KEY, ACCOUNT))
    boss = a_person(shop, "boss", Role.ADMINISTRATOR)
    document = NewFile(Purpose.ONBOARDING_DOCUMENT, "licence.pdf", 9, hashlib.sha256(b"%PDF-1.7 ").hexdigest())
    await tickets.announce(boss, document, quick_settings(secret_key=key), CAUSE)
    source = NewSource("sftp.example.com", 22, "ana", "/out", HOST_KEY, password="open sesame")
    await sources.set_for(boss, shop.connection.id, source, key, CAUSE)
    new = NewEndpoint(EndpointKind.WEBHOOK, "orders", "https://shop.example.com/hooks", types=["*"])
    endpoint = (await endpoints.create(boss, new, key, CAUSE)).endpoint
    await rotation.rotate(boss, endpoint.id, 1, key, CAUSE)
    given = NewShop(ShopKind.VTEX, "VTEX", shop.store.code, {"app_key": "a", "app_token": "b", "currency": "BRL"})
    vtex = await commerce.connect(boss, given, a_key(), CAUSE, key)
    await commerce.change(boss, vtex.id, {"app_token": "c"}, until, CAUSE, key)
    return shop


async def sealed_of(merchant_id: UUID, one: Sealed) -> Mapping[str, object]:
    """The one row of the merchant that has something sealed there."""
    (row,) = await rows(f"{one.select} WHERE merchant_id = $1 AND {one.column} IS NOT NULL", merchant_id)
    return row


async def opens(merchant_id: UUID, one: Sealed, key: bytes = KEY) -> Mapping[str, str]:
    """What is sealed there, opened as the product does. Raises Unsealable."""
    row = await sealed_of(merchant_id, one)
    return await data_keys.unseal(key, merchant_id, bytes(row["sealed"]), one.place(row))  # type: ignore[call-overload]


async def all_open(merchant_id: UUID, key: bytes = KEY) -> bool:
    return all([await opens(merchant_id, one, key) for one in SEALED])


async def again(connection: Connection) -> Connection:
    return await Connection.get(id=connection.id)
