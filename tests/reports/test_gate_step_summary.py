from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from support.gate_findings import TEXTS, everything, gate, gates, regressed, same, undecided

from bench.core.caveats import Caveat, CaveatKind
from bench.core.units import one_line
from reports.gate import step_summary, wording
from reports.gate.gate_report import GateReport

_CUT = re.compile(r"^\*\*Cut here because GitHub accepts no more: (\d+) more lines", re.MULTILINE)


def tokens(markdown: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


def rows(markdown: str) -> list[list[str]]:
    """Returns the texts of all tables' cells as a reader of Markdown finds them."""
    found: list[list[str]] = []
    cell = False
    for token in tokens(markdown):
        if token.type == "tr_open":
            found.append([])
        elif token.type in ("th_open", "td_open"):
            cell = True
        elif token.type == "inline" and cell:
            inner = token.children or []
            found[-1].append("".join(each.content for each in inner))
            cell = False
    return found


def test_the_verdict_comes_first() -> None:
    lines = step_summary.to_markdown(everything()).splitlines()
    assert lines[0] == (
        "## gate on Pixel 8: regressed in latency and size; broken int8 does not run as requested"
    )
    assert lines[2].startswith("2 regressed, 1 failed, 3 undecided, ")
    assert lines[2].endswith("8.53 min with benchmark\\_model 3f9a61c0; exit code 1.")


def test_what_is_the_same_is_folded_and_all_else_is_not() -> None:
    shown, folded = step_summary.to_markdown(everything()).split("<details>", 1)
    named = [row[0] for row in rows(shown)[1:]]
    assert [name.removesuffix("<sup>a</sup>") for name in named] == [
        "small_w1.0", "tiny_w0.5", "broken", "large_w1.0", "lost", "waiting", "faster", "born",
        "gone",
    ]  # fmt: skip
    assert "<summary>3 the same or unchanged</summary>" in folded
    assert (
        "| kept | unchanged: the same file on both sides, not measured | int8 | latency |" in folded
    )


def test_every_row_has_its_interval_and_the_smallest_slowdown() -> None:
    (row,) = rows(step_summary.to_markdown(gate(undecided(), device={})))[1:]
    assert row == [
        "large_w1.0", "undecided: the largest number of blocks did not decide", "int8", "latency",
        "1.042× (0.991 to 1.093)", "5.0 %", "60", "3.1 %",
    ]  # fmt: skip


def test_a_regression_is_followed_by_its_reasons() -> None:
    text = step_summary.to_markdown(gate(regressed(why=("HARD_SWISH left", "init longer"))))
    assert (
        "**small\\_w1.0 int8 regressed in latency**\n\n- HARD\\_SWISH left\n- init longer\n" in text
    )


def test_a_gate_of_the_same_has_only_folded_tables() -> None:
    text = step_summary.to_markdown(gate(same()))
    assert text.startswith("## gate on Pixel 8: passed\n\n1 same. ")
    assert text.index("<details>") < text.index("| model ")


def test_details_are_closed() -> None:
    text = step_summary.to_markdown(everything())
    assert text.count("<details>") == text.count("</details>") == 2


@given(TEXTS)
def test_text_from_outside_is_shown_as_it_is(text: str) -> None:
    (_, row) = rows(f"| a |\n| --- |\n| x{step_summary.escaped(text)} |\n")
    assert row == [f"x{one_line(text)}"]
    for token in tokens(f"- {step_summary.escaped(text)}\n"):
        assert token.type in (
            "bullet_list_open", "list_item_open", "paragraph_open", "inline", "text",
            "text_special", "paragraph_close", "list_item_close", "bullet_list_close",
            "ordered_list_open", "ordered_list_close",
        )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["[x](http://a.b)", "![x](y)", "<script>", "<!-- x", "a|b", "`x`", "**x**", "~~x~~", "&lt;",
     "$x$", "- x", "# x", "https://a.b", "\\", "a\nb", "</details>"],
)  # fmt: skip
def test_markup_in_names_is_text(text: str) -> None:
    found = step_summary.to_markdown(gate(regressed(text, why=(text,)), device={text: text}))
    assert rows(found)[1][0] == one_line(text)
    kinds = {token.type for token in tokens(found)}
    assert not kinds & {"link_open", "image", "em_open", "code_inline", "s_open"}
    blocks = [token.content for token in tokens(found) if token.type.startswith("html")]
    assert set("".join(blocks).split()) <= {
        "<details><summary>The", "device</summary>", "</details>",
    }  # fmt: skip


@settings(max_examples=30)
@given(gates(), st.integers(32 * 1024, 64 * 1024))
def test_whatever_there_is_it_fits(found: GateReport, limit_bytes: int) -> None:
    assert len(step_summary.to_markdown(found, limit_bytes=limit_bytes).encode()) <= limit_bytes


def test_the_verdict_and_all_caveats_fit_into_the_least_that_may_be_asked_for() -> None:
    caveats = tuple(Caveat(kind=kind, evidence="x" * 9999) for kind in CaveatKind)
    loud = "😀*" * 9999
    found = gate(regressed(loud, why=(loud,), caveats=caveats), title=loud, tool=loud)
    text = step_summary.to_markdown(found, limit_bytes=32 * 1024)
    assert len(text.encode()) <= 32 * 1024
    assert all(f"({kind}: " in text.replace("\\", "") for kind in CaveatKind)


def test_nothing_is_cut_that_fits() -> None:
    assert not _CUT.search(step_summary.to_markdown(everything()))


def test_what_does_not_fit_is_counted_and_caveats_stay() -> None:
    marked = (Caveat(kind=CaveatKind.VIRTUAL),)
    findings = [regressed(f"{'m' * 200}{n}", why=("w" * 290,) * 9) for n in range(400)]
    findings += [same(f"s{n}", caveats=marked) for n in range(400)]
    text = step_summary.to_markdown(gate(*findings))
    assert 490_000 < len(text.encode()) < 1024 * 1024 / 2
    cut = _CUT.search(text)
    assert cut
    lines = [line for line in text.splitlines() if re.match(r"- w|\| [ms]", line)]
    heading = 1
    devices = 3
    assert int(cut[1]) + len(lines) - heading == 400 + 9 * 400 + 400 + devices
    assert "measured on a virtual handset" in text
    assert text.rstrip().endswith(wording.INTERVALS)


def test_a_table_that_is_cut_is_still_one() -> None:
    text = step_summary.to_markdown(
        gate(*(regressed(f"m{n}") for n in range(2000))), limit_bytes=50_000
    )
    found = rows(text)
    assert {len(row) for row in found} == {8}
    assert 100 < len(found) < 2000


def test_the_same_gate_gives_the_same_text() -> None:
    assert step_summary.to_markdown(everything()) == step_summary.to_markdown(everything())
