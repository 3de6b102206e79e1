"""What the door costs, as ratios and medians of one run: other work is on this machine too."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from adb_shell.adb_device import AdbDeviceTcp
from support.reach import direct

from bench.adb.phone import Phone
from bench.handset.running import Running

ROUNDS = 6


def taken_s(done: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    done()
    return time.perf_counter() - started_s


@pytest.mark.evidence
def test_a_push_is_as_fast_as_adb_shells_own(handset: Running, remote: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(16 << 20))
    host, port = handset.serial.split(":")
    own = AdbDeviceTcp(host, int(port))
    own.connect()
    ours = direct(handset.serial)
    own_s, ours_s = [], []
    for _ in range(ROUNDS):
        own_s.append(taken_s(lambda: own.push(str(source), f"{remote}/own")))
        ours_s.append(taken_s(lambda: ours.push(source, f"{remote}/ours")))
    own.close()
    ours.close()
    assert min(own_s) / min(ours_s) > 0.9


@pytest.mark.evidence
def test_a_round_trip_takes_less_than_10_ms(phone: Phone) -> None:
    batches = [[taken_s(lambda: phone.shell("true")) for _ in range(15)] for _ in range(4)]
    assert min(statistics.median(batch) for batch in batches) < 0.010
