"""The doors of files: PUT with a ticket brings one in, GET with a bearer token gives one out, as an attachment."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.graphql.context import cause_of
from api.graphql.transport.authority import bearer
from api.http import RETRY_AFTER, problem, request_id
from domain.access.tokens import Principal
from domain.files import tickets
from domain.files.content import ContentAway
from domain.files.room import NoRoom, UnderWay
from domain.platform.database import for_merchant
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.problems import InvalidInput, NotFound

UPLOAD_PREFIX: Final = "/files/upload/"
UPLOAD_PATH: Final = UPLOAD_PREFIX + "{ticket}"
PATH: Final = "/files/{id:uuid}"
_AWAY: Final = "The storage of files does not answer just now; send the same again in a moment."
_log = structlog.get_logger()


async def take_in(request: Request) -> Response:
    """PUT: 201 stored, 404 the ticket opens nothing, 409 it is coming in, 422 not what was announced, 503 come back.

    What the ticket says is asked before a byte is read; the body is the file, and nothing around it.
    """
    settings: Settings = request.app.state.settings
    file = await tickets.awaited(request.path_params["ticket"])
    if file is None:
        return problem(404, "This ticket opens nothing (any more); announce the file again.")
    try:
        with for_merchant(file.merchant_id):
            await tickets.take_in(file, request.stream(), settings)
    except InvalidInput as refused:
        return problem(422, refused.message, code=refused.code)
    except UnderWay as refused:
        return problem(409, str(refused), headers=RETRY_AFTER)
    except NoRoom as refused:
        return problem(503, str(refused), headers=RETRY_AFTER)
    except (ContentAway, Unsealable, KeyServiceAway) as error:
        _log.error("files.away", file=str(file.id), error=str(error))
        return problem(503, _AWAY, headers=RETRY_AFTER)
    return Response(status_code=201)


def giving(
    authenticate: Callable[[str | None], Awaitable[Principal | None]],
) -> Callable[[Request], Awaitable[Response]]:
    """GET: the file as an attachment; 401, 404 (not there, or not yours), 503."""

    async def give(request: Request) -> Response:
        principal = await authenticate(bearer(request.headers.get("authorization")))
        if principal is None:
            return problem(401, "Send a valid token: `Authorization: Bearer <token>`.")
        return await given(principal, request.path_params["id"], request.app.state.settings)

    return give


async def given(principal: Principal, file_id: UUID, settings: Settings) -> Response:
    """The file as an attachment; 404 not there, or not theirs; 503."""
    try:
        with for_merchant(principal.merchant_id):
            file, content = await tickets.read(principal, file_id, settings, cause_of(principal, request_id()))
    except NotFound as refused:
        return problem(404, refused.message)
    except (ContentAway, Unsealable, KeyServiceAway) as error:
        _log.error("files.away", file=str(file_id), error=str(error))
        return problem(503, _AWAY, headers=RETRY_AFTER)
    # Its name was typed by somebody: it goes out percent-encoded, so that it can be nothing but a name.
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
    return Response(content, headers=headers, media_type=file.media_type)
