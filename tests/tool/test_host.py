import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from support.patience import PATIENCE_S, stretched, wait_until

from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.tool import host
from bench.tool.flags import Flags
from bench.tool.host import execute, litert_tool, official_tool, time_limit_s
from bench.tool.host_state import read_host_state, read_ticks

STAND_IN = Path(__file__).parents[1] / "data" / "stand_in" / "benchmark_model"


FLAGS = Flags(
    graph=Path("m.tflite"),
    use_xnnpack=False,
    num_threads=2,
    num_runs=3,
    min_secs=0.0,
    max_secs=100.0,
    warmup_runs=3,
    warmup_min_secs=0.25,
    run_delay_s=-1.0,
)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_process_keeps_its_streams_apart_and_its_status() -> None:
    done = execute(("sh", "-c", "echo out; echo err >&2; exit 3"), limit_s=PATIENCE_S)
    assert (done.stdout, done.stderr, done.exit_status) == ("out\n", "err\n", 3)
    assert not done.timed_out
    assert 0 < done.wall_s < PATIENCE_S


def test_this_machine_is_looked_at_before_and_after_a_process() -> None:
    spins = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    done = execute(("sh", "-c", spins), limit_s=PATIENCE_S)
    assert done.telemetry.before is not None
    assert done.telemetry.after is not None
    assert done.telemetry.after.load.number is not None
    assert done.telemetry.after.thermal_status.unavailable == "only phones have it"
    assert done.telemetry.overhead_s is not None
    if sys.platform == "linux":
        assert done.telemetry.usage is not None
        cpu_s, busy_s = done.telemetry.usage.cpu_s.number, done.telemetry.usage.busy_s.number
        assert cpu_s == pytest.approx(done.telemetry.run_s, abs=0.03)
        assert busy_s is not None


@pytest.mark.evidence
def test_a_look_at_this_machine_takes_at_most_2_ms() -> None:
    took_s = []
    for _ in range(9):
        started_s = time.perf_counter()
        read_host_state()
        read_ticks()
        took_s.append(time.perf_counter() - started_s)
    assert median(took_s) < 0.002


def test_a_killed_process_has_the_status_that_a_shell_gives_it() -> None:
    assert execute(("sh", "-c", "kill -SEGV $$"), limit_s=PATIENCE_S).exit_status == 139


def test_bytes_that_are_no_text_are_kept_readable() -> None:
    done = execute(("printf", r"a\377b\000c"), limit_s=PATIENCE_S)
    assert done.stdout == r"a\xffb\x00c"


def test_more_output_than_a_pipe_holds_comes_back_whole() -> None:
    done = execute((sys.executable, "-c", "print('x' * 1_000_000)"), limit_s=PATIENCE_S)
    assert len(done.stdout) == 1_000_001


def test_at_the_limit_the_process_and_its_children_are_killed(tmp_path: Path) -> None:
    child = tmp_path / "child"
    done = execute(("sh", "-c", f"sleep 60 & echo $! > {child}; wait"), limit_s=stretched(0.5))
    assert done.timed_out
    assert done.exit_status == 128 + signal.SIGKILL
    wait_until(lambda: not alive(int(child.read_text())))


SLOW_START = """
import subprocess, time

class Slow(subprocess.Popen):
    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        time.sleep(0.5)

subprocess.Popen = Slow
"""


@pytest.mark.parametrize("before", ["", SLOW_START])
def test_an_interrupt_kills_the_process_also_while_it_starts(tmp_path: Path, before: str) -> None:
    child = tmp_path / "child"
    code = (
        f"{before}from bench.tool.host import execute\n"
        f"execute(('sh', '-c', 'echo $$ > {child}; sleep 600'), limit_s={PATIENCE_S})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    while not (child.exists() and child.read_text().strip()):
        time.sleep(0.02)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(timeout=PATIENCE_S) != 0
    assert not alive(int(child.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="the counters are Linux's")
def test_the_time_that_a_process_ran_is_read_from_the_kernel() -> None:
    code = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    done = execute((sys.executable, "-c", code), limit_s=PATIENCE_S)
    assert done.telemetry.run_s is not None
    assert done.telemetry.run_s >= 0.3
    assert done.telemetry.run_queue_wait_s is not None
    assert done.telemetry.run_queue_wait_s >= 0


def test_waiting_for_a_core_is_seen() -> None:
    core = sorted(os.sched_getaffinity(0))[0]
    spin = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"
    mask = f"{1 << core:x}"
    rival = subprocess.Popen(["taskset", mask, sys.executable, "-c", spin.format(PATIENCE_S)])
    spins = ("taskset", mask, sys.executable, "-c", spin.format(PATIENCE_S))
    done = execute(spins, limit_s=stretched(0.6))  # one that is killed shows it, too
    rival.kill()
    rival.wait()
    assert done.timed_out
    assert done.telemetry.run_queue_wait_s is not None
    assert done.telemetry.run_queue_wait_s > 0.1


def test_a_program_that_cannot_start_is_named(tmp_path: Path) -> None:
    text = tmp_path / "tool"
    text.write_text("no program")
    with pytest.raises(ConfigurationError, match="cannot be started"):
        execute((str(text),), limit_s=1)


def test_the_time_limit_holds_both_phases() -> None:
    assert time_limit_s(FLAGS.max_secs) == 270


def test_an_official_binary_is_known_by_its_bytes_and_probed_for_its_flags() -> None:
    tool = official_tool(STAND_IN)
    assert tool.sha256 == sha256_file(STAND_IN)
    assert {"graph", "num_runs", "warmup_min_secs", "external_delegate_path"} <= tool.known_flags
    assert "use_xnnpack" not in tool.known_flags


def test_the_official_tool_is_told_everything_that_it_knows() -> None:
    command = official_tool(STAND_IN).command(FLAGS)
    assert command[0] == str(STAND_IN)
    flags = dict(word.removeprefix("--").split("=") for word in command[1:])
    assert flags["num_runs"] == "3"
    assert flags["min_secs"] == "0"
    assert flags["warmup_min_secs"] == "0.25"
    assert flags["num_threads"] == "2"
    assert flags["enable_op_profiling"] == "false"
    assert flags["dry_run"] == "false"
    assert "use_xnnpack" not in flags
    assert set(flags) <= official_tool(STAND_IN).known_flags


def test_a_case_that_needs_a_flag_the_build_lacks_fails_before_it_runs() -> None:
    with pytest.raises(ConfigurationError, match="--use_xnnpack"):
        official_tool(STAND_IN).command(replace(FLAGS, use_xnnpack=True))


def test_a_program_without_benchmark_flags_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="lists no benchmark flags"):
        official_tool(Path("/bin/true"))


def test_a_program_whose_help_does_not_end_is_not_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\nexec sleep 600\n")
    tool.chmod(0o755)
    monkeypatch.setattr(host, "_PROBE_LIMIT_S", 0.1)
    with pytest.raises(ConfigurationError, match=r"did not end within 0\.1 s") as refused:
        official_tool(tool)
    assert "busy" in refused.value.hint


def test_our_runner_is_started_without_the_current_directory_on_its_path() -> None:
    tool = litert_tool()
    command = tool.command(replace(FLAGS, affinity="1"))
    assert command[:6] == ("taskset", "1", sys.executable, "-P", "-m", "bench.tool.litert_runner")
    assert "--use_xnnpack=false" in command
    assert str(Path(__file__).parents[2]) in tool.environment()["PYTHONPATH"].split(os.pathsep)
