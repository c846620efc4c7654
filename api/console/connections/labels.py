"""What the fields of PSEs' credentials are called (domain/pse/*/credentials.toml), to be said in the reader's language.

Where they are found is told as the PSE's own pages call it, and stays English.
"""

from typing import Final

from api.console.words import N_

NAMES: Final = ("X-Login", "X-Trans-Key")  # the PSE's own, in every language
LABELS: Final = (
    N_("API key"),
    N_("Access token"),
    N_("Account id"),
    N_("Address of the API"),
    N_("Address of the Checkout API"),
    N_("Address of the Pix API, up to /v2"),
    N_("Address of the settlement reports"),
    N_("Address of the token"),
    N_("Client certificate of mTLS, in PEM"),
    N_("Company id"),
    N_("EBANX's public certificate of signed notifications, in PEM"),
    N_("HMAC key of the standard webhook"),
    N_("Integration key"),
    N_("Merchant account"),
    N_("Merchant code"),
    N_("OAuth client id"),
    N_("OAuth client secret"),
    N_("Password of the report user"),
    N_("Password of the webhook's basic authentication"),
    N_("Private API key"),
    N_("Private key of that certificate, in PEM"),
    N_("Public key of the webhook key, in PEM"),
    N_("Report user, where reports are not fetched with the API key"),
    N_("Restricted or secret key"),
    N_("Secret key"),
    N_("Secret signature of notifications"),
    N_("Signing secret of the webhook"),
    N_("The HMAC key before, while it is being changed"),
    N_("The public key before, while it is being changed"),
    N_("The signing secret before, while it is being rolled"),
    N_("User id of the account"),
    N_("User of the webhook's basic authentication"),
    N_("What follows our webhook's address, so that only the institution knows it; choose 32 random characters"),
)
