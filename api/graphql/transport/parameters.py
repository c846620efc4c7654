"""The parameters of a request over HTTP: each of the type that it must be, or a refusal that names the wrong one."""

from typing import Any

from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from strawberry.http import GraphQLRequestData
from strawberry.http.streaming import HTTPStreamTransport

from api.graphql.transport import accept
from api.graphql.transport.codes import INVALID_INPUT
from api.graphql.transport.values import refused_extensions
from api.http import problem


class WrittenRefusal(HTTPException):
    """A refusal that is written already."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code, "")
        self.response = response


def refusal(request: Request, why: HTTPException) -> Response:
    """What is answered to a request that was refused, in the media type that it asked for."""
    if isinstance(why, WrittenRefusal):
        response = why.response
    else:
        headers = {405: {"allow": "GET, POST"}, 401: {"www-authenticate": "Bearer"}}.get(why.status_code, {})
        response = problem(why.status_code, why.reason, headers=headers)
    if accept.preferred(request.headers.get("accept")) == accept.GRAPHQL_RESPONSE:
        response.headers["content-type"] = f"{accept.GRAPHQL_RESPONSE}; charset=utf-8"
    return response


def refused(why: str, code: str) -> WrittenRefusal:
    """400, with a code that says more than the status."""
    return WrittenRefusal(problem(400, why, code=code))


def refuse_input(why: str) -> None:
    """Raises WrittenRefusal, 400, where there is a reason."""
    if why:
        raise refused(why, INVALID_INPUT)


def is_json(content_type: str | None) -> bool:
    """Whether it is application/json in UTF-8."""
    media_type, _, parameters = (content_type or "").lower().partition(";")
    charset = next((p.split("=")[-1].strip(" \"'") for p in parameters.split(";") if "charset" in p), "utf-8")
    return media_type.strip() == accept.JSON and charset in ("utf-8", "utf8")


def checked(data: object) -> dict[str, Any]:
    """A request's parameters, each of the type it must be. Raises HTTPException 400 that names the wrong one."""
    if isinstance(data, list):
        raise HTTPException(400, "Batching is not enabled; send one operation per request.")
    if not isinstance(data, dict):
        raise HTTPException(400, 'The body is JSON but not an object; send {"query": "...", "variables": {...}}.')
    for name, type_, wanted in (
        ("query", str, "a string"),
        ("operationName", str, "a string"),
        ("variables", dict, "an object"),
        ("extensions", dict, "an object"),
    ):
        if not isinstance(data.get(name), type_ | None):
            raise HTTPException(400, f"`{name}` must be {wanted}, or be left out.")
    refuse_input(refused_extensions(data.get("extensions")))
    return data


def parameters_of(query: str | None, data: dict[str, Any], transport: HTTPStreamTransport | None) -> GraphQLRequestData:
    """The checked parameters of a request that asks for this document."""
    return GraphQLRequestData(
        query=query,
        variables=data.get("variables"),
        operation_name=data.get("operationName") or None,
        extensions=data.get("extensions"),
        protocol=transport.protocol if transport else "http",
    )
