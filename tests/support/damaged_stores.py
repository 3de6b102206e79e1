"""A small database as runs leave it, with one byte of it changed."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.core.errors import BenchError, InfrastructureError
from bench.flow.report.join import join
from bench.flow.report.stored import newest_results
from bench.store.store import Store
from support.stored_sessions import ARTIFACT, CASE, add_session


def write_store(path: Path, *, processes: int) -> None:
    with Store.open(path) as store:
        store.add_artifact(ARTIFACT)
        for number in range(2):
            session = add_session(
                store, f"s{number}", {CASE: 1000.0 + number}, processes=processes, day=1 + number
            )
            store.log(session, "resumed")


def read_all(path: Path) -> object:
    """Returns everything that a report shows of a database, and everything in it."""
    with Store.open(path, create=False) as store:
        timed = newest_results(store)
        stored = store.invocations(), store.sessions(), store.artifacts(), store.events()
        return timed, join(store, timed=timed), stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """What became of databases with one flipped bit each.

    Args:
        same: those that are read as before: the bit is in an unused part of a page.
        refused: those that end with an error that names the file and the next step.
        silent: places, in bytes, of bits that changed what was read; there must be none.
    """

    same: int
    refused: int
    silent: tuple[int, ...]


def flip(folder: Path, *, count: int, seed: int, processes: int = 6) -> Flips:
    """Returns what becomes of as many copies of a small database, each with one flipped bit."""
    original = folder / "original.db"
    write_store(original, processes=processes)
    expected, content = read_all(original), original.read_bytes()
    random = Random(seed)  # noqa: S311 - places, no secret
    same, refused, silent = 0, 0, []
    for number in range(count):
        place = random.randrange(len(content))
        changed = bytearray(content)
        changed[place] ^= 1 << random.randrange(8)
        path = folder / f"{number}.db"
        path.write_bytes(changed)
        try:
            found = read_all(path)
        except BenchError as error:
            assert str(path) in error.message, error
            assert isinstance(error, InfrastructureError) or place < 100, error  # the file's header
            assert error.hint
            refused += 1
        else:
            same += found == expected
            silent += [place] if found != expected else []
        path.unlink()
    return Flips(same=same, refused=refused, silent=tuple(silent))
