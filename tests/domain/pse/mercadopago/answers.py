"""Mercado Pago, and the credentials that it knows us by, as the tests of its connector tell them."""

from hypothesis import strategies as st

from domain.pse.mercadopago.connector import MercadoPago
from domain.pse.vocabulary import Credentials
from tests.domain.pse.fuzz import JSON

PSE = MercadoPago()
keys = st.sampled_from(["id", "payment_id", "amount", "status", "date_created", "cause", "code", "message", "error"])
ANY_OBJECT = st.dictionaries(keys, JSON | st.dictionaries(keys, JSON).map(lambda one: [one]))
SECRET = "the-secret-of-the-notifications"
CREDENTIALS = Credentials("https://x", "id", {"access_token": "TEST-1", "webhook_secret": SECRET})
