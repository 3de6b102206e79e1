"""The page of one gate."""

import html
import re
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from lab.simulated import logged
from support.gate_findings import everything, gate, gates, key, regressed, same

from bench.gate.findings import findings_of
from bench.gate.rule import Rule
from bench.gate.verdict import Undecided
from reports.gate.gate_report import GateReport, gate_report
from reports.gate.page import chart, to_html

RATIOS = (1.09, 1.12, 1.1, 1.11)


def texts(page: str) -> list[str]:
    """Returns the texts between the tags of a page, those of its style and scripts left out."""
    bare = re.sub(r"<(style|script|svg).*?</\1>", "", page, flags=re.DOTALL)
    found = (html.unescape(each).strip() for each in re.split(r"<[^>]*>", bare))
    return [each for each in found if each]


def test_the_verdict_comes_first_then_what_differs_then_the_models_the_loudest_first() -> None:
    found = texts(to_html(everything(differences=("another tool than before",))))
    verdict = "regressed in latency and size; broken int8 does not run as requested"
    assert found[1] == verdict
    assert found[2].startswith("gate on Pixel 8: 2 regressed, 1 failed, 3 undecided")
    assert found[3:5] == ["Differs:", "another tool than before"]
    regression, failure, quiet = (found.index(name) for name in ("small_w1.0", "broken", "kept"))
    assert regression < failure < quiet
    assert "HARD_SWISH left the delegate: 1 partition before, 19 now" in found
    assert "the delegate fell back" in found


def test_a_caveat_stands_once_as_a_footnote_with_its_evidence() -> None:
    found = texts(to_html(everything()))
    assert sum("measured on a virtual handset" in each for each in found) == 1
    assert sum("handset try" in each for each in found) == 1


def test_each_measured_model_has_a_picture_with_its_blocks_its_interval_and_the_margin() -> None:
    slower = regressed()
    found = chart(slower, RATIOS)
    assert [round(dot.place[1], 6) for dot in found.dots] == [9, 12, 10, 11]
    (estimate,) = found.traces
    assert [round(y, 2) for _, y in estimate.points] == [10.42, 10.42]
    assert [round(link.points[0][1], 2) for link in found.links] == [7.12, 13.2]
    assert found.levels == (("no change", 0.0), ("margin 5.0 %", 5.0))
    models = (slower, same(), same("b"))
    ratios = {each.model: RATIOS for each in models[:2]}
    assert to_html(gate(*models, ratios=ratios)).count("<figure>") == 2
    limited = to_html(gate(*models, ratios=ratios), most_pictures=1)
    assert limited.count("<figure>") == 1
    assert "1 more models have no picture here" in limited


def test_the_ratios_and_the_provenance_are_those_of_the_log() -> None:
    log = logged(np.random.default_rng(3), np.full((1, 60), 0.1), Rule())
    findings = findings_of(log)
    found: GateReport = gate_report(
        log, findings, seconds=1.0, exit_code=1, undecided=Undecided.WARN, log_file="gates/a.jsonl"
    )
    (latency,) = (each for each in findings if each.evidence is not None)
    ratios = found.ratios[latency.model]
    assert latency.evidence is not None
    assert len(ratios) == latency.evidence.blocks
    assert np.allclose(ratios, np.exp(0.1), rtol=0.02)
    shown = texts(to_html(replace(found, ratios={})))
    for name, value in (
        ("log", "gates/a.jsonl"), ("seed of the coins", "0"), ("tool", "1" * 64),
        ("delegate", "xnnpack"), ("cores", "f0"), ("device, name", "Simulated 1"),
    ):  # fmt: skip
        assert shown[shown.index(name) + 1] == value


@settings(max_examples=10)
@given(gates())
def test_names_and_sentences_from_outside_are_text_and_nothing_else(found: GateReport) -> None:
    page = to_html(found)
    page.encode()
    assert page.count("<script>") == 1
    plain = to_html(gate(title="x", tool="y", device={}))
    known = set(re.findall(r"<([a-z0-9]+)", plain)) | {
        "table", "thead", "tbody", "tr", "th", "td", "sup", "span", "li", "details", "summary",
    }  # fmt: skip
    known |= {"section", "dl", "dt", "dd", "ul", "div", "a", "strong", "p"}
    assert set(re.findall(r"<([a-z0-9]+)", page)) <= known


def test_a_name_that_is_markup_is_shown_as_it_is() -> None:
    odd = "<img src=x onerror=alert(1)>"
    page = to_html(gate(regressed(odd, why=(odd,)), ratios={key(odd): RATIOS}))
    assert "<img" not in page
    assert odd in texts(page)
