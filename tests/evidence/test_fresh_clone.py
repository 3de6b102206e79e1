"""A parcel of this machine, merged by a fresh clone: equal numbers, and every edit refused."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.parcel_edits import (
    HEADERS,
    MALFORMED,
    NUMBERS,
    ODD,
    Members,
    edit,
    members_of,
    other_raw_text,
    put,
    sealed,
    with_header,
)
from support.parcels import TIMED, fill
from support.program import NO_SERVER, frill_bench
from support.stored_sessions import DEVICE
from support.tables import table, write_texts

from bench.flow.exchange import parcel
from bench.store.store import Store

pytestmark = [pytest.mark.evidence, pytest.mark.audio, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
SCRIPT = "<script>alert(1)</script>"
TEXT = """# Parcels on a fresh clone

`frill-bench demo` here, `export --parcel`, then `merge` by a fresh `git clone` of this repository
with a cache of its own, and a report there. Written by `make evidence`."""
EDITS = """## Edits of that parcel

Each as a stranger may make it, hashes computed again unless it says otherwise, then merged there.
*refused*: `merge` ends with 2 and this line, makes no database where there is none, and changes
nothing in the one that has the good parcel."""


@dataclass(frozen=True)
class Clone:
    """A clone, and a folder to work in."""

    code: Path
    folder: Path

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Returns ``frill-bench`` of the clone once it has ended."""
        cache = {"FRILL_BENCH_CACHE": str(self.folder / "cache"), "PYTHONPATH": str(self.code)}
        return subprocess.run(
            [sys.executable, "-P", "-m", "bench", *map(str, words)],
            cwd=self.folder,
            env={**os.environ, **NO_SERVER, **cache},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    folder = tmp_path_factory.mktemp("fresh")
    code = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, code], check=True)
    made = Clone(code=code, folder=folder / "work")
    made.folder.mkdir()
    return made


def test_equal_numbers_on_a_fresh_clone_and_all_edits_are_refused_or_harmless(
    clone: Clone, audio_root: Path, tmp_path: Path
) -> None:
    here, good = tmp_path / "page", tmp_path / "good.zip"
    database = of_a_demo(tmp_path)
    frill_bench("report", "--db", database, "--out", here, status=0)
    frill_bench("export", "--db", database, "--parcel", good, status=0)
    done = clone.run("merge", good, "--db", "there.db")
    assert done.returncode == 0, done.stderr
    assert clone.run("report", "--db", "there.db", "--out", "page").returncode == 0
    equal = same_but_origin(here, clone.folder / "page")
    before = contents(clone.folder / "there.db")
    edits = [
        (name, what(clone, tmp_path / "edited.zip", good, content, before))
        for name, content in edited(good)
    ]
    assert len(edits) >= 50
    harmless = [named_as_a_script(clone, tmp_path / "named.zip")]
    numbers = table(
        ("file", "rows", "columns", "values that differ, but for `origin`"),
        [*equal],
    )
    assert all(row[-1] == "0" for row in equal)
    write_texts(
        "parcels", TEXT, f"`{done.stdout.strip()}`", numbers, EDITS,
        table(("edit", "what became of it"), [*edits, *harmless]),
    )  # fmt: skip


def of_a_demo(folder: Path) -> Path:
    """Returns the database of a demo: of ``$FRILL_EVIDENCE_DEMO``, or of one that runs now."""
    given = os.environ.get("FRILL_EVIDENCE_DEMO")
    if given is None:
        frill_bench("demo", "--out", folder / "demo", status=0)
        return folder / "demo" / "results.db"
    return Path(given)


def same_but_origin(here: Path, there: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yields rows, columns and differences of each table of two reports."""
    for path in sorted(here.glob("*.csv")):
        mine, theirs = (rows(folder / path.name) for folder in (here, there))
        assert len(mine) == len(theirs)
        differing = sum(
            one[name] != other[name]
            for one, other in zip(mine, theirs, strict=True)
            for name in one
            if name != "origin"
        )
        yield path.name, str(len(mine)), str(len(mine[0])), str(differing)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def contents(database: Path) -> list[object]:
    """Returns all that a database holds."""
    with Store.open(database, create=False) as store:
        return [
            store.sessions(), store.artifacts(), store.invocations(), store.events(),
            store.scores(),
        ]  # fmt: skip


def edited(good: Path) -> Iterator[tuple[str, Members | bytes]]:
    """Yields each edit, as members or as the content of a file."""
    members = members_of(good)
    for name, (member, change, _) in NUMBERS.items():
        yield name, sealed(edit(members, member, change))
    for name, (member, change) in ODD.items():
        yield f"odd: {name}", sealed(edit(members, member, change))
    for name, (damage, _) in MALFORMED.items():
        yield name, damage(members)
    for name in HEADERS:
        yield name, with_header(good.read_bytes(), name)
    yield "a row without its hash", edit(members, "rows.jsonl", put(latency_us_median=91.0))
    raw = next(name for name in members if name.startswith("raw/") and members[name])
    yield "a raw text under its old hash", sealed({**members, raw: members[raw] + b" "})
    yield "a raw text under its own hash", sealed(other_raw_text(members, 90))
    yield "half a file", good.read_bytes()[: good.stat().st_size // 2]


def what(
    clone: Clone, path: Path, good: Path, content: Members | bytes, before: list[object]
) -> str:
    """Returns what became of an edit: refused with its reason, or that it changed nothing."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        parcel.save(path, content)
    done = clone.run("merge", path, "--db", "none.db")
    if done.returncode == 0:
        return harmless(clone, done)
    assert done.returncode == 2, done.stderr
    assert not (clone.folder / "none.db").exists()
    again = clone.run("merge", path, "--db", "there.db")
    assert again.returncode == 2, again.stderr
    assert contents(clone.folder / "there.db") == before
    (line, *_) = done.stderr.splitlines()
    return f"refused: {short(line)}".replace("|", "/").replace("<", "&lt;")


def short(line: str) -> str:
    """Returns a reason without the file's name, folders, and most of each hash and id."""
    reason = line.removeprefix("frill-bench merge: ").removeprefix("edited.zip: ")
    reason = re.sub(r"/\S+/(?=\S+\.tflite)", "", reason)
    reason = re.sub(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]+", r"\1", reason)
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{32,}", r"\1", reason)[:180]


def harmless(clone: Clone, done: subprocess.CompletedProcess[str]) -> str:
    """Returns that the rows of a merged edit are those of the good parcel, but for its name."""
    database = clone.folder / "none.db"
    assert clone.run("report", "--db", database, "--out", "edited").returncode == 0
    equal = same_but_origin(clone.folder / "page", clone.folder / "edited")
    assert all(row[-1] == "0" for row in equal)
    database.unlink()
    return "merged: every number of every table is that of the good parcel"


def named_as_a_script(clone: Clone, path: Path) -> tuple[str, str]:
    """Returns what became of a parcel whose device is named by a script."""
    with Store.open("sqlite://") as stranger:
        device = replace(DEVICE, name=SCRIPT)
        fill(stranger, {replace(TIMED, device=device.key): 900}, device=device)
        parcel.write(stranger, path)
    assert clone.run("merge", path, "--db", "named.db").returncode == 0
    assert clone.run("report", "--db", "named.db", "--out", "named").returncode == 0
    pages = [page.read_text() for page in (clone.folder / "named").rglob("*.html")]
    assert pages
    assert not any("<script>alert" in page for page in pages)
    return "a script as the name of a device", f"merged: text in {len(pages)} pages, never a script"
