"""While the key service does not answer, what must be sealed or opened is to come again later."""

import pytest

from domain.access.tokens import Role
from domain.models import Payment
from domain.platform import data_keys
from domain.platform.database import rows
from domain.platform.kms import AwsKms
from tests.api.conftest import Enter
from tests.kit.factories import a_key


async def test_a_customer_that_cannot_be_sealed_just_now_is_to_be_told_again(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = await enter(Role.FRONTEND)
    kms = AwsKms("arn:aws:kms:sa-east-1:1:key/1", "http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(data_keys, "_others", data_keys.Others(kms))
    await rows("UPDATE data_keys SET kek = $1 RETURNING id", kms.name)
    for memory in (data_keys._current, data_keys._opened):
        memory.clear()
    answer = await asker.told(
        "mutation M($input: PaymentRegisterInput!) { paymentRegister(input: $input) { replayed } }",
        input={
            "connectionId": str(asker.shop.connection.id),
            "storeCode": "sp",
            "pseReference": "E12345678202611231200abcdefghijk",
            "method": "PIX",
            "amount": {"minorUnits": "10000", "currency": "BRL"},
            "capturedAt": "2026-11-20T12:00:00-03:00",
            "customerTaxId": "52998224725",
            "idempotencyKey": a_key(),
        },
    )
    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert not await Payment.exists()
