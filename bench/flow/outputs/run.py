"""What a file makes of given inputs where the official tool runs: a phone, or this machine."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import Protocol

from bench.adb.phone import Phone
from bench.adb.staging import place_of, stage, stage_file
from bench.core.errors import ToolOutputError
from bench.flow.device.phone import PhoneBench
from bench.flow.device.retry import retry_when_reconnected
from bench.flow.measure.session import invoke
from bench.flow.measure.sweep import Sweep
from bench.measure.outcome import Failed
from bench.plan.case import Case, Mode
from bench.plan.case import Protocol as Runs
from bench.plan.order import Planned
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.flags import InputFile
from bench.tool.host import Execution, execute

OUTPUT = "outputs"


def once(processes: int, *, max_secs: float) -> Runs:
    """Returns the protocol of processes that are for their outputs."""
    return Runs(
        mode=Mode.CORRECTNESS,
        processes=processes,
        num_runs=1,
        warmup_runs=0,
        warmup_min_secs=0.0,
        max_secs=max_secs,
    )


class Place(Protocol):
    """Where processes run that read and write files."""

    @property
    def sweep(self) -> Sweep:
        """What is run, with its files where it runs."""

    @property
    def folder(self) -> PurePath:
        """Where files may be written."""

    def run(self, case: Case, command: tuple[str, ...]) -> Execution:
        """Returns one process that ran to its end."""

    def read(self, path: PurePath) -> bytes | None:
        """Returns what a file there holds; ``None`` if there is none."""

    def clear(self) -> None:
        """Removes all outputs."""


class PhonePlace:
    """A phone; what it does is done again when a lost one is back.

    Args:
        sweep: whose files lie there.
        files: SHA-256 to path, of what is to lie there too.

    Raises:
        DeviceError: the phone has no room, or does not come back.
    """

    def __init__(
        self,
        phone: Phone,
        sweep: Sweep,
        files: Mapping[str, Path],
        *,
        wait_s: float,
        said: Callable[[str], None],
    ) -> None:
        self._phone = phone
        paths = {**sweep.paths, **files}
        retry_when_reconnected(
            phone, lambda losses: stage(phone, paths), wait_s=wait_s, on_message=said
        )
        there = {sha256: place_of(phone, path, sha256) for sha256, path in files.items()}
        self.sweep = replace(sweep, paths=paths, there={**sweep.there, **there}, result_file=None)
        self.folder = PurePosixPath(phone.folder)
        self._bench = PhoneBench(phone, self.sweep, wait_s, said=said, looks=False)

    def put(self, path: Path) -> PurePosixPath:
        """Returns where a file of this machine lies there, verified."""
        return self._bench.retrying(lambda: stage_file(self._phone, path))

    def cut(self, path: PurePath, *, at: int, size_bytes: int) -> PurePosixPath:
        """Returns where a piece of a file there lies, until the next is cut.

        Args:
            at: how many such pieces come before it.
        """
        piece = self.folder / f"piece{path.suffix}"
        names = f"if={shlex.quote(str(path))} of={shlex.quote(str(piece))}"
        self._bench.retrying(
            lambda: self._phone.ask(f"dd {names} bs={size_bytes} skip={at} count=1")
        )
        return piece

    def run(self, case: Case, command: tuple[str, ...]) -> Execution:
        """Returns one process that ran to its end; one lost with the phone runs again."""
        return self._bench.run(case, command)

    def read(self, path: PurePath) -> bytes | None:
        """Returns what a file there holds; ``None`` if there is none."""
        done = self._bench.retrying(lambda: self._phone.shell(f"cat {shlex.quote(str(path))}"))
        return None if done.exit_status else done.stdout

    def clear(self) -> None:
        """Removes all outputs."""
        self.remove(f"{OUTPUT}.*")

    def remove(self, pattern: str) -> None:
        """Removes files by the pattern of their names."""
        folder = shlex.quote(str(self.folder))
        self._bench.retrying(lambda: self._phone.shell(f"rm -f {folder}/{pattern}"))


class HostPlace:
    """This machine.

    Args:
        sweep: what is run here.
        files: SHA-256 to path, of what its processes read too.
        folder: where they may write.
    """

    def __init__(self, sweep: Sweep, files: Mapping[str, Path], folder: Path) -> None:
        self.sweep = replace(sweep, paths={**sweep.paths, **files})
        self.folder = folder

    def run(self, case: Case, command: tuple[str, ...]) -> Execution:
        """Returns one process that ran to its end."""
        sweep = self.sweep
        return execute(command, limit_s=sweep.limit_s(case), environment=sweep.tool.environment())

    def read(self, path: PurePath) -> bytes | None:
        """Returns what a file holds; ``None`` if there is none."""
        return Path(path).read_bytes() if Path(path).is_file() else None

    def clear(self) -> None:
        """Removes all outputs."""
        for path in self.folder.glob(f"{OUTPUT}.*"):
            path.unlink()


class Outputs:
    """Makes outputs, one process after the other, each stored as it was.

    What an interrupted run left is removed first, so that it is never taken for theirs.
    """

    def __init__(self, place: Place, session: Session, store: Store) -> None:
        self._place = place
        self._session = session
        self._store = store
        self._stored = Counter(each.case.key for each in store.invocations(session.id))
        place.clear()

    def of(self, case: Case, inputs: Sequence[InputFile]) -> bytes:
        """Returns the raw bytes of all output tensors, one after the other.

        Raises:
            ConfigurationError: the tool takes no inputs or gives no outputs.
            ToolOutputError: the process failed, or left no outputs.
        """
        place, ordinal = self._place, self._stored[case.key]
        output = place.folder / f"{OUTPUT}.{case.key[:12]}.{ordinal}"
        flags = replace(place.sweep.flags(case), inputs=tuple(inputs), output_file=output)
        run = partial(place.run, command=place.sweep.tool.command(flags))
        planned = Planned(case=case, ordinal=ordinal)
        outcome = invoke(place.sweep, run, planned, self._session, self._store).outcome
        self._stored[case.key] += 1
        content = place.read(output)
        if isinstance(outcome, Failed):
            raise ToolOutputError(outcome.failure, hint="its latency cannot be measured either")
        if content is None:
            raise ToolOutputError(
                "the tool ended well and wrote no output file", hint="use another build"
            )
        return content
