"""The secret key of our own servers: made once, in a file that we alone can read."""

import base64
import os
import secrets
from pathlib import Path

from domain.platform import variables
from domain.platform.variables import SettingsError


def of(home: Path, database_url: str) -> bytes:
    """The key of our own servers, made once. With a database of somebody else's a lost file would lose every secret."""
    path = home / "secret.key"
    try:
        return _kept_or_made(path, database_url)
    except OSError as error:
        said = f"ESTORNO_HOME ({home}) cannot be read or cannot be written: {error.strerror}"
        raise SettingsError(f"{said}; name a folder of yours, or mend its rights.") from None
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(f"{path} does not hold {error}: put the key back that was there.") from None


def _kept_or_made(path: Path, database_url: str) -> bytes:
    if path.exists():
        return variables.key(path.read_text().strip())
    if database_url:
        raise SettingsError(
            "ESTORNO_SECRET_KEY must be set when DATABASE_URL is: 32 random bytes in base64url, for example from "
            "`python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'`."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(variables.KEY_BYTES)).decode())
    return variables.key(path.read_text().strip())
