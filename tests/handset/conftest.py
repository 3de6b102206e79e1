"""Handsets for tests: one for the session, and more for whoever needs a particular one."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from phone_wire import Boot, Wire, wire

from bench.core.errors import InfrastructureError
from bench.handset import running
from bench.handset.benchmark_tool import build_tool
from bench.handset.running import Running
from bench.handset.tree import Tree, prepare


def _required() -> bool:
    return "handset" in os.environ.get("FRILL_REQUIRE", "").split(",")


@pytest.fixture(scope="session")
def tree() -> Tree:
    try:
        return prepare()
    except InfrastructureError as error:
        if _required():
            raise
        pytest.skip(f"no virtual handset: {error.message}")


@pytest.fixture(scope="session")
def official_binary(tree: Tree) -> Path:
    try:
        return build_tool()
    except InfrastructureError as error:
        if _required():
            raise
        pytest.skip(f"no official benchmark tool: {error.message}")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns where the handsets of these tests are recorded, apart from the user's."""
    return tmp_path_factory.mktemp("handsets")


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count(1)


def _boot(tree: Tree, registry: Path, number: int, **asked: Any) -> Running:
    given = {"name": f"t{os.getpid()}-{number}", **asked}
    try:
        return running.boot(tree, cache=registry, **given)
    except InfrastructureError as error:
        if _required() or "refuses the namespaces" not in error.message:
            raise
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def handset(tree: Tree, registry: Path, numbers: Iterator[int]) -> Iterator[Running]:
    """Returns the handset that all tests share that leave it as it was."""
    with _boot(tree, registry, next(numbers)) as phone:
        yield phone


@pytest.fixture
def adb(handset: Running) -> Iterator[Wire]:
    with wire(handset.serial) as connected:
        yield connected


@pytest.fixture
def boot(tree: Tree, registry: Path, numbers: Iterator[int]) -> Iterator[Boot]:
    with ExitStack() as stack:
        yield lambda **asked: stack.enter_context(_boot(tree, registry, next(numbers), **asked))
