"""Processes of this machine, identified so that a reused process id is not taken for one."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import InfrastructureError

_SHELL_UID = 2000
_END_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of this machine.

    Args:
        start_ticks: when it started, in clock ticks since boot; a later process with the same id
            has another.
    """

    pid: int
    start_ticks: int

    def is_alive(self) -> bool:
        """Returns whether it still runs."""
        return _start_ticks(self.pid) == self.start_ticks

    def end(self) -> None:
        """Kills it and waits until it has ended; does nothing if it has ended already.

        Raises:
            InfrastructureError: it does not end.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # Checked after the handle was opened: from here on the id cannot be reused.
            if self.is_alive():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                poll = select.poll()
                poll.register(handle, select.POLLIN)
                if not poll.poll(_END_LIMIT_S * 1000):
                    raise InfrastructureError(
                        f"the handset's process {self.pid} did not end within {_END_LIMIT_S:g} s",
                        hint="check what it waits for, then try again",
                    )
        finally:
            os.close(handle)

    def beside(self, name: str) -> tuple[int, ...]:
        """Returns the ids of the processes in its pid namespace whose name begins with ``name``."""
        own = _namespace(self.pid)
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return tuple(
            pid
            for pid in sorted(pids)
            if own is not None and _namespace(pid) == own and _name(pid).startswith(name)
        )


def run(*command: str, failed: str, hint: str) -> str:
    """Returns the stdout of a command.

    Raises:
        InfrastructureError: its exit status is not 0; the message begins with ``failed``.
    """
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise InfrastructureError(
            f"{failed}: {done.stderr.strip()[-300:]}",
            hint=hint,
            command=" ".join(command),
            exit_status=done.returncode,
        )
    return done.stdout


def may_be_shell() -> bool:
    """Returns whether we may run programs as the user "shell", as a phone does.

    Only root may, and not root of a user namespace without that user.
    """
    if os.geteuid() != 0:
        return False
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(int(first) <= _SHELL_UID < int(first) + int(count) for first, _, count in ranges)


def _namespace(pid: int) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return None


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _start_ticks(pid: int) -> int | None:
    """Returns when a process started, in clock ticks since boot; ``None`` if it has ended."""
    try:
        # The name, in brackets, may hold anything; the state is field 3 and the start field 22.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in ("Z", "X") else int(fields[18])
