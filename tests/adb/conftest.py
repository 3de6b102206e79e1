"""The shared handset, by each way."""

from collections.abc import Iterator

import pytest
from support.patience import PATIENCE_S
from support.reach import Reach, Serving, direct

from bench.adb.phone import Phone
from bench.handset.running import Running


@pytest.fixture(params=["direct", "adb_server", "debian_server"])
def reach(request: pytest.FixtureRequest) -> Reach:
    """Returns what reaches handsets, each way in turn."""
    if request.param == "direct":
        return direct
    server: Serving = request.getfixturevalue(request.param)
    return server.reach


@pytest.fixture
def phone(reach: Reach, handset: Running) -> Iterator[Phone]:
    """Yields the shared phone, by each way."""
    found = reach(handset.serial)
    found.wait(PATIENCE_S)
    yield found
    found.close()


@pytest.fixture
def remote(handset: Running) -> Iterator[str]:
    """Yields an empty folder of the shared phone."""
    folder = "/data/local/tmp/adb-tests"
    user = direct(handset.serial)
    user.wait(PATIENCE_S)
    user.ask(f"rm -rf {folder}; mkdir -p {folder}")
    user.close()  # whose connection a test may break
    yield folder
    user.wait(PATIENCE_S)
    user.ask(f"rm -rf {folder}")
    user.close()
