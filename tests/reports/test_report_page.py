from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.browser import found_in
from support.report_rows import changed, rows, tasks, timed, unmeasured

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from reports.decision import budgets
from reports.decision.pick import answers
from reports.page import page
from reports.rows.schema import Row

_VOID = {"meta", "link", "img", "source", "br", "input"}
_NASTY = 'evil"><script>alert(1)</script>'


class Outline(HTMLParser):
    """Collects elements, and what is opened and never closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def write(found: list[Row], out: Path) -> str:
    path = page.write_report(
        found,
        tasks(found),
        out=out,
        title="Speech embeddings <here>",
        subtitle="a test",
        provenance={"command": "frill-bench demo --out demo", "seed": "7"},
        notes=["Read this & that."],
    )
    assert path == out / "index.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write(rows(), out)
    return out


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns the page of one file with names of markup, and with caveats."""
    bound = Caveat(kind=CaveatKind.BELOW_BOUND, evidence="cosine 0.71 mean, the bound is 0.99")
    row = timed(
        _NASTY,
        "int8",
        9.0,
        score=0.5,
        family=_NASTY,
        device=_NASTY,
        caveats=(bound, Caveat(kind=CaveatKind.UNTRAINED)),
    )
    return write([row], tmp_path_factory.mktemp("nasty"))


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a model timed by one and by two threads, and another on a phone."""
    alone = [timed("a", "float32", 100.0, score=0.5), timed("a", "int8", 50.0, score=0.5)]
    more = [changed(row, threads=2) for row in alone]
    phone = changed(rows()[4], device="Pixel 6", runner="benchmark_model")
    out = tmp_path_factory.mktemp("two-devices")
    write([*alone, *more, phone], out)
    return out


@pytest.fixture(scope="module")
def outline(folder: Path) -> Outline:
    return Outline((folder / "index.html").read_text(encoding="utf-8"))


def test_the_page_comes_with_its_pictures_and_tables(folder: Path) -> None:
    pictures = {
        f"{name}{suffix}"
        for name in ("accuracy-latency", "accuracy-size", "format-ratios")
        for suffix in (".svg", ".png", ".dark.svg", ".dark.png", ".csv")
    }
    tables = {"index.html", "results.csv", "results.md", "tasks.csv"}
    assert {path.name for path in folder.iterdir()} == pictures | tables


def test_every_element_is_closed(outline: Outline) -> None:
    assert outline.open == []


def test_nothing_is_fetched_from_anywhere(outline: Outline, folder: Path) -> None:
    urls = [value for _, name, value in outline.attributes if name in ("src", "href", "srcset")]
    assert len(urls) > 20
    for url in urls:
        assert url.startswith(("data:,", "#")) or (folder / url).is_file(), url[:100]
    text = outline.text.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.search(r"@import|url\(|fetch\(|https?://", text)


def test_each_row_is_in_the_table_and_each_file_has_its_hash(
    folder: Path, outline: Outline
) -> None:
    html = (folder / "index.html").read_text(encoding="utf-8")
    results = html[html.index('id="results"') :].split("</table>")[0]
    assert results.count("<tr") == 1 + len(rows())
    for row in rows():
        assert row.file.student in outline.text
        assert f"{row.file.name} {row.file.artifact_sha256}" in outline.text


def test_what_is_worth_shipping_comes_first_in_words_and_numbers(outline: Outline) -> None:
    text = outline.text
    assert text.index("What is worth shipping") < text.index("All results")
    assert "8 of 21 files are on the frontier" in text
    assert (
        "Against the most accurate (small w2.0 legacy (hop 0.96 s) float32): −4.6 points, 4.3× as "
        "fast, 16× smaller. +11.1 points over the log-mel floor (+9.7 to +12.5). On the frontier "
        "by the 95 % intervals too." in text
    )


def test_sections_stand_in_the_promised_order(outline: Outline) -> None:
    contents = outline.text.index("Where the numbers come from") + 1
    places = [
        outline.text.index(heading, contents)
        for heading in (
            "What is worth shipping",
            "Accuracy, latency and size",
            "All results",
            "Why is int8 slower?",
            "Scores by task",
            "What conversion cost",
            "Which files are beaten, and by which",
            "Where the numbers come from",
            "Footnotes",
        )
    ]
    assert places == sorted(places)


def test_pictures_are_told_in_words_and_follow_theme_and_width(outline: Outline) -> None:
    roles = [value for tag, name, value in outline.attributes if (tag, name) == ("div", "role")]
    labels = [value for tag, name, value in outline.attributes if name == "aria-label"]
    assert roles.count("img") == 6
    assert [label.split(":")[0] for label in labels if ": " in label] == [
        *["Accuracy against latency"] * 2,
        *["Accuracy against size"] * 2,
        *["Latency of each format against float32"] * 2,
    ]


def test_a_second_run_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write(rows(), tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_names_are_escaped(nasty: str) -> None:
    assert _NASTY not in nasty
    outline = Outline(nasty)
    assert outline.open == []
    assert _NASTY in outline.text


def test_without_scores_the_page_says_so_and_draws_latency_against_size(tmp_path: Path) -> None:
    missing = dict.fromkeys(
        ("score_mean", "score_low", "score_high", "score_task_set", "score_floor_mean")
    )
    html = write([changed(row, **missing) for row in rows()[:1]], tmp_path)
    outline = Outline(html)
    assert outline.open == []
    assert "Nothing was scored, so nothing can be called worth shipping." in outline.text
    assert "Scores by task" not in outline.text
    assert (tmp_path / "latency-size.svg").exists()
    assert not (tmp_path / "accuracy-size.svg").exists()


def test_a_row_that_was_neither_timed_nor_scored_is_still_a_row(tmp_path: Path) -> None:
    outline = Outline(write([unmeasured(rows()[0])], tmp_path))
    assert "not timed" in outline.text
    assert "not scored" in outline.text
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.html",
        "results.csv",
        "results.md",
        "tasks.csv",
    }


def test_each_device_has_a_frontier_of_its_own(two_devices: Path) -> None:
    text = Outline((two_devices / "index.html").read_text(encoding="utf-8")).text
    assert "this machine (x86-64, 2 cores), litert-python, default" in text
    assert "Pixel 6, benchmark_model, default" in text
    assert (two_devices / "accuracy-latency-2.csv").exists()


def test_a_degrading_caveat_stands_beside_the_pick(nasty: str) -> None:
    text = Outline(nasty).text
    assert "Caveat: random weights: shows the machinery, not a model." in text
    assert "than its bound allows (cosine 0.71 mean, the bound is 0.99)." in text
    assert "15.5 points below the log-mel floor" in text


def test_rows_that_cannot_be_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="column score_mean is outside"):
        write([changed(rows()[0], score_low=0.9)], tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_real_browser_shows_every_row_without_an_error(folder: Path, tmp_path: Path) -> None:
    found = found_in(
        folder / "index.html",
        """
        const rows = () => [...document.querySelectorAll("#results tbody tr")];
        document.querySelectorAll("#results th button")[4].click();
        const first = rows()[0].cells[4].firstChild.textContent.trim();
        const box = document.querySelector("#results input"); box.value = "int8";
        box.dispatchEvent(new Event("input"));
        const drawn = [...document.querySelectorAll(".plot")].filter((each) => each.clientWidth);
        return [rows().length, first, rows().filter((row) => !row.hidden).length,
          document.documentElement.scrollWidth <= innerWidth, drawn.length, location.hash];
        """,
        tmp_path,
        width=500,
        fragment="#size=3",
    )
    assert found == [21, "67.1", 5, True, 4, "#size=3&rows=int8"]


def test_the_page_answers_for_budgets_and_its_address_holds_them(
    two_devices: Path, folder: Path, tmp_path: Path
) -> None:
    found = found_in(
        folder / "index.html",
        """
        const seen = [];
        const states = ["", "#size=3&latency=600", "#size=0.5", "#lost=2&format=int8&x=size"];
        for (const state of states) {
          location.hash = state;
          await new Promise((resolve) => setTimeout(resolve, 50));
          const marks = document.querySelectorAll("#asked svg svg > path[transform]").length;
          seen.push([document.getElementById("answer").textContent, marks, location.hash]);
        }
        document.querySelector("#asked > svg").dispatchEvent(
          new KeyboardEvent("keydown", { key: "ArrowRight" }));
        seen.push(document.getElementById("point").textContent);
        document.querySelector("#asked > svg").dispatchEvent(
          new KeyboardEvent("keydown", { key: "+" }));
        seen.push([location.hash, document.getElementById("point").textContent]);
        document.querySelector('a[href^="#note-"]').click();
        await new Promise((resolve) => setTimeout(resolve, 50));
        seen.push([document.getElementById("answer").textContent, location.hash]);
        return seen;
        """,
        tmp_path,
    )
    whole, small, tiny, lost, pointed, zoomed, at_footnote = found
    assert whole[0].startswith("Without a budget the most accurate is small w2.0 legacy")
    assert whole[1:] == [21, ""]
    assert "surely keeps the budgets" in small[0]
    assert small[2] == "#latency=600&size=3"
    assert tiny[0] == "No file keeps these budgets by its estimates."
    assert lost[1] == 5
    assert pointed.startswith("tiny w0.5 int8 at 0.96 s. accuracy 67.1 (")
    assert at_footnote[0] == lost[0]  # a footnote changes no choice
    assert at_footnote[1].startswith("#note-")
    assert "in several partitions (76 of 90 nodes in 15 partitions)" in pointed
    assert "zoom=" in zoomed[0]
    assert zoomed[1] == pointed


def test_two_devices_are_compared_file_by_file(tmp_path: Path) -> None:
    both = [timed("a", "float32", 100.0, score=0.5), timed("a", "int8", 50.0, score=0.45)]
    slower = [timed("a", "float32", 900.0, score=0.5, device="Pixel 6")]
    write([*both, *slower], tmp_path / "page")
    words, headings, *rows = found_in(
        tmp_path / "page" / "index.html",
        """
        const texts = (row) => [...row.cells].map((cell) => cell.textContent);
        return [document.getElementById("answer").textContent,
          ...[...document.getElementById("candidates").rows].map(texts)];
        """,
        tmp_path,
        fragment="#beside=1",
    )
    assert ". On Pixel 6" in words
    assert headings[-1] == "latency on the other, µs per s"
    assert [(row[0], row[-1].split(" ")[0]) for row in rows] == [
        ("a float32 at 0.96 s", "938"),
        ("a int8 at 0.96 s", "–"),
    ]


def test_a_file_timed_by_several_threads_has_a_name_for_each(two_devices: Path) -> None:
    text = Outline((two_devices / "index.html").read_text(encoding="utf-8")).text
    assert "a (1 thread)" in text
    assert "a (2 threads)" in text
    assert text.count("2.00× as fast as float32") == 2


def test_the_page_and_pick_give_the_same_answers(folder: Path, tmp_path: Path) -> None:
    asked = {
        "#latency=600&size=3": [budgets.latency("600us/s"), budgets.size("3MB")],
        "#core=0.05": [budgets.core("0.05%")],
        "#lost=5": [budgets.lost("5")],
        "#lost=3.2&latency=950": [budgets.lost("3.2"), budgets.latency("950us/s")],
        "#latency=433": [budgets.latency("433us/s")],
    }
    seen = found_in(
        folder / "index.html",
        f"""
        const seen = [];
        for (const state of {json.dumps(list(asked))}) {{
          location.hash = state;
          await new Promise((resolve) => setTimeout(resolve, 50));
          seen.push(document.getElementById("answer").textContent);
        }}
        return seen;
        """,
        tmp_path,
    )
    for text, limits in zip(seen, asked.values(), strict=True):
        (answer,) = answers(rows(), limits)
        if answer.chosen is None:
            assert text.startswith("No file keeps these budgets by its estimates.")
        else:
            name = answer.chosen.name.replace("(hop 0.96 s) ", "").replace("(hop 1.5 s) ", "")
            assert text.startswith(f"{name} at"), (text, name)
            assert f"s {answer.chosen.keeps} keeps the budgets" in text
