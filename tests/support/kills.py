"""Commands that are killed with SIGKILL at chosen moments of their progress, then given again."""

import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.flow.gate.log_file import read
from bench.gate.records import Block
from bench.store.store import Store
from support.program import COMMAND, NO_SERVER

DATA = Path(__file__).parents[1] / "data"
_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A command that is killed.

    Args:
        words: of the command, in a folder of its own.
        progress: returns how far it is in that folder.
        total: progress of a whole one.
        step_s: time of one step of it, and of the first, which is the start of the program.
        check: takes the folder after the kill and returns what takes it after the second try.
    """

    words: Sequence[str | Path]
    progress: Callable[[Path], int]
    total: int
    check: Callable[[Path], Callable[[Path], None]]
    step_s: tuple[float, float] = (1.0, 0.3)
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A kill.

    Args:
        progress: then; of the whole command is ``total`` of the victim.
        ended: it had ended before.
        leftovers: hidden files that it was writing; nothing reads them.
    """

    progress: int
    ended: bool
    leftovers: int


def kill_and_repeat(victim: Victim, folder: Path, moment: float) -> Kill:
    """Returns what a kill found, after the same command was given again and all was checked.

    Args:
        moment: share of the command's progress, in [0, 1).
    """
    folder.mkdir(parents=True)
    process = _start(victim, folder, subprocess.DEVNULL)
    step = int(moment * victim.total)
    deadline_s = time.monotonic() + _LIMIT_S
    while victim.progress(folder) < step and process.poll() is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    time.sleep((moment * victim.total - step) * victim.step_s[min(step, 1)])
    ended = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    reached = victim.progress(folder)
    leftovers = sum(path.name.startswith(".") for path in folder.rglob("*") if path.is_file())
    check = victim.check(folder)
    again = _start(victim, folder, subprocess.PIPE)
    _, errors = again.communicate(timeout=_LIMIT_S)
    assert again.returncode == 0, errors
    check(folder)
    return Kill(progress=reached, ended=ended, leftovers=leftovers)


def whole(victim: Victim, folder: Path) -> tuple[int, tuple[float, float]]:
    """Returns the progress of a command that is not killed, and the times of its steps."""
    folder.mkdir(parents=True)
    started_s = time.monotonic()
    process = _start(victim, folder, subprocess.DEVNULL)
    first_s = None
    while process.poll() is None:
        if first_s is None and victim.progress(folder):
            first_s = time.monotonic() - started_s
        time.sleep(0.01)
    assert process.returncode == 0, victim.words
    total, wall_s = victim.progress(folder), time.monotonic() - started_s
    return total, (first_s or wall_s, (wall_s - (first_s or 0.0)) / max(total, 1))


def _start(victim: Victim, folder: Path, stderr: int) -> subprocess.Popen[str]:
    caches = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "STATE")}
    return subprocess.Popen(
        [*COMMAND, *map(str, victim.words)],
        cwd=folder,
        env={**os.environ, **NO_SERVER, **caches, **victim.environ},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
    )


def run_victim(*, processes: int) -> Victim:
    """Returns a run of two models on this machine."""
    models = [DATA / name for name in ("tiny.tflite", "tiny_split.tflite")]

    def check(folder: Path) -> Callable[[Path], None]:
        kept = _processes(folder)

        def after(folder: Path) -> None:
            found = _processes(folder)
            assert found[: len(kept)] == kept
            assert len(found) == len({each[:2] for each in found}) == 2 * processes

        return after

    return Victim(
        words=["run", "--host", "--db", "r.db", "--processes", str(processes), "--json", "--model",
               *models],
        progress=lambda folder: _count(folder / "r.db", "invocation"),
        total=2 * processes,
        check=check,
    )  # fmt: skip


def gate_victim(*, minutes: float) -> Victim:
    """Returns a gate of a file against itself on this machine, which ends when its time is over."""
    model = DATA / "tiny.tflite"

    def check(folder: Path) -> Callable[[Path], None]:
        log = folder / "g.jsonl"
        written = log.read_bytes() if log.exists() else b""
        kept = _processes(folder)

        def after(folder: Path) -> None:
            assert log.read_bytes().startswith(written[: written.rfind(b"\n") + 1])
            blocks = [each for each in read(log).entries if isinstance(each, Block)]
            used = [
                each.invocation for block in blocks for each in (*block.baseline, *block.candidate)
            ]
            found = _processes(folder)
            assert found[: len(kept)] == kept
            assert len(found) == len({each[:2] for each in found})
            with Store.open(folder / "r.db", create=False) as store:
                ids = {each.id for each in store.invocations()}
            assert len(used) == len(set(used))
            assert {*used} <= ids
            assert [block.index for block in blocks] == [*range(len(blocks))]

        return after

    return Victim(
        words=["gate", "--host", "--db", "r.db", "--log", "g.jsonl", "--seed", "1",
               "--max-minutes", str(minutes), "--baseline", model, "--candidate", model],
        progress=lambda folder: _lines(folder / "g.jsonl"),
        total=1,
        check=check,
    )  # fmt: skip


def _files(folder: Path) -> dict[str, bytes]:
    """Returns what a folder and those in it hold, but for hidden files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("[!.]*")
        if path.is_file()
    }


def report_victim(database: Path) -> Victim:
    """Returns a report of a database, into a folder where another page is already."""
    before = database.read_bytes()
    pages: dict[str, bytes] = {}

    def check(folder: Path) -> Callable[[Path], None]:
        for name, content in _files(folder / "page").items():
            if name in pages:  # whole files only
                assert content == pages[name], name

        def after(folder: Path) -> None:
            files = _files(folder / "page")
            pages.update(pages or files)
            assert files == pages
            assert database.read_bytes() == before

        return after

    return Victim(
        words=["report", "--db", database, "--out", "page"],
        progress=lambda folder: len(_files(folder / "page")),
        total=1,
        check=check,
    )


def score_victim(zoo: Path, clips: Path) -> Victim:
    """Returns a score of the models of a zoo, with an empty cache."""

    def check(folder: Path) -> Callable[[Path], None]:
        kept = _scores(folder)

        def after(folder: Path) -> None:
            found = _scores(folder)
            assert found[: len(kept)] == kept
            again = Counter(found[len(kept) :])
            assert set(again.values()) == {1}
            assert len(again) == len(list(zoo.glob("*.json")))
            assert {*kept} <= {*again}  # the same number from the same file

        return after

    return Victim(
        words=["score", "--zoo", zoo, "--task-set", clips, "--db", "r.db"],
        progress=lambda folder: (
            _count(folder / "r.db", "score")
            + sum(path.is_file() for path in folder.rglob("cache/**/[!.]*"))
        ),
        total=1,
        check=check,
    )


def _processes(folder: Path) -> list[tuple[str, int, str]]:
    if not (folder / "r.db").exists():
        return []
    with Store.open(folder / "r.db") as store:
        return [(each.case.key, each.ordinal, each.stdout) for each in store.invocations()]


def _scores(folder: Path) -> list[tuple[str, float]]:
    if not (folder / "r.db").exists():
        return []
    with Store.open(folder / "r.db") as store:
        return [(each.artifact_sha256, each.mean) for each in store.scores()]


def _count(path: Path, table: str) -> int:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
            return int(count)
    except sqlite3.OperationalError:  # not made yet
        return 0


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
