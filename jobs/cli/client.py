"""The commands' way to the public API: the documents that anybody could send, with a bearer token.

What a command can do is what its token may do: there is no second way in.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from domain.platform.settings import Settings
from jobs.cli.commands import CommandError

_SECONDS: Final = 60.0
ERRORS: Final = "errors { ... on Error { code message path } }"  # of every mutation: `ask` raises what is in them
_ANNOUNCE: Final = f"""mutation Announce($input: FileAnnounceInput!) {{ fileAnnounce(input: $input) {{
  file {{ id }} uploadPath {ERRORS} }} }}"""
_SILENT_SECONDS: Final = 90.0  # of a stream, whose heartbeats come every few seconds


def ask(settings: Settings, document: str, **variables: Any) -> dict[str, Any]:
    """The data of one operation. Raises CommandError with what the API says, also for a mutation's typed errors."""
    with _http(settings, headers={"Authorization": f"Bearer {_token(settings)}"}) as http:
        try:
            answer = http.post(f"{settings.api}/graphql", json={"query": document, "variables": variables})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _away(settings, error) from error
    return _data(settings, answer)


def _http(settings: Settings, **more: Any) -> httpx.Client:
    """A client of our API. Without TLS no authority is asked about, and to read them all takes longer than to ask."""
    return httpx.Client(**{"timeout": _SECONDS, **more}, verify=not settings.api.startswith("http:"))


def follow(settings: Settings, document: str, **variables: Any) -> Iterator[dict[str, Any]]:
    """The data of each message of a subscription, until it completes. Raises CommandError with what the API says."""
    headers = {"Authorization": f"Bearer {_token(settings)}", "Accept": "text/event-stream"}
    asked = {"query": document, "variables": variables}
    timeout = httpx.Timeout(_SECONDS, read=_SILENT_SECONDS)
    try:
        with (
            _http(settings, timeout=timeout, headers=headers) as http,
            http.stream("POST", f"{settings.api}/graphql", json=asked) as answer,
        ):
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
                _data(settings, answer)
                raise CommandError(f"{settings.api} answers {answer.status_code}, and not as our API does.")
            for line in answer.iter_lines():
                # The last word, that it has completed, has no data.
                if line.startswith("data:") and (told := json.loads(line.removeprefix("data:").strip() or "null")):
                    if told.get("errors"):
                        raise CommandError("; ".join(one["message"] for one in told["errors"]))
                    yield told["data"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _away(settings, error) from error


def _token(settings: Settings) -> str:
    if not settings.token:
        raise CommandError(
            "Set ESTORNO_TOKEN to a token of yours. On the machine that has the database, `estorno token create "
            "--merchant NAME --role ADMIN --holder YOU` makes one."
        )
    return settings.token


def _away(settings: Settings, error: Exception) -> CommandError:
    return CommandError(
        f"The API at {settings.api} does not answer ({type(error).__name__}); start `estorno up`, or set ESTORNO_URL."
    )


def _data(settings: Settings, answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        raise CommandError(f"{settings.api} answers {answer.status_code}, and not as our API does.") from None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise CommandError("ESTORNO_TOKEN is no valid token (any more); make another one with `estorno token create`.")
    if told.get("errors"):
        raise CommandError("; ".join(one["message"] for one in told["errors"]))
    data: dict[str, Any] = told["data"]
    for payload in data.values():
        if isinstance(payload, dict) and payload.get("errors"):
            raise CommandError("; ".join(one["message"] for one in payload["errors"]))
    return data


def download(settings: Settings, path: str) -> bytes:
    """The content of a file that the API names. Raises CommandError."""
    with _http(settings, headers={"Authorization": f"Bearer {settings.token}"}) as http:
        answer = http.get(settings.api + path)
    if not answer.is_success:
        raise CommandError(f"{settings.api} answers {answer.status_code} to {path}: the file is not to be had.")
    return answer.content


def upload(settings: Settings, path: str, content: bytes) -> None:
    """Send a file's bytes to the path that its ticket names. Raises CommandError."""
    with _http(settings) as http:
        answer = http.put(settings.api + path, content=content)
    if not answer.is_success:
        raise CommandError("; ".join(one["message"] for one in answer.json()["errors"]))


def hand_in(settings: Settings, file: Path, purpose: str) -> str:
    """Announce a file and send it; its id. Raises CommandError."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    sha256 = hashlib.sha256(content).hexdigest()
    about = {"purpose": purpose, "name": file.name, "size": len(content), "sha256": sha256}
    ticket = ask(settings, _ANNOUNCE, input=about)["fileAnnounce"]
    upload(settings, ticket["uploadPath"], content)
    file_id: str = ticket["file"]["id"]
    return file_id
