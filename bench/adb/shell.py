"""Commands on a phone: separate output and exit status, and no process left behind.

Shell v2 (Android 7 and later) frames the streams. Older phones offer ``exec:``, one stream
without an exit status, so there the command is wrapped and a random word marks its end.
"""

from __future__ import annotations

import math
import re
import secrets
import shlex
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from bench.adb.transport.stream import Stream, Transport, is_taken, lost
from bench.core.errors import DeviceError, ServiceRefusedError, TransientDeviceError

KILLED_STATUS = 137
_CLOSE_STDIN = 4
_HEADER_BYTES = 5
_PID = re.compile(rb"(\d+)\r?\n")
_KILL_LIMIT_S = 15.0
_GONE_TRIES = 30
_SCRATCH = "/data/local/tmp"
_SLICE_S = 0.25
Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLimits:
    """A time limit for each phase of a command, which prints a mark between two of them.

    Args:
        limits_s: one per phase: before the first mark, after it, and so on.
    """

    mark: bytes
    limits_s: tuple[float, ...]


Limit = float | PhaseLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that has ended.

    Args:
        stdout, stderr: raw bytes, complete unless ``timed_out``.
        exit_status: as a shell has it: 128 and the signal's number for a killed process.
        timed_out: it was killed at its time limit, and no longer runs on the phone.
    """

    stdout: bytes
    stderr: bytes
    exit_status: int
    timed_out: bool

    @property
    def text(self) -> str:
        r"""Returns stdout as text without the last line feed; bytes not UTF-8 as ``\xNN``."""
        return self.stdout.decode(errors="backslashreplace").removesuffix("\n")


def run(
    transport: Transport, command: str, *, limit_s: Limit, stopped: Stopped = lambda: False
) -> Completed:
    """Returns the completed command; at ``limit_s``, or when interrupted, it is killed.

    Its stdin is empty.

    Args:
        stopped: called every quarter of a second; true counts as an interrupt (Ctrl-C reaches the
            main thread only).

    Raises:
        TransientDeviceError: the phone went away, or the command could not be killed.
        DeviceError: the phone offers no shell.
    """
    try:
        stream = transport.open(f"shell,v2,raw:echo $$\n{command}")
    except ServiceRefusedError:
        return _run_unframed(transport, command, limit_s=limit_s, stopped=stopped)
    framed = _Framed()
    with closing(stream):
        # Not taken if the command was faster, and has ended.
        is_taken(stream, bytes([_CLOSE_STDIN, 0, 0, 0, 0]), transport.io_limit_s)
        timed_out = _drain(transport, stream, framed.feed, framed.stdout, limit_s, stopped)
    if framed.exit_status is None and not timed_out:
        raise _lost_during(transport, command, framed.stdout)
    return Completed(
        stdout=_without_pid(framed.stdout),
        stderr=bytes(framed.stderr),
        exit_status=KILLED_STATUS if timed_out else framed.exit_status or 0,
        timed_out=timed_out,
    )


def _run_unframed(
    transport: Transport, command: str, *, limit_s: Limit, stopped: Stopped = lambda: False
) -> Completed:
    """Returns the completed command of a phone without shell v2; errors are those of ``run``."""
    word = secrets.token_hex(8)
    errors = f"{_SCRATCH}/.{word}"
    wrapped = (
        f"echo $$\nsh -c {shlex.quote(command)} 2>{errors} </dev/null\n"
        f"echo {word} $?\ncat {errors}\nrm -f {errors}\necho {word}\n"
    )
    received = bytearray()
    with closing(transport.open(f"exec:{wrapped}")) as stream:
        timed_out = _drain(transport, stream, received.extend, received, limit_s, stopped)
    if timed_out:
        _run_unframed(transport, f"rm -f {errors}", limit_s=_KILL_LIMIT_S)
    marked = re.fullmatch(
        rb"\d+\n(.*)%b (\d+)\n(.*)%b\n" % (word.encode(), word.encode()), received, re.DOTALL
    )
    if marked is None and not timed_out:
        raise _lost_during(transport, command, received)
    return Completed(
        stdout=marked[1] if marked else _without_pid(received),
        stderr=marked[3] if marked else b"",
        exit_status=int(marked[2]) if marked and not timed_out else KILLED_STATUS,
        timed_out=timed_out,
    )


class _Framed:
    """What shell v2 has sent so far."""

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.exit_status: int | None = None
        self._buffer = bytearray()

    def feed(self, content: bytes) -> None:
        """Takes more of the stream."""
        self._buffer += content
        start = 0
        while len(self._buffer) - start >= _HEADER_BYTES:
            size = int.from_bytes(self._buffer[start + 1 : start + _HEADER_BYTES], "little")
            end = start + _HEADER_BYTES + size
            if len(self._buffer) < end:
                break
            self._take(self._buffer[start], self._buffer[start + _HEADER_BYTES : end])
            start = end
        del self._buffer[:start]

    def _take(self, kind: int, payload: bytearray) -> None:
        match kind:
            case 1:
                self.stdout += payload
            case 2:
                self.stderr += payload
            case 3 if payload:
                self.exit_status = payload[0]
            case _:
                pass  # later versions may send other kinds


def _drain(
    transport: Transport,
    stream: Stream,
    feed: Callable[[bytes], None],
    stdout: bytearray,
    limit_s: Limit,
    stopped: Stopped,
) -> bool:
    """Reads to the end of the service; returns whether the command had to be killed.

    Args:
        stdout: the command's output that ``feed`` has taken so far.
    """
    deadline = _Deadline(limit_s, stdout)
    try:
        if _read_until(stream, feed, deadline.left_s, stopped):
            return False
    except KeyboardInterrupt:
        _kill(transport, _leading_pid(stdout))
        raise
    _kill(transport, _leading_pid(stdout))
    # Until the rest is read, adb's daemon may be stuck in writing it, and does not reap it.
    _read_until(stream, feed, _Deadline(_KILL_LIMIT_S).left_s)
    stream.close()
    _wait_until_gone(transport, _leading_pid(stdout))
    return True


class _Deadline:
    """When a command, or the phase that it is in, must have ended."""

    def __init__(self, limit: Limit, stdout: bytearray | None = None) -> None:
        if not isinstance(limit, PhaseLimits):
            limit = PhaseLimits(mark=b"", limits_s=(limit,))
        first_s, *self._limits_s = limit.limits_s
        self._mark = limit.mark
        self._stdout = bytearray() if stdout is None else stdout
        self._searched = 0
        self._end_s = time.monotonic() + first_s

    def left_s(self) -> float:
        """Returns the seconds left in the current phase; negative once it is over."""
        while self._limits_s:
            at = self._stdout.find(self._mark, self._searched)
            if at < 0:
                self._searched = max(self._searched, len(self._stdout) - len(self._mark) + 1)
                break
            self._searched = at + len(self._mark)
            self._end_s = time.monotonic() + self._limits_s.pop(0)
        return self._end_s - time.monotonic()


def _read_until(
    stream: Stream,
    feed: Callable[[bytes], None],
    left_s: Callable[[], float],
    stopped: Stopped = lambda: False,
) -> bool:
    """Returns whether the service ended in time.

    Output that has already arrived is read before the time counts as over: this machine may have
    been slow.
    """
    given_up_s = math.inf
    while time.monotonic() < given_up_s:
        seconds = left_s()
        if seconds > 0:
            given_up_s = math.inf
        elif given_up_s == math.inf:  # what comes without end has come long enough by then
            given_up_s = time.monotonic() + _SLICE_S
        if stopped():
            raise KeyboardInterrupt
        try:
            content = stream.read(max(min(seconds, _SLICE_S), 0.0))
        except TimeoutError:
            if seconds <= 0:
                return False
            continue
        if not content:
            return True
        feed(content)
    return False


def _kill(transport: Transport, pid: int | None) -> None:
    """Kills a command and the processes that it started.

    Raises:
        TransientDeviceError: the phone does not answer.
    """
    if pid is None:
        raise lost(transport.serial, "a command printed nothing before its time limit")
    _answer_to(transport, pid, f"kill -9 -{pid} {pid} 2>/dev/null")


def _wait_until_gone(transport: Transport, pid: int | None) -> None:
    """Waits until no process of a killed command is left.

    Raises:
        TransientDeviceError: one is left, or the phone does not answer.
    """
    gone = _answer_to(
        transport,
        pid,
        f"i=0; while [ $i -lt {_GONE_TRIES} ]; do i=$((i+1)); "
        f"kill -0 -{pid} 2>/dev/null || kill -0 {pid} 2>/dev/null || {{ echo gone; exit; }}; "
        "sleep 0.1; done",
    )
    if b"gone" not in gone:
        raise _still_runs(transport, pid, "kill did not help")


def _answer_to(transport: Transport, pid: int | None, script: str) -> bytes:
    answer = bytearray()
    try:
        with closing(transport.open(f"exec:{script}")) as stream:
            ended = _read_until(stream, answer.extend, _Deadline(_KILL_LIMIT_S).left_s)
    except DeviceError as error:
        raise _still_runs(transport, pid, error.message) from error
    if not ended:
        raise _still_runs(transport, pid, "the phone does not answer")
    return bytes(answer)


def _still_runs(transport: Transport, pid: int | None, why: str) -> TransientDeviceError:
    adb = f"adb -s {shlex.quote(transport.serial)}"
    return TransientDeviceError(
        f"{transport.serial}: a command ran past its time limit and may still run: {why}",
        hint=f"when the phone answers again: {adb} shell kill -9 -{pid}",
        serial=transport.serial,
        pid=pid,
    )


def _lost_during(
    transport: Transport, command: str, received: bytes | bytearray
) -> TransientDeviceError:
    tail = bytes(received[-400:]).decode(errors="backslashreplace")
    return lost(
        transport.serial,
        "it went away during a command",
        command=command,
        last_lines=tail.splitlines()[-5:],
    )


def _without_pid(received: bytearray) -> bytes:
    match = _PID.match(received)
    return bytes(received[match.end() if match else 0 :])


def _leading_pid(received: bytes | bytearray) -> int | None:
    match = _PID.match(received)
    return int(match[1]) if match else None
