"""A plain way to the shared handset."""

from collections.abc import Iterator

import pytest
from support.phone_wire import Wire, wire

from bench.handset.running import Running


@pytest.fixture
def adb(handset: Running) -> Iterator[Wire]:
    with wire(handset.serial) as connected:
        yield connected
