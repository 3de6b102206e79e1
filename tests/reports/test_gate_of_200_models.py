"""A gate of two hundred models: what matters is in the open, the rest is folded and counted."""

from __future__ import annotations

import re

import pytest
from support.gate_findings import failed, gate, regressed, same, undecided

from bench.cli.shown.gate import _print, _table
from bench.gate.verdict import Undecided, Verdict
from reports.gate import annotations, step_summary, table
from reports.gate.gate_report import GateReport
from reports.gate.page import to_html
from reports.parts.table import Footnotes

WHY = tuple(f"reason {number} of many, with numbers and names in it" for number in range(6))


def two_hundred(*, red: int = 3, open_models: int = 20) -> GateReport:
    """Returns a gate whose regressed models are the last ones, in the order of the log."""
    quiet = 200 - red - open_models - 2
    findings = [
        *(same(f"model_with_a_long_name_{n:03}") for n in range(quiet)),
        *(undecided(f"open_{n:03}") for n in range(open_models)),
        *(failed(f"broken_{n}") for n in range(2)),
        *(regressed(f"slow_{n:03}", why=WHY) for n in range(red)),
    ]
    ratios = {each.model: (1.0, 1.1, 1.05) for each in findings if each.verdict != "failed"}
    return gate(*findings, ratios=ratios, exit_code=1 if red else 5, undecided=Undecided.FAIL)


def test_in_the_open_are_the_loud_verdicts_and_never_fewer_than_the_red_ones() -> None:
    shown = table.in_the_open(two_hundred().findings)
    assert [each.verdict for each in shown[:5]] == [Verdict.REGRESSED] * 3 + [Verdict.FAILED] * 2
    assert {each.verdict for each in shown[5:]} == {Verdict.UNDECIDED}
    assert len(shown) == 25
    assert len(table.in_the_open(two_hundred(red=3, open_models=150).findings)) == table.MOST_LINES
    assert len(table.in_the_open(two_hundred(red=90).findings)) == 92
    few = [same("a"), regressed("b")]
    assert table.in_the_open(few) == few[::-1]


def test_a_summary_shows_what_matters_and_counts_what_it_folds() -> None:
    text = step_summary.to_markdown(two_hundred(open_models=150))
    shown, *folded = text.split("<details>")
    assert shown.count("\n| ") == table.MOST_LINES + 2  # with its head
    assert [re.findall(r"<summary>(.*)</summary>", part)[0] for part in folded] == [
        "and 115 undecided", "45 the same or unchanged", "The device",
    ]  # fmt: skip
    places = [text.index(f"| {name}") for name in ("slow\\_002", "broken\\_0", "open\\_000")]
    assert places == sorted(places)
    assert text.startswith("## gate on Pixel 8: regressed in latency; broken\\_0 int8, ")


@pytest.mark.parametrize("red", [0, 3, 198])
def test_no_output_is_over_its_limit(red: int) -> None:
    found = two_hundred(red=red, open_models=0 if red == 198 else 20)
    comment = step_summary.to_comment(found)
    assert len(comment.encode()) <= 60_000
    assert len(step_summary.to_markdown(found).encode()) <= 500_000
    assert annotations.commands(found).count("::error") <= 10
    if red:
        assert comment.startswith("## gate on Pixel 8: ")
        assert comment.index("slow\\_000") < 2_000


def test_the_page_folds_quiet_models_and_their_pictures() -> None:
    page = to_html(two_hundred(open_models=2), most_pictures=10)
    opened, folded = page.split("<details>", 1)
    assert opened.count("<tr") == 8
    assert "model_with_a_long_name" not in opened
    assert "<summary>and 193 same</summary>" in page
    assert page.count("<figure>") == 10
    assert "5 pictures of models that are the same" in folded
    assert "188 more models have no picture here" in page


def test_the_terminal_counts_the_quiet_models(capsys: pytest.CaptureFixture[str]) -> None:
    findings = two_hundred().findings
    shown = table.in_the_open(findings)
    hidden = [each for each in findings if each not in shown]
    _print(_table("title", shown, Footnotes()), hidden)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40
    assert lines[-1] == "and 175 same, which --json and --page list"
    _print(None, hidden)
    assert capsys.readouterr().out.startswith("175 same, ")
