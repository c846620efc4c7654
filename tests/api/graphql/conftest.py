"""What tests of sheets and exports take."""

from pathlib import Path

import pytest

from domain.platform.settings import Settings
from tests.kit.world import quick_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Files lie in a folder of the test's own."""
    return quick_settings(files=str(tmp_path / "files"))
