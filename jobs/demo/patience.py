"""How the demo's requests bear that a kept-alive connection was closed right under them, as on a busy machine.

A question is asked once more, and so is a mutation whose idempotency key makes that safe. Nothing else is.
"""

import json

import httpx

from jobs.demo.client import DemoError

# The connection was lost, or there was none: whoever asks does not know whether it was heard.
_LOST = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.TimeoutException)


class OnceMore(httpx.AsyncBaseTransport):
    """Asks once more where that is safe and the connection was lost. Raises DemoError where that is of no use."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx asks for it."""
        for is_last in (not may_repeat(request), True):
            try:
                answer = await self._inner.handle_async_request(request)
                await answer.aread()  # it may be lost in the middle of an answer, too
                return answer
            except _LOST as error:
                if is_last:
                    what = f"{request.method} {request.url.copy_with(query=None)}"
                    raise DemoError(
                        f"{what} was not answered ({type(error).__name__}): start the demo again."
                    ) from error
        raise AssertionError("The last try has returned or raised.")

    async def aclose(self) -> None:
        """Close what is kept alive."""
        await self._inner.aclose()


def may_repeat(request: httpx.Request) -> bool:
    """Whether the same request again changes nothing that it has not changed."""
    if request.method in ("GET", "HEAD"):
        return True
    if request.method != "POST" or not request.url.path.endswith("/graphql"):
        return False
    asked = json.loads(request.content)
    if not str(asked["query"]).lstrip().startswith("mutation"):
        return True
    return "idempotencyKey" in ((asked.get("variables") or {}).get("input") or {})
