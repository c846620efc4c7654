"""What the codes of the Pix wire mean (bacen/pix-api 2.9.0, section on errors; statuses of Devolucao)."""

from collections.abc import Mapping
from typing import Final

EXPLANATIONS: Final[Mapping[str, str]] = {
    "RequisicaoInvalida": "The PSP could not read the request as the Pix API defines it. Tell Estorno's operators.",
    "PixConsultaInvalida": "The PSP refused the parameters of a look-up. Report it to Estorno's operators.",
    "PixDevolucaoInvalida": (
        "The PSP refused the refund: wrong amount, more than the Pix has left, an id used before, or later than 90 "
        "days after the Pix. Look at the Pix in the PSP's back office, then ask for what is still refundable."
    ),
    "AcessoNegado": "The PSP refuses our access. Check client ID, secret, certificate and scopes pix.read, pix.write.",
    "NaoEncontrado": "The PSP does not know the address or the thing asked for. Check the connection's base URL.",
    "PixNaoEncontrado": "The PSP does not know this Pix. Check the payment's endToEndId and the connection.",
    "PixDevolucaoNaoEncontrada": "The PSP does not know a refund with our reference: it never arrived there.",
    "PermanentementeRemovido": "The PSP has removed the Pix for good. Pay the customer back another way.",
    "ErroInternoDoServidor": "The PSP failed inside. The refund may have been made; Estorno asks until it knows.",
    "ServicoIndisponivel": "The PSP is not available. Estorno goes on trying.",
    "IndisponibilidadePorTempoEsgotado": "The PSP ran out of time. The refund may have been made; Estorno asks.",
    "NAO_REALIZADO": (
        "The PSP could not return the money, often because the account's balance was too low. Fund it and retry."
    ),
    "DEVOLVIDO": "The money was returned to the payer.",
    "EM_PROCESSAMENTO": "The PSP has the refund and works on it.",
    "ECHO_MISMATCH": "What the PSP holds under our reference is not what we asked for. A person must look.",
    "UNREADABLE": "The PSP answered with something that is not Pix. Estorno asks again.",
    "TOKEN_REFUSED": "The PSP gave no access token. Check the client ID and the secret of the connection.",
    "TOO_MANY_REQUESTS": "The PSP asked us to slow down. Estorno goes on trying.",
    "TIMEOUT": "The PSP did not answer in time. Estorno asks what became of the refund.",
    "REFUND_WINDOW_EXPIRED": "The 90 days of a Pix were over before the PSP took the refund. Pay back another way.",
}
