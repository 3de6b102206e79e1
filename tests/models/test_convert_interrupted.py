import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

NAMES = [f"tiny_w0.{digit}_keras3_gap_e256_unfused" for digit in (6, 7, 8)]


@pytest.mark.zoo
@pytest.mark.parametrize("whole_group", [False, True])
def test_an_interrupted_conversion_ends_soon_quietly_and_leaves_nothing_half_made(
    tmp_path: Path, whole_group: bool
) -> None:
    zoo = tmp_path / "zoo"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "bench", "convert", *NAMES, "--zoo", str(zoo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    limit_s = time.monotonic() + 60
    while not list(zoo.glob("*.log")):
        assert time.monotonic() < limit_s
        time.sleep(0.05)
    if whole_group:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    else:
        process.send_signal(signal.SIGINT)  # as a CI job does
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    *stages, last = errors.splitlines()
    assert last == "frill-bench convert: interrupted; what was measured is kept"
    assert all(line.startswith("convert: ") for line in stages)  # and no traceback
    # A converter interrupted in native code may leave its log, which the next run replaces.
    assert {path.suffix for path in zoo.iterdir()} <= {".log", ".tflite", ".json"}
    assert not list(zoo.glob(".*"))
