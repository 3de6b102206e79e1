from __future__ import annotations

import re

from hypothesis import given
from support.gate_findings import (
    TEXTS,
    everything,
    failed,
    gate,
    gates,
    regressed,
    same,
    undecided,
)

from bench.core.units import one_line, visible
from bench.gate.verdict import Undecided
from reports.gate.annotations import command, commands
from reports.gate.gate_report import GateReport


def unescaped(text: str) -> str:
    """Returns what the runner reads: its own order, in which %25 is the last."""
    for code, sign in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def test_a_regression_is_an_error_with_its_reasons() -> None:
    found = gate(regressed(why=("HARD_SWISH left the delegate", "100 % more, really")), same())
    assert commands(found) == (
        "::error title=small_w1.0 int8 regressed in latency::"
        "regressed; latency 1.104× (1.071 to 1.132), margin 5.0 %25; 15 blocks; "
        "smallest slowdown that they detect 3.1 %25"
        "%0AHARD_SWISH left the delegate%0A100 %25 more, really\n"
    )


def test_what_is_undecided_warns_unless_it_fails() -> None:
    warned = commands(gate(undecided()))
    assert warned.startswith("::warning title=large_w1.0 int8 undecided in latency::")
    assert "smallest slowdown" in warned
    assert commands(gate(undecided(), undecided=Undecided.FAIL)).startswith("::error ")


def test_a_gate_of_the_same_says_nothing() -> None:
    assert commands(gate(same())) == ""


def test_a_lost_device_is_a_warning_and_blames_no_model() -> None:
    told = commands(gate(same(), exit_code=3))
    assert told == ("::warning title=gate on Pixel 8::no verdict: the device or a machine failed\n")
    assert "::warning" not in commands(gate(failed()))


def test_titles_escape_what_would_end_them_and_messages_do_not() -> None:
    assert command("error", "a:b,c%\nd", "a:b,c%\nd::error::x") == (
        "::error title=a%3Ab%2Cc%25 d::a:b,c%25%0Ad::error::x"
    )


def test_the_tenth_says_how_many_more_there_are() -> None:
    for many, said in ((10, 10), (11, 10), (40, 10)):
        lines = commands(gate(*(regressed(f"m{n}") for n in range(many)))).splitlines()
        assert len(lines) == said
        left = re.search(r"title=(\d+) more::", lines[-1])
        assert (int(left[1]) if left else 0) == many - (9 if left else 10)


def test_each_kind_has_ten_of_its_own() -> None:
    findings = [*(regressed(f"a{n}") for n in range(30)), *(undecided(f"b{n}") for n in range(30))]
    lines = commands(gate(*findings)).splitlines()
    assert [line.split()[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 10


@given(TEXTS, TEXTS)
def test_the_runner_reads_what_was_meant(title: str, message: str) -> None:
    line = command("warning", title, message)
    assert "\n" not in line
    properties, read = line.removeprefix("::warning ").split("::", 1)
    assert "," not in properties
    assert unescaped(properties) == f"title={one_line(title)}"
    assert unescaped(read) == visible(message)


@given(gates())
def test_nothing_from_outside_begins_a_command(found: GateReport) -> None:
    told = commands(found)
    told.encode()
    assert all(
        re.match(r"::(error|warning) title=[^:,]*::", line) for line in told.split("\n")[:-1]
    )


def test_the_same_gate_gives_the_same_commands() -> None:
    assert commands(everything()) == commands(everything())
