"""Real adb daemons in virtual handsets, reached directly and through an adb server of our own."""

import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from reach import IO_LIMIT_S, Boot, Reach, direct

from bench.adb.phone import Phone
from bench.adb.server import AdbServer, ServerTransport
from bench.core.errors import InfrastructureError
from bench.handset.running import Running, boot
from bench.handset.tree import Tree, prepare

NUMBERS = itertools.count(1)


def required() -> bool:
    return "handset" in os.environ.get("FRILL_REQUIRE", "").split(",")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"handset", "boot_phone"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.handset)
        # The way through an adb server depends on when that server lets a phone go: make evidence.
        in_server = "server" in item.name.partition("[")[2]
        if in_server or "server_environ" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.evidence)


@pytest.fixture(scope="session")
def phone_tree() -> Tree:
    try:
        return prepare()
    except InfrastructureError as error:
        if required():
            raise
        pytest.skip(f"no virtual handset: {error.message}")


def _booted(tree: Tree, folder: Path, **asked: Any) -> Running:
    # Of this process: an address whose daemon starts anew looks free to whoever else boots one.
    number = next(NUMBERS)
    address = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.{number}"
    given = {"name": f"a{os.getpid()}-{number}", "address": address, **asked}
    try:
        return boot(tree, cache=folder, **given)
    except InfrastructureError as error:
        if required() or "refuses the namespaces" not in error.message:
            raise
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def handset(phone_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Yields the phone of all tests that leave it running."""
    folder = tmp_path_factory.mktemp("handsets")
    with _booted(phone_tree, folder) as running:
        yield running


@pytest.fixture
def boot_phone(phone_tree: Tree, tmp_path: Path) -> Iterator[Boot]:
    with ExitStack() as stack:
        yield lambda **asked: stack.enter_context(_booted(phone_tree, tmp_path, **asked))


@pytest.fixture(scope="session")
def adb_binary() -> Path:
    """Returns a real adb, of this machine or of the adbutils wheel."""
    found = shutil.which("adb")
    wheel = importlib.util.find_spec("adbutils")
    if wheel is not None and wheel.origin is not None:
        found = str(Path(wheel.origin).parent / "binaries" / "adb")
    if found is None or not Path(found).exists():
        pytest.skip("no adb on this machine")
    return Path(found)


@pytest.fixture(scope="session")
def server_environ(
    adb_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Yields the environment in which an adb server of these tests is found."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        "HOME": str(home),
        "PATH": os.defpath,
        "ADB_MDNS_OPENSCREEN": "0",
        "ANDROID_ADB_SERVER_PORT": str(port),
    }
    command = [str(adb_binary), "-L", f"tcp:localhost:{port}", "server", "nodaemon"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + 10
        while AdbServer(environ).phones() is None:
            assert time.monotonic() < deadline_s, (home / "log").read_text()
            time.sleep(0.02)
        yield environ
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def connect(adb_binary: Path, server_environ: dict[str, str]) -> Callable[[str], None]:
    """Returns what makes the server list a handset as usable."""

    def connected(serial: str) -> None:
        server = AdbServer(server_environ)

        def is_usable() -> bool:
            return any(
                (each.serial, each.state) == (serial, "device") for each in server.phones() or ()
            )

        if is_usable():
            return
        # A server that met a phone while its daemon began keeps it offline, and one that knew an
        # earlier phone at this address calls it connected: both need it to let go and try again.
        for _ in range(4):
            subprocess.run([str(adb_binary), "disconnect", serial], env=server_environ, check=False)
            subprocess.run([str(adb_binary), "connect", serial], env=server_environ, check=True)
            deadline_s = time.monotonic() + 5
            while time.monotonic() < deadline_s:
                if is_usable():
                    return
                time.sleep(0.02)
        raise AssertionError(server.phones())

    return connected


@pytest.fixture
def through_server(server_environ: dict[str, str], connect: Callable[[str], None]) -> Reach:
    """Returns what reaches a handset through the server."""

    def reached(serial: str) -> Phone:
        connect(serial)
        return Phone(ServerTransport(serial, AdbServer(server_environ), io_limit_s=IO_LIMIT_S))

    return reached


@pytest.fixture(params=["direct", "server"])
def phone(request: pytest.FixtureRequest, handset: Running) -> Iterator[Phone]:
    """Yields the shared phone, by either way."""
    if request.param == "direct":
        found = direct(handset.serial)
    else:
        found = request.getfixturevalue("through_server")(handset.serial)
    found.wait(10.0)
    yield found
    found.close()


@pytest.fixture
def remote(handset: Running) -> Iterator[str]:
    """Yields an empty folder of the shared phone."""
    folder = "/data/local/tmp/adb-tests"
    user = direct(handset.serial)
    user.ask(f"rm -rf {folder}; mkdir -p {folder}")
    yield folder
    user.wait(10.0)
    user.ask(f"rm -rf {folder}")
    user.close()
