"""Benchmark tools on this machine, and their processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from types import FrameType
from typing import IO

from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file, sha256_value
from bench.tool.flags import Flags, known_flags, litert_command, official_command
from bench.tool.host_state import cpu_ticks, read_host_state, read_ticks, usage_between

_INIT_LIMIT_S = 60.0
_MARGIN_S = 10.0
_PROBE_LIMIT_S = 30.0
_STOP_POLL_S = 0.2
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_RUNNER_FILE = Path(__file__).with_name("litert_runner.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A benchmark program of this machine.

    Args:
        sha256: its identity: of the binary, or of our runner's code and the runtime's version.
        binary: path of the official tool; ``None`` for our runner.
        known_flags: flags that the official tool's ``--help`` lists.
    """

    sha256: str
    binary: PurePath | None = None
    known_flags: frozenset[str] = frozenset()

    def command(self, flags: Flags) -> tuple[str, ...]:
        """Returns the command line of one process.

        Raises:
            ConfigurationError: the binary lacks a flag that is needed.
        """
        if self.binary is None:
            return litert_command(flags)
        return official_command(self.binary, flags, self.known_flags)

    def environment(self) -> dict[str, str]:
        """Returns the variables that it needs in addition to the inherited ones."""
        if self.binary is not None:
            return {}
        inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        paths = dict.fromkeys([str(_PACKAGE_ROOT), *filter(None, inherited)])
        return {"PYTHONPATH": os.pathsep.join(paths)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    r"""One finished process, and its telemetry.

    Args:
        started_at: UTC, ISO 8601.
        exit_status: as a shell has it: 128 and the signal's number for a killed process.
        stdout, stderr: raw text; bytes that are not UTF-8 as ``\xNN``.
        result: the result proto that it wrote; ``None`` if it did not write one.
        losses: how often the device was lost and the process started again.
    """

    command: tuple[str, ...]
    started_at: str
    wall_s: float
    exit_status: int
    timed_out: bool
    stdout: str
    stderr: str
    telemetry: Telemetry = field(default_factory=Telemetry)
    result: bytes | None = None
    losses: int = 0


def litert_tool() -> Tool:
    """Returns our runner.

    Raises:
        ConfigurationError: the interpreter is not installed.
    """
    try:
        runtime = f"ai-edge-litert {version('ai-edge-litert')}"
    except PackageNotFoundError as error:
        raise ConfigurationError(
            "ai-edge-litert is not installed, so this machine cannot run .tflite files",
            hint="pip install -e '.[host]' -c constraints.txt",
        ) from error
    return Tool(sha256=sha256_value({"runner": sha256_file(_RUNNER_FILE), "runtime": runtime}))


def official_tool(binary: Path) -> Tool:
    """Returns the official tool in a file, probed with ``--help``.

    Raises:
        ConfigurationError: the file does not exist, does not start or end, or is another program.
    """
    path = binary.resolve()
    if not path.is_file():
        raise ConfigurationError(f"{binary}: no such file", hint="check --benchmark-binary")
    # The interpreter tool prints its usage on stderr and exits 1; newer versions exit 0.
    usage = execute((str(path), "--help"), limit_s=_PROBE_LIMIT_S)
    if usage.timed_out:
        raise ConfigurationError(
            f"{binary}: its --help did not end within {_PROBE_LIMIT_S:g} s",
            hint="run it by hand with --help; if this machine is very busy, try again later",
        )
    flags = known_flags(usage.stdout + "\n" + usage.stderr)
    if not flags:
        raise ConfigurationError(
            f"{binary}: its --help lists no benchmark flags (exit status {usage.exit_status})",
            hint="give a host build of TFLite's benchmark_model",
        )
    return Tool(sha256=sha256_file(path), binary=path, known_flags=flags)


def raw_text(content: bytes) -> str:
    r"""Returns a process's output as it is stored; bytes that are not UTF-8 as ``\xNN``."""
    # A text column of a database cannot have a NUL byte.
    return content.decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")


def time_limit_s(max_secs: float) -> float:
    """Returns the time limit of a process: loading, both phases of ``max_secs``, and a margin."""
    return _INIT_LIMIT_S + 2 * max_secs + _MARGIN_S


def execute(
    command: tuple[str, ...],
    *,
    limit_s: float,
    environment: dict[str, str] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Execution:
    """Returns the finished process of ``command``.

    At ``limit_s``, and when this program is interrupted, the process and its children are killed.

    Args:
        stopped: called while it runs; true counts as Ctrl-C.

    Raises:
        ConfigurationError: the program cannot be started.
        KeyboardInterrupt: it was stopped.
    """
    started_s = time.perf_counter()
    before, ticks = read_host_state(), read_ticks()
    overhead_s = time.perf_counter() - started_s
    started_at = datetime.now(UTC).isoformat()
    # Files, not pipes: so this program does nothing while the process runs.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        start_s = time.perf_counter()
        let_through = _hold_interrupts()  # or one in the middle of a start would leave it running
        try:
            process = _start(command, stdout, stderr, environment or {})
        except ConfigurationError:
            let_through()
            raise
        try:
            let_through()
            finished = _wait_for_exit(process, limit_s, stopped)
            scheduling, cpu = _scheduling(process.pid), cpu_ticks(process.pid)
        finally:
            if process.returncode is None and not _has_ended(process):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        wall_s = time.perf_counter() - start_s
        usage = usage_between(ticks, read_ticks(), _cores(), cpu)
        after = read_host_state()
        return Execution(
            command=command,
            started_at=started_at,
            wall_s=wall_s,
            exit_status=status if status >= 0 else 128 - status,
            timed_out=not finished,
            stdout=_read_back(stdout),
            stderr=_read_back(stderr),
            telemetry=Telemetry(
                before=before,
                after=after,
                usage=usage,
                run_s=scheduling[0],
                run_queue_wait_s=scheduling[1],
                overhead_s=overhead_s + time.perf_counter() - start_s - wall_s,
            ),
        )


def _hold_interrupts() -> Callable[[], None]:
    """Holds Ctrl-C back; returns what lets it through again, and one that came meanwhile."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        return lambda: None
    held: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: held.append(frame))

    def let_through() -> None:
        signal.signal(signal.SIGINT, before)
        if held:
            before(signal.SIGINT, held[0])

    return let_through


def _start(
    command: tuple[str, ...], stdout: IO[bytes], stderr: IO[bytes], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **environment},
            start_new_session=True,  # its own process group, so that its children are killed too
        )
    except OSError as error:
        raise ConfigurationError(
            f"{command[0]}: cannot be started: {error.strerror}",
            hint="check that it is executable and built for this machine",
        ) from error


def _wait_for_exit(
    process: subprocess.Popen[bytes], limit_s: float, stopped: Callable[[], bool]
) -> bool:
    """Returns whether it exits in time; on Linux it is not reaped yet, which keeps its counters."""
    end_s = time.monotonic() + limit_s
    with _exit_of(process) as exited_within:
        while (left_s := end_s - time.monotonic()) > 0:
            if exited_within(min(left_s, _STOP_POLL_S)):
                return True
            if stopped():
                raise KeyboardInterrupt
    return False


@contextmanager
def _exit_of(process: subprocess.Popen[bytes]) -> Iterator[Callable[[float], bool]]:
    """Yields a function that waits for some seconds and returns whether the process ended."""
    if sys.platform == "linux":
        handle = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            yield lambda seconds: bool(poll.poll(seconds * 1000))
        finally:
            os.close(handle)
        return

    def wait(seconds: float) -> bool:
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    yield wait


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if sys.platform == "linux":
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def _scheduling(pid: int) -> tuple[float | None, float | None]:
    """Returns the seconds that the first thread ran and waited, kept until it is reaped."""
    try:
        running_ns, waiting_ns, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return None, None
    return int(running_ns) / 1e9, int(waiting_ns) / 1e9


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 0))


def _read_back(stream: IO[bytes]) -> str:
    stream.seek(0)
    return raw_text(stream.read())
