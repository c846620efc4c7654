"""A payment that its PSE has contradicted, over the public API."""

from domain.access.tokens import Role
from domain.models import Payment
from domain.payments import confirmations
from tests.api.conftest import Enter, global_id
from tests.api.graphql.test_refunds import CREATE, wanted
from tests.kit.factories import a_payment

_SEEN = """query P($id: ID!) { payment(id: $id) {
  confirmedAt confirmedBy contradictedAt contradiction refundable { minorUnits } } }"""
_AGAIN = """mutation A($input: PaymentAskAgainInput!) { paymentAskAgain(input: $input) {
  payment { contradictedAt } errors { ... on Error { code } } } }"""


async def test_its_refunds_are_refused_with_what_to_do_until_a_person_has_the_pse_asked_again(enter: Enter) -> None:
    admin = await enter(Role.ADMIN)
    payment = await a_payment(admin.shop, confirmed=False)
    assert await confirmations.contradict(payment.id, "The PSE does not know it.", unknown=True)
    name = global_id(payment)
    (refused,) = (await admin.ask(CREATE, input=wanted(name)))["errors"]
    assert (refused["__typename"], refused["code"]) == ("NotRefundableError", "PAYMENT_CONTRADICTED")
    assert "The PSE does not know it." in refused["message"]
    seen = await admin.ask(_SEEN, id=name)
    assert (seen["contradiction"], seen["confirmedBy"]) == ("The PSE does not know it.", None)
    assert seen["refundable"] == {"minorUnits": "0"}
    again = await admin.ask(_AGAIN, input={"paymentId": name})
    assert (again["payment"], again["errors"]) == ({"contradictedAt": None}, [])
    assert (await admin.ask(CREATE, input=wanted(name)))["errors"] == []
    await confirmations.confirm(payment.id, confirmations.ConfirmedBy.PSE)
    assert (await admin.ask(_SEEN, id=name))["confirmedBy"] == "PSE"
    assert not await confirmations.contradict(payment.id, "Too late.", unknown=True)
    assert (await Payment.get(id=payment.id)).contradicted_at is None
