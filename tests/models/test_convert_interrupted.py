import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, wait_until

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
    wait_until(lambda: bool(list(zoo.glob("*.log"))))
    if whole_group:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    else:
        process.send_signal(signal.SIGINT)  # as a CI job does
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    *stages, last = errors.splitlines()
    assert last == "frill-bench convert: interrupted; what was measured is kept"
    assert not [line for line in stages if not line.startswith("convert: ")]  # no traceback
    # A converter interrupted in native code may leave its log, which the next run replaces.
    assert {path.suffix for path in zoo.iterdir()} <= {".log", ".tflite", ".json"}
    assert not list(zoo.glob(".*"))


_KILLED = """
import os, signal
from models.convert.pool import processes

if __name__ == "__main__":
    with processes() as executor:
        print(executor.submit(os.getpid).result(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_converting_process_ends_with_the_program_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    done = subprocess.run(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    converter = int(done.stdout)
    wait_until(lambda: not _is_running(converter))


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
