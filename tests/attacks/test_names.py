"""Names from outside: those that cannot be a file's are refused, all others are shown as they are.

What must not happen: a terminal, a CI system, a browser, a spreadsheet, XML or a shell carries out
a part of a name, or a file is written outside its folder.
"""

import csv
import io
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from lab.nightly_logs import Gated, write_night
from support.gate_findings import TEXTS
from support.phone_sweeps import TINY

from bench.cli.console import print_json, print_line
from bench.cli.main import main
from bench.core import config
from bench.core.artifact import Artifact, check_name, check_visible
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes
from bench.core.units import printable
from models.zoo import Zoo
from reports.page.page import environment
from reports.parts.documents import to_csv
from reports.plots.charts import Chart, Dot
from reports.plots.drawing import draw, svg
from reports.plots.themes import STYLES
from reports.rows.schema import Listing

# A name of a file that could be anything to somebody, and is shown as it is.
ODD = (
    "$(touch ran)", "`touch ran`", "a'b\"c", "<script>alert(1)<script>", "x]]>y", "&lt;&amp;",
    "::error file=a::gotcha", "##[group]x", "##vso[task.setvariable variable=PATH]x",
    "##teamcity[buildStatus]", "::stop-commands::x", "%0A::error::x", "=cmd|' C'!A1", "+1+1",
    "-2+3", "@SUM(1)", "a|b|c", "[red]x[-red]", "[x](javascript:1)", "**bold**", "$\\frac{1}{$",
    "--help", "a;b&c", "{{7*7}}", "%s%n", "NaN", "null", "é😀", "日本", "~root", "CON", "a b",
)  # fmt: skip
# What no file here may be called.
REFUSED = (
    "", ".", "..", ".hidden", "../x", "a/../../x", "/etc/x", "a\\b", "a\nb", "a\r::error::b",
    "a\tb", "a\x00b", "a\x1b[31mb", "\x1b]0;title\x07", "a\x08b", "a\x7fb", "a\x9b31mb", "a\u202eb",
    "a\u2066b", "a\u2028b", "a\u200bb", "a\ud800b", " a", "a ", "x" * 300, "é" * 100,
)  # fmt: skip
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
COMMAND = re.compile(r"^\s*::(error|warning|stop-commands)|##\w*\[", re.MULTILINE)
Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with two revisions of a model of each odd name."""
    folder = tmp_path_factory.mktemp("named")
    one = Zoo(folder / "first").add(TINY, name="one")
    for number, side in enumerate(("old", "new")):
        zoo = Zoo(folder / side)
        zoo.root.mkdir()
        for place, name in enumerate(sorted(names())):
            content = TINY.read_bytes() + bytes(1 + 2 * place + number)
            file = f"{name}.float32.tflite"
            (zoo.root / file).write_bytes(content)
            sha256 = sha256_bytes(content)
            zoo.put(replace(one, name=name, file=file, sha256=sha256, size_bytes=len(content)))
    return folder


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_that_leaves_its_folder_or_cannot_be_shown_is_refused(
    tmp_path: Path, capsys: Shown, name: str
) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the name of a file"):
        check_name(name, "here")
    zoo = tmp_path / "zoo"
    assert main(["zoo", "add", str(TINY), "--name", name, "--zoo", str(zoo)]) == 2
    assert not RAW.search(capsys.readouterr().err)
    assert not zoo.exists()
    Zoo(zoo).add(TINY, name="one")
    manifest = zoo / "one.float32.json"
    document = json.loads(manifest.read_text())
    for key in ("name", "file"):
        manifest.write_text(json.dumps({**document, key: name}))
        with pytest.raises(ConfigurationError, match=r"name of a file|half of a character"):
            config.load(manifest, Artifact)
    assert not list(tmp_path.glob("x*"))


def test_a_name_that_can_be_shown_may_be_long_or_hidden_where_it_is_only_read() -> None:
    for name in (".hidden.tflite", "x" * 240 + ".tflite", " a.tflite"):
        check_visible(name, "here")


@pytest.mark.parametrize("name", ["a\x1b[31m.tflite", "a\u202e.tflite", "a\n::error::x.tflite"])
def test_a_model_whose_file_has_such_a_name_is_refused_and_shown_escaped(
    tmp_path: Path, capsys: Shown, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(TINY.read_bytes())
    for words in (["run", "--host", "--dry-run", "--model"], ["gate", "--host", "--candidate"]):
        assert main([*words, str(path)]) == 2
        shown = capsys.readouterr()
        assert not RAW.search(shown.err + shown.out)
        assert not COMMAND.search(shown.err + shown.out)


def test_odd_names_go_through_a_gate_and_are_carried_out_by_nobody(
    named: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.chdir(named)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_SHA", "\n::error::\x1b[31m\x9b")
    words = ["gate", "--baseline", "old", "--candidate", "new", "--host", "--max-minutes", "0",
             "--log", "gate.jsonl", "--junit", "gate.xml", "--summary", "summary.md",
             "--page", "gate.html"]  # fmt: skip
    assert main(words) == 0
    shown = capsys.readouterr()
    ours = [line for line in shown.err.splitlines() if line.startswith("::warning title=")]
    theirs = [line for line in shown.err.splitlines() if line not in ours]
    assert len(ours) == 10  # our own annotations; a name in one is escaped
    assert not COMMAND.search("\n".join([shown.out, *theirs]))
    assert not RAW.search(shown.out + shown.err)
    cases = {each.get("name") for each in ET.parse("gate.xml").iter("testcase")}  # noqa: S314 - ours
    assert {f"{name} float32" for name in names()} <= cases
    assert "<script>" not in Path("summary.md").read_text().replace("\\<script\\>", "")
    page = Path("gate.html").read_text()
    assert page.count("<script>") == 1  # ours
    assert not RAW.search(page)
    assert names() <= {unescape(text) for text in re.split(r"<[^>]*>", page)}
    assert main(["gate", "--replay", "gate.jsonl", "--json"]) == 0
    out = capsys.readouterr().out
    assert not RAW.search(out)
    assert json.loads(out)["gate"]["revision"] == "\n::error::\x1b[31m\x9b"
    models = json.loads(out)["models"]
    assert {each["name"] for each in models} == names()
    for words in (["zoo", "list", "--zoo", "new"], ["run", "--zoo", "new", "--host", "--dry-run"]):
        assert main(words) == 0
        shown = capsys.readouterr()
        assert not COMMAND.search(shown.out)
        assert "[red]x[-red]" in shown.out.replace("\n", "")
    assert {path.name for path in named.iterdir()} == {
        "first", "frill-bench.db", "gate.html", "gate.jsonl", "gate.xml", "new", "old",
        "summary.md",
    }  # fmt: skip


def names() -> set[str]:
    return {name for name in ODD if "/" not in name and "\\" not in name}


@given(TEXTS)
def test_whatever_is_printed_a_terminal_shows_it(text: str) -> None:
    shown = printable(text)
    assert not RAW.search(shown)
    assert not COMMAND.search(shown)
    assert printable(shown) == shown


@pytest.mark.parametrize("name", ODD)
def test_a_line_and_a_document_hold_every_name(capsys: Shown, name: str) -> None:
    print_line(name)
    assert not COMMAND.search(capsys.readouterr().out)
    print_json({"name": f"{name}\x9b\u2028\x7f"})
    out = capsys.readouterr().out
    assert not RAW.search(out)
    assert json.loads(out)["name"] == f"{name}\x9b\u2028\x7f"


def test_no_cell_of_a_csv_is_a_formula_or_ends_its_row() -> None:
    texts = ("=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C'!A", "a\r=1",
             'a",=1', "a\n=1", "\x00=1", "-0.5")  # fmt: skip
    rows = tuple((text, -0.5) for text in texts)
    written = to_csv(Listing(columns=("name", "ratio"), rows=rows))
    assert "\r" not in written
    read = list(csv.reader(io.StringIO(written)))[1:]
    assert [row[1] for row in read] == ["-0.5"] * len(texts)
    assert all(row[0].startswith(("'", "a", "\\x00")) for row in read)


def test_a_page_and_a_picture_hold_every_name() -> None:
    page = environment().from_string("{% for name in names %}<p>{{ name }}</p>{% endfor %}")
    html = page.render(names=ODD)
    assert "<script>" not in html
    assert html.count("<p>") == len(ODD)
    known = [name for name in ODD if name.isascii()]
    dots = tuple(
        Dot(x=(n, n, n), y=(n, n, n), family=name, hollow=False, label=name)
        for n, name in enumerate(known[:6], 1)
    )
    chart = Chart(
        name="odd", title=" ".join(known), x_label="$x", y_label="$\\frac{$", caption="$" * 3,
        dots=dots, numbers=Listing(columns=(), rows=()), families=tuple(known[:6]),
    )  # fmt: skip
    assert b"<script" not in svg(draw(chart, STYLES["light"]))


@pytest.mark.parametrize(
    "name",
    ["\x1b[31mred", "::error::x", "a\nb", "$\\frac{", "<script>alert(1)</script>", "[/red]",
     "\u202e", "\ud800", "../../x", ""],
    ids=ascii,
)  # fmt: skip
def test_the_log_of_a_stranger_is_shown_and_drawn_whatever_its_models_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    log = write_night(tmp_path / "gates", Gated(number=1, ratios={"tiny": 1.2}))
    text = log.read_text().replace('"name":"tiny"', f'"name":{json.dumps(name)}')
    log.write_text(text)
    codes = set()
    for words in (
        ["gate", "--replay", str(log), "--junit", "a.xml", "--summary", "a.md"],
        ["gate", "--replay", str(log), "--json"],
        ["history", "gates", "--out", "out"],
        ["history", "gates", "--json"],
    ):
        codes.add(main(words))
        shown = capsys.readouterr()
        assert not RAW.search(shown.out + shown.err)
        assert not COMMAND.search(shown.out + shown.err) or "json" in words[-1]
    assert codes <= {0, 1, 2}
    if Path("out").exists():
        assert "<script>alert" not in Path("out/index.html").read_text()
        assert not {path.name for path in Path().iterdir()} - {"gates", "a.xml", "a.md", "out"}
