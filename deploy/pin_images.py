"""`make pin-images`: writes the digest of today's image behind each image of others, so that nobody can exchange it.

A tag such as `postgres:18` means another image tomorrow; a digest does not. Asks `docker` alone. Exit status 1: some
are not pinned, and are named.
"""

import re
import subprocess
import sys
from pathlib import Path

_NAMED = re.compile(r"(?m)^(\s+image: |FROM )(\S+)(?=$| )")
_OURS = "estorno"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SECONDS_MAX = 60


def main(folder: Path) -> int:
    """Pin what is named in the two files of a folder."""
    failed: set[str] = set()
    known: dict[str, str | None] = {}

    def pinned(found: re.Match[str]) -> str:
        image = found[2].partition("@")[0]
        if image.startswith(_OURS):
            return found[0]
        if image not in known:
            known[image] = _digest(image)
        if known[image] is None:
            failed.add(image)
            return found[0]
        return f"{found[1]}{image}@{known[image]}"

    for name in ("docker-compose.yml", "Dockerfile"):
        path = folder / name
        path.write_text(_NAMED.sub(pinned, path.read_text()))
    for image in sorted(failed):
        print(f"{image} is not pinned: docker could not tell its digest.", file=sys.stderr)
    return 1 if failed else 0


def _digest(image: str) -> str | None:
    """The digest of its index, which stands for all platforms; None: nobody could tell."""
    asked = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = done.stdout.strip()
    return found if done.returncode == 0 and _DIGEST.fullmatch(found) else None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]))
