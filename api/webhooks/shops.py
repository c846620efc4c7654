"""Where shops call: verify, store raw, answer in the shop's own manner. What it means is worked out by the worker."""

from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.http import problem, request_id
from domain.commerce import intake
from domain.commerce.vocabulary import Conflict, KeyWanted
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.pse.vocabulary import BadNotice, BadSignature, WebhookRequest

PATHS = ("/shops/{shop_id}", "/shops/{shop_id}/{rest:path}")
_log = structlog.get_logger()


async def receive(request: Request) -> Response:
    """2xx stored, or as the shop's protocol has it; 401 not authentic, and of an address that is nobody's.

    400 it cannot be read (where the protocol has such an answer), 409 its id was given before with other content, 503
    come again. Nothing of the body is echoed or logged.
    """
    settings: Settings = request.app.state.settings
    try:
        shop_id = UUID(request.path_params["shop_id"])
    except ValueError:
        return _not_authentic()
    came = WebhookRequest(
        method=request.method,
        path=request.scope["path"],  # as text: that of the URL is percent-encoded in part
        query=request.url.query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
    )
    try:
        reply = await intake.receive(shop_id, came, request_id(), settings.secret_key)
    except BadSignature:
        _log.warning("shop.refused", shop=str(shop_id))
        return _not_authentic()
    except KeyWanted:
        # Of such platforms a 503 is tried again, and by then the key is there.
        return problem(503, "The key that this is signed with is being fetched; send it again.")
    except BadNotice as error:
        return problem(400, str(error), code="INVALID_INPUT")
    except Conflict as error:
        return problem(409, str(error), code="CONFLICT")
    except (Unsealable, KeyServiceAway) as error:
        _log.error("shop.unverifiable", shop=str(shop_id), error=str(error))
        return problem(503, "What comes to this address cannot be verified just now; send it again later.")
    if reply is None:
        return _not_authentic()
    return Response(reply.body, reply.status, media_type=reply.media_type)


def _not_authentic() -> Response:
    return problem(401, "It does not prove that it comes from the shop.")
