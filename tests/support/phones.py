"""Virtual handsets for all tests, and an adb server that knows them."""

import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.core.errors import InfrastructureError
from bench.handset.benchmark_tool import build_tool
from bench.handset.running import Running, boot
from bench.handset.tree import Tree, prepare
from support.reach import Boot, Reach, Serving, serving
from support.required import required
from support.usb_debugging import secured

NUMBERS = itertools.count(1)
DEBIAN_ADB = Path("/usr/bin/adb")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"phone_tree", "handset", "secure_tree"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.handset)


@pytest.fixture(scope="session")
def phone_tree() -> Tree:
    """Returns what all handsets stand on, fetched once into the user's cache."""
    try:
        return prepare()
    except InfrastructureError as error:
        if required("handset"):
            raise
        pytest.skip(f"no virtual handset: {error.message}")


@pytest.fixture(scope="session")
def official_binary(phone_tree: Tree) -> Path:
    """Returns the handset's benchmark_model, built once into the user's cache."""
    try:
        return build_tool()
    except InfrastructureError as error:
        if required("handset"):
            raise
        pytest.skip(f"no official benchmark tool: {error.message}")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns where the handsets of these tests are recorded, apart from the user's."""
    return tmp_path_factory.mktemp("handsets")


def _booted(tree: Tree, registry: Path, **asked: Any) -> Running:
    # Of this process: an address whose daemon starts anew looks free to whoever else boots one.
    number = next(NUMBERS)
    address = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.{number}"
    given = {"name": f"t{os.getpid()}-{number}", "address": address, **asked}
    try:
        return boot(tree, cache=registry, **given)
    except InfrastructureError as error:
        if required("handset") or "refuses the namespaces" not in error.message:
            raise
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def handset(phone_tree: Tree, registry: Path) -> Iterator[Running]:
    """Yields the handset that all tests share that leave it as it was."""
    with _booted(phone_tree, registry) as running:
        yield running


@pytest.fixture
def boot_phone(phone_tree: Tree, registry: Path) -> Iterator[Boot]:
    """Yields what boots a handset for this test alone, as ``bench.handset.running.boot`` does."""
    with ExitStack() as stack:
        yield lambda **asked: stack.enter_context(_booted(phone_tree, registry, **asked))


@pytest.fixture(scope="module")
def boot_shared(phone_tree: Tree, registry: Path) -> Iterator[Boot]:
    """Yields what boots a handset for all tests of a file."""
    with ExitStack() as stack:
        yield lambda **asked: stack.enter_context(_booted(phone_tree, registry, **asked))


@pytest.fixture(scope="session")
def secure_tree(phone_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Returns what handsets stand on that ask for a known key."""
    return secured(phone_tree, tmp_path_factory.mktemp("secure") / "tree")


@pytest.fixture
def secure_phone(secure_tree: Tree, registry: Path) -> Iterator[Running]:
    """Yields a handset that asks for a known key, for this test alone."""
    with _booted(secure_tree, registry) as running:
        yield running


@pytest.fixture(scope="session")
def adb_binary() -> Path:
    """Returns the adb of the adbutils wheel, a recent one of Google's."""
    wheel = importlib.util.find_spec("adbutils")
    found = Path(wheel.origin or "").parent / "binaries" / "adb" if wheel else None
    if found is None or not found.exists():
        assert not required("handset"), "no adb in the adbutils wheel"
        pytest.skip("no adb in the adbutils wheel")
    return found


@pytest.fixture(scope="session")
def adb_server(adb_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Yields an adb server of the recent adb."""
    with serving(adb_binary, tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="session")
def server_environ(adb_server: Serving) -> dict[str, str]:
    """Returns the environment in which that server is found."""
    return adb_server.environ


@pytest.fixture(scope="session")
def connect(adb_server: Serving) -> Callable[[str], None]:
    """Returns what makes that server list a handset as usable."""
    return adb_server.connect


@pytest.fixture(scope="session")
def through_server(adb_server: Serving) -> Reach:
    """Returns what reaches a handset through that server."""
    return adb_server.reach


@pytest.fixture(scope="session")
def debian_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Yields an adb server of this machine's adb: Debian 12 has one of 2019."""
    if not DEBIAN_ADB.exists() and not required("handset"):
        pytest.skip(f"no {DEBIAN_ADB}")
    with serving(DEBIAN_ADB, tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(params=["adb_server", "debian_server"])
def server(request: pytest.FixtureRequest) -> Serving:
    """Returns an adb server, each in turn."""
    found: Serving = request.getfixturevalue(request.param)
    return found
