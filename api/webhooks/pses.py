"""Where PSEs call: verify, store raw, answer 2xx. What it means is worked out by the worker at its own pace."""

from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.http import problem, request_id
from domain.notices import inbox
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.pse.vocabulary import BadSignature, WebhookRequest

PATHS = ("/webhooks/{connection_id}", "/webhooks/{connection_id}/{rest:path}")
_log = structlog.get_logger()


async def receive(request: Request) -> Response:
    """200 stored (also when it was stored before, and when we cannot read it), 401 not authentic, 503 come again.

    401 is the answer of an address that is nobody's too: a stranger does not learn which connections exist.
    """
    settings: Settings = request.app.state.settings
    try:
        connection_id = UUID(request.path_params["connection_id"])
    except ValueError:
        return _not_authentic()
    given = WebhookRequest(
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
    )
    try:
        stored = await inbox.store(connection_id, given, request_id(), settings.secret_key)
    except BadSignature:
        # Nothing of the body is echoed or logged: it comes from nobody we know.
        _log.warning("webhook.refused", connection=str(connection_id))
        return _not_authentic()
    except (Unsealable, KeyServiceAway) as error:
        # Whether it is authentic nobody can say until our key is mended: the PSE sends it again.
        _log.error("webhook.unverifiable", connection=str(connection_id), error=str(error))
        return problem(503, "Webhooks of this address cannot be verified just now; send it again later.")
    return _not_authentic() if stored is None else Response(status_code=200)


def _not_authentic() -> Response:
    return problem(401, "The webhook does not prove that it comes from the PSE.")
