"""A phone: commands, files and their hashes, free space."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.adb import shell, sync
from bench.adb.lock import Queue, locked
from bench.adb.shell import Completed, Limit
from bench.adb.sync import Progress
from bench.adb.transport.direct import PROMPT_LIMIT_S
from bench.adb.transport.serials import Found, way_to
from bench.adb.transport.stream import Transport
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError

FOLDER = "/data/local/tmp/frill-bench"
COMMAND_LIMIT_S = 30.0
_PARTIAL = ".partial"
HASH_LIMIT_S = 300.0
_RETRY_S = 0.5
_NO_QUEUE = Queue()


class Phone:
    """A connected phone; after a lost connection the next call connects again.

    Args:
        folder: the only folder on the phone that is ever cleaned.
        stopped: called while a command runs; once it returns true the command is killed, as by
            Ctrl-C.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        folder: str = FOLDER,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.transport = transport
        self.folder = folder
        self.stopped = stopped
        self._partials: set[str] = set()

    @property
    def serial(self) -> str:
        """Returns the serial that adb knows it by."""
        return self.transport.serial

    def shell(self, command: str, *, limit_s: Limit = COMMAND_LIMIT_S) -> Completed:
        """Returns a completed command, whatever its exit status; it is killed at ``limit_s``.

        Raises:
            TransientDeviceError: the phone went away.
        """
        return shell.run(self.transport, command, limit_s=limit_s, stopped=self.stopped)

    def ask(self, command: str) -> str:
        """Returns the stdout of a command that must succeed.

        Raises:
            DeviceError: its exit status is not 0, or it took too long.
            TransientDeviceError: the phone went away.
        """
        done = self.shell(command)
        if done.exit_status or done.timed_out:
            output = (done.stderr or done.stdout).decode(errors="backslashreplace").strip()
            raise DeviceError(
                f"{self.serial}: {command!r} failed: {output or 'it printed nothing'}",
                hint="run it by hand: adb shell",
                serial=self.serial,
                command=command,
                exit_status=done.exit_status,
                timed_out=done.timed_out,
            )
        return done.text

    def push(self, path: Path, remote: str, *, progress: Progress | None = None) -> None:
        """Copies a file to the phone, where it is then complete or absent.

        Raises:
            ConfigurationError: the file cannot be read.
            DeviceError: the phone refuses it: full, read-only, no permission, a folder.
            TransientDeviceError: the phone went away.
        """
        self._remove_partials()
        partial = f"{remote}.{secrets.token_hex(4)}{_PARTIAL}"
        self._partials.add(partial)
        try:
            with open_for_reading(path) as source:
                modified_s = int(os.fstat(source.fileno()).st_mtime)
                mode = 0o755 if os.access(path, os.X_OK) else 0o644
                sync.push(
                    self.transport,
                    source,
                    partial,
                    mode=mode,
                    modified_s=modified_s,
                    progress=progress,
                )
            self._rename(partial, remote)
        except TransientDeviceError:
            raise  # the phone cannot be reached now; the next push removes the partial file
        except BaseException:
            with contextlib.suppress(DeviceError):
                self._remove_partials()
            raise
        self._partials.discard(partial)

    def free_bytes(self) -> int:
        """Returns the free space for our folder, in bytes.

        Raises:
            DeviceError: the phone does not show it.
        """
        text = self.ask(f"stat -f -c '%a %S' {shlex.quote(self.folder)}")
        try:
            blocks, block_bytes = map(int, text.split())
        except ValueError as error:
            raise DeviceError(
                f"{self.serial}: stat shows no free space: {text!r}", hint="run df by hand"
            ) from error
        return blocks * block_bytes

    def sha256(self, remote: str) -> str | None:
        """Returns the hex SHA-256 of a file on the phone, read back to be hashed here.

        ``None`` if there is no such file, or it cannot be read. Where the phone can hash, that
        takes less time.

        Raises:
            TransientDeviceError: the phone went away.
        """
        digest = hashlib.sha256()
        try:
            sync.receive(self.transport, remote, digest.update)
        except TransientDeviceError:
            raise
        except DeviceError:
            return None
        return digest.hexdigest()

    def wait(self, limit_s: float) -> float:
        """Returns the seconds until the phone answered.

        Raises:
            DeviceError: it can be seen but not used.
            TransientDeviceError: it did not answer for ``limit_s``.
        """
        started_s = time.monotonic()
        while True:
            if self.stopped():
                raise KeyboardInterrupt
            try:
                self.ask("true")
            except TransientDeviceError:
                if time.monotonic() - started_s + _RETRY_S > limit_s:
                    raise
                time.sleep(_RETRY_S)
            else:
                return time.monotonic() - started_s

    def close(self) -> None:
        """Closes the connection."""
        self.transport.close()

    def _rename(self, partial: str, remote: str) -> None:
        source, target = shlex.quote(partial), shlex.quote(remote)
        # Over a folder, mv would move the file into it.
        self.ask(f"[ ! -d {target} ] || {{ echo {target}: Is a directory; exit 1; }} >&2\n"
                 f"mv -f {source} {target}")  # fmt: skip

    def _remove_partials(self) -> None:
        if self._partials:
            self.shell(f"rm -f {' '.join(map(shlex.quote, sorted(self._partials)))}")
            self._partials.clear()


@contextmanager
def open_phone(
    address: Found,
    environ: Mapping[str, str] = os.environ,
    *,
    locks: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
    on_prompt: Callable[[], None] | None = None,
    prompt_limit_s: float = PROMPT_LIMIT_S,
    queue: Queue = _NO_QUEUE,
    revive: Callable[[Phone, DeviceError], bool] = lambda phone, error: False,
) -> Iterator[Phone]:
    """Yields a phone that no other process of this machine uses meanwhile.

    Partial files of interrupted runs are removed from its folder first.

    Args:
        queue: how to wait for another process that uses it.
        revive: takes a phone that hangs; returns whether it answers again.

    Raises:
        ConfigurationError: the keys are unusable.
        DeviceError: it cannot be used, for example because it is unauthorized.
        TransientDeviceError: it is not connected, does not answer, or another process uses it.
    """
    with locked(address.serial, locks, queue):
        transport = way_to(address, environ, on_prompt=on_prompt, prompt_limit_s=prompt_limit_s)
        phone = Phone(transport, stopped=stopped)
        try:
            _remove_leftovers(phone, revive)
            yield phone
        finally:
            phone.close()


def _remove_leftovers(phone: Phone, revive: Callable[[Phone, DeviceError], bool]) -> None:
    command = f"rm -f {FOLDER}/*{_PARTIAL}"
    try:
        phone.ask(command)
    except DeviceError as error:
        if not (is_hang(error) and revive(phone, error)):
            raise
        phone.ask(command)


def is_hang(error: DeviceError) -> bool:
    """Returns whether an error may come from a phone that hangs: it is away, or took too long."""
    return isinstance(error, TransientDeviceError) or bool(error.facts.get("timed_out"))


def open_for_reading(path: Path) -> IO[bytes]:
    """Opens a file of this machine.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {error.strerror}", hint="check the path"
        ) from error
