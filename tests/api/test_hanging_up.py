"""A client that leaves in the middle of its request: nobody is there to answer, and nothing of ours has failed."""

import asyncio
from urllib.parse import urlsplit

from structlog.testing import capture_logs

from tests.api.conftest import Enter

_WAITS_MAX = 200


async def test_a_client_that_hangs_up_while_it_sends_is_not_logged_as_our_failure(enter: Enter) -> None:
    asker = await enter()
    host, port = urlsplit(asker.url).hostname, urlsplit(asker.url).port
    for path in ("/graphql", f"/webhooks/{asker.shop.connection.id}/x/pix"):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {asker.token}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        with capture_logs() as logs:
            _, writer = await asyncio.open_connection(host, port)
            writer.write(head.encode())
            await writer.drain()
            await asyncio.sleep(0.05)  # until the body is being waited for
            writer.close()
            for _ in range(_WAITS_MAX):
                if any(log["event"].startswith("request.") for log in logs):
                    break
                await asyncio.sleep(0.01)
        assert [(log["event"], log["log_level"]) for log in logs] == [("request.left", "info")]
