"""The delegates' caches on a phone: a first process writes one, later ones may read it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from bench.adb.phone import Phone
from bench.core.device_state.caches import CacheFile, CacheFiles
from bench.flow.device.sweep import Sweep
from bench.plan.case import Case
from bench.tool.host import Execution

CACHE_WRITTEN = "cache-written"
_COLUMNS = 4


class WarmCaches:
    """The caches of a session.

    Args:
        phone: where they are.
        run: runs the process that writes one; takes its case and command.
        on_message: takes a line for the user.
    """

    def __init__(
        self,
        phone: Phone,
        sweep: Sweep,
        run: Callable[[Case, tuple[str, ...]], Execution],
        on_message: Callable[[str], None],
    ) -> None:
        self._phone = phone
        self._sweep = sweep
        self._run = run
        self._on_message = on_message
        self._files: dict[str, tuple[CacheFile, ...] | None] = {}
        self.log: Callable[..., None] = lambda kind, **facts: None

    def prepare(self, case: Case) -> None:
        """Writes the cache of a case by a process of its own, once; its latency is not used.

        What an earlier session left is removed before.
        """
        cache = self._sweep.cache_of(case)
        if cache is None or case.cache_key in self._files:
            return
        folder = shlex.quote(str(cache.folder))
        self._phone.ask(f"rm -rf {folder} && mkdir -p {folder}")
        execution = self._run(case, self._sweep.writing_command(case))
        files = self._files[case.cache_key] = self._list(cache.folder)
        self.log(
            CACHE_WRITTEN,
            case=case.key,
            files=[[each.name, each.size_bytes] for each in files or ()],
            exit_status=execution.exit_status,
            wall_s=execution.wall_s,
            command=list(execution.command),
            stdout=execution.stdout,
            stderr=execution.stderr,
        )
        if execution.exit_status or not files:
            why = f"exit status {execution.exit_status}" if execution.exit_status else "no file"
            self._on_message(f"the process that was to write a cache left none: {why}")

    def after(self, case: Case, execution: Execution) -> Execution:
        """Returns a process of a case with the files of the cache before and after it."""
        cache = self._sweep.cache_of(case)
        if cache is None:
            return execution
        before, after = self._files.get(case.cache_key), self._list(cache.folder)
        self._files[case.cache_key] = after
        files = CacheFiles(before=before, after=after)
        return replace(execution, telemetry=replace(execution.telemetry, cache=files))

    def _list(self, folder: PurePath) -> tuple[CacheFile, ...] | None:
        """Returns the files of a cache; ``None`` if the phone does not list them."""
        quoted = shlex.quote(str(folder))
        done = self._phone.shell(
            f'cd {quoted} || exit 1\nfor f in *; do [ ! -f "$f" ] || stat -c \'%s|%i|%y|%n\' "$f" '
            "|| exit 1; done"
        )
        rows = [line.split("|", _COLUMNS - 1) for line in done.text.splitlines()]
        if done.exit_status or any(len(row) < _COLUMNS or not row[0].isdigit() for row in rows):
            return None
        return tuple(
            CacheFile(name=name, size_bytes=int(size), mark=f"{number} {at}")
            for size, number, at, name in rows
        )
