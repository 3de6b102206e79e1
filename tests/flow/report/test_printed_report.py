"""``report --format``: the results on a terminal, as a table with the frontier or as Markdown."""

import io
from pathlib import Path

import pytest
from support import decisions
from support.program import command_line

from bench.cli.console import shown_by
from bench.cli.terminal import SafeConsole
from bench.store.store import Store


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("printed") / "results.db"
    with Store.open(path) as store:
        decisions.fill(store)
    return path


def test_a_table_has_the_results_and_a_drawing_for_each_device_and_writes_nothing(
    db: Path, tmp_path: Path
) -> None:
    done = command_line("report", "--db", db, "--format", "table", cwd=tmp_path, status=0)
    assert "small w1.0" in done.stdout
    assert done.stdout.count("accuracy (%) over latency") == 2  # Pixel 6, Pixel 8
    assert "★ A " in done.stdout
    assert "[a] " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_markdown_is_that_of_the_page_which_is_written_beside_it_with_out(
    db: Path, tmp_path: Path
) -> None:
    words = ("report", "--db", db, "--format", "md")
    alone = command_line(*words, cwd=tmp_path, status=0).stdout
    assert list(tmp_path.iterdir()) == []
    beside = command_line(*words, "--out", tmp_path / "page", status=0).stdout
    assert alone == beside == (tmp_path / "page" / "results.md").read_text()
    assert (tmp_path / "page" / "index.html").is_file()


def test_two_documents_on_stdout_are_refused(db: Path) -> None:
    done = command_line("report", "--db", db, "--format", "md", "--json", status=2)
    assert "--json and --format md both print on stdout" in done.stderr


def test_a_stream_that_is_not_of_unicode_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    assert shown_by(stream, "★ 1\u202f230 µs") == "* 1 230 us"
    assert shown_by(io.StringIO(), "★") == "★"
    SafeConsole(file=stream, width=40).print("★ µs")
    stream.flush()
    assert stream.buffer.getvalue() == b"* us\n"  # type: ignore[attr-defined]  # a BytesIO
