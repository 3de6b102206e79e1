from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from support.gate_findings import everything, gate, gates, regressed, same, undecided
from support.schemas import assert_junit

from bench.gate.verdict import Undecided
from reports.gate import junit
from reports.gate.gate_report import GateReport


def parsed(found: GateReport) -> ET.Element:
    return ET.fromstring(junit.to_xml(found).encode())  # noqa: S314 - our own


def test_a_gate_of_everything_is_valid() -> None:
    assert_junit(parsed(everything()))


@given(gates())
def test_whatever_names_there_are_it_is_valid_and_counts_itself(found: GateReport) -> None:
    assert_junit(parsed(found))


def test_a_suite_is_an_axis_and_a_case_a_model_and_format() -> None:
    root = parsed(everything())
    assert [suite.attrib["name"] for suite in root] == [
        "gate on Pixel 8 latency", "gate on Pixel 8 size", "gate on Pixel 8 accuracy",
    ]  # fmt: skip
    assert [suite.attrib["time"] for suite in root] == ["512.000", "0.000", "0.000"]
    case = root[0].find("testcase")
    assert case is not None
    assert case.attrib["classname"] == "gate.latency"
    assert case.attrib["name"] == "small_w1.0 int8"


def test_each_verdict_has_its_element() -> None:
    found = {
        case.attrib["name"].split()[0]: [child.tag for child in case]
        for case in parsed(everything())[0].iter("testcase")
    }
    assert found == {
        "small_w1.0": ["failure"], "tiny_w0.5": [], "large_w1.0": ["skipped"],
        "broken": ["error"], "faster": [], "lost": ["skipped"], "waiting": ["skipped"],
        "born": ["skipped"], "gone": ["skipped"], "kept": [],
    }  # fmt: skip


def test_what_is_undecided_fails_on_request_and_says_so() -> None:
    (skipped,) = parsed(gate(undecided())).iter("skipped")
    (failure,) = parsed(gate(undecided(), undecided=Undecided.FAIL)).iter("failure")
    assert skipped.attrib == failure.attrib
    assert failure.attrib["type"] == "undecided"
    assert "smallest slowdown that they detect 3.1 %" in failure.attrib["message"]


def test_a_regression_says_why_and_how_sure() -> None:
    (failure,) = parsed(gate(regressed(why=("HARD_SWISH left", "init longer")))).iter("failure")
    assert failure.attrib["message"].startswith("regressed; latency 1.104× (1.071 to 1.132), ")
    assert failure.attrib["message"].endswith("; HARD_SWISH left")
    assert failure.text == "HARD_SWISH left\ninit longer"


def test_device_tool_and_hashes_are_properties() -> None:
    told = {each.attrib["name"]: each.attrib["value"] for each in parsed(everything())[0][0]}
    assert told == {
        "verdict": "regressed in latency and size; broken int8 does not run as requested",
        "exit code": "1",
        "tool": "benchmark_model 3f9a61c0",
        "device model": "Pixel 8",
        "device cores": "9",
        "device cpu": "–",
        "small_w1.0 int8 baseline sha256": "ab" * 32,
        "small_w1.0 int8 candidate sha256": "cd" * 32,
    }


def test_what_passed_is_told_too_with_its_caveats() -> None:
    said = parsed(everything())[0].findtext("system-out") or ""
    assert "tiny_w0.5 int8: same; latency 1.000× (0.990 to 1.013), margin 5.0 %" in said
    assert "not on a phone (virtual: degrade); handset try" in said
    assert "kept int8: unchanged: the same file on both sides, not measured" in said


def test_control_characters_are_written_out_and_markup_is_text() -> None:
    hostile = 'a\x1b[31m\x00 ]]> </failure> & "\ud800\ufffe'
    (failure,) = parsed(gate(regressed("<m>", why=(hostile,)))).iter("failure")
    assert failure.text == 'a\\x1b[31m\\x00 ]]> </failure> & "\\ud800\\ufffe'


def test_the_same_gate_gives_the_same_bytes() -> None:
    assert junit.to_xml(everything()) == junit.to_xml(everything())
    assert junit.to_xml(everything()).startswith('<?xml version="1.0" encoding="UTF-8"?>\n')


def test_without_a_time_it_has_no_timestamp() -> None:
    suite = parsed(gate(same(), started_at=None))[0]
    assert not {"timestamp", "hostname"} & set(suite.attrib)


def test_a_gate_without_models_is_an_empty_document() -> None:
    assert len(parsed(gate(exit_code=3))) == 0
