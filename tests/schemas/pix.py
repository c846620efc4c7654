"""The Pix API's shapes (bacen/pix-api 2.9.0), draft 2020-12, for all that we send and all that the sandbox answers."""

from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]

_VALUE: Final[Schema] = {"type": "string", "pattern": r"^\d{1,10}\.\d{2}$"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_TRANSACTION_ID: Final[Schema] = {"type": "string", "pattern": "^[a-zA-Z0-9]{32}$"}
REFUND_ID: Final[Schema] = {"type": "string", "pattern": "^[a-zA-Z0-9]{1,35}$"}
END_TO_END_ID: Final = _TRANSACTION_ID

REFUND_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["valor"],
    "additionalProperties": False,  # what the spec does not name, we do not send
    "properties": {
        "valor": _VALUE,
        "natureza": {"enum": ["ORIGINAL", "RETIRADA"]},
        "descricao": {"type": "string", "maxLength": 140},
    },
}
REFUND: Final[Schema] = {
    "type": "object",
    "required": ["id", "rtrId", "valor", "horario", "status"],
    "properties": {
        "id": REFUND_ID,
        "rtrId": _TRANSACTION_ID,
        "valor": _VALUE,
        "natureza": {"enum": ["ORIGINAL", "RETIRADA", "MED_OPERACIONAL", "MED_FRAUDE", "MED_PIX_AUTOMATICO"]},
        "descricao": {"type": "string", "maxLength": 140},
        "horario": {"type": "object", "properties": {"solicitacao": _MOMENT, "liquidacao": _MOMENT}},
        "status": {"enum": ["EM_PROCESSAMENTO", "DEVOLVIDO", "NAO_REALIZADO"]},
        "motivo": {"type": "string", "maxLength": 140},
    },
}
PIX: Final[Schema] = {
    "type": "object",
    "required": ["endToEndId", "valor", "horario"],
    "properties": {
        "endToEndId": END_TO_END_ID,
        "txid": {"type": "string", "pattern": "^[a-zA-Z0-9]{1,35}$"},
        "valor": _VALUE,
        "chave": {"type": "string", "maxLength": 77},
        "horario": _MOMENT,
        "infoPagador": {"type": "string", "maxLength": 140},
        "devolucoes": {"type": "array", "items": REFUND},
    },
}
LISTING: Final[Schema] = {
    "type": "object",
    "required": ["parametros"],
    "properties": {
        "parametros": {
            "type": "object",
            "required": ["inicio", "fim", "paginacao"],
            "properties": {
                "inicio": _MOMENT,
                "fim": _MOMENT,
                "paginacao": {
                    "type": "object",
                    "required": ["paginaAtual", "itensPorPagina", "quantidadeDePaginas", "quantidadeTotalDeItens"],
                    "properties": {
                        "paginaAtual": {"type": "integer", "minimum": 0},
                        "itensPorPagina": {"type": "integer", "minimum": 1, "maximum": 1000},
                        "quantidadeDePaginas": {"type": "integer", "minimum": 1},
                        "quantidadeTotalDeItens": {"type": "integer", "minimum": 0},
                    },
                },
            },
        },
        "pix": {"type": "array", "items": PIX},
    },
}
PROBLEM: Final[Schema] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "pattern": "^https://pix.bcb.gov.br/api/v2/error/[A-Za-z]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "correlationId": {"type": "string"},
        "violacoes": {"type": "array", "items": {"type": "object"}},
    },
}
WEBHOOK: Final[Schema] = {"type": "object", "required": ["pix"], "properties": {"pix": {"type": "array", "items": PIX}}}


def check(schema: Schema, document: object) -> None:
    """Raises jsonschema.ValidationError with the path of what is wrong."""
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)
