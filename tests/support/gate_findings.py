"""Findings as a gate has them, and any findings there could be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from bench.core.artifact import Format
from bench.core.caveats import Caveat, CaveatKind
from bench.gate.verdict import (
    Axis,
    Finding,
    Interval,
    LatencyEvidence,
    ModelKey,
    Undecided,
    UndecidedReason,
    Verdict,
)
from reports.gate.gate_report import GateReport

# Names and sentences that come from outside: any code point, lone surrogates too.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)


LOST = UndecidedReason.DEVICE_LOST


def key(name: str) -> ModelKey:
    return ModelKey(name=name, format=Format.INT8)


def timed(
    model: str,
    verdict: Verdict,
    ratio: tuple[float, float | None, float | None] | None = None,
    *,
    blocks: int = 8,
    discarded: tuple[tuple[str, int], ...] = (),
    **other: Any,
) -> Finding:
    if ratio is not None:
        value, low, high = ratio
        other = {
            "change": Interval(value=value, low=low, high=high),
            "evidence": LatencyEvidence(
                blocks=blocks, smallest_slowdown=0.031, discarded=discarded
            ),
            **other,
        }
    known = {"axis": Axis.LATENCY, "margin": 0.05, **other}
    return Finding(model=key(model), verdict=verdict, **known)


def regressed(model: str = "small_w1.0", **other: Any) -> Finding:
    return timed(model, Verdict.REGRESSED, (1.1042, 1.0712, 1.132), blocks=15, **other)


def same(model: str = "tiny_w0.5", **other: Any) -> Finding:
    return timed(model, Verdict.SAME, (1.0004, 0.9899, 1.0132), **other)


def undecided(model: str = "large_w1.0", **other: Any) -> Finding:
    ratio = (1.042, 0.991, 1.093)
    return timed(model, Verdict.UNDECIDED, ratio, reason=UndecidedReason.CAPPED, blocks=60, **other)


def failed(model: str = "broken", **other: Any) -> Finding:
    other.pop("discarded", None)
    return timed(model, Verdict.FAILED, why=("the delegate fell back",), **other)


def scored(verdict: Verdict, value: float, low: float, high: float) -> Finding:
    return Finding(
        model=key("tiny_w0.5"), axis=Axis.ACCURACY, verdict=verdict, margin=0.01,
        change=Interval(value=value, low=low, high=high),
    )  # fmt: skip


def weighed(verdict: Verdict, ratio: float) -> Finding:
    return Finding(
        model=key("tiny_w0.5"), axis=Axis.SIZE, verdict=verdict, margin=0.0,
        change=Interval(value=ratio),
    )  # fmt: skip


def gate(*findings: Finding, **other: Any) -> GateReport:
    has = {finding.verdict for finding in findings}
    code = 1 if Verdict.REGRESSED in has else 4 if Verdict.FAILED in has else 0
    if code == 0 and any(map(other.get("undecided", Undecided.WARN).fails, findings)):
        code = 5
    known: dict[str, Any] = {
        "title": "gate on Pixel 8",
        "device": {"model": "Pixel 8", "cores": 9.0, "cpu": None},
        "tool": "benchmark_model 3f9a61c0",
        "seconds": 512.0,
        "exit_code": code,
        "started_at": datetime(2026, 11, 23, 3, 4, 5),
        **other,
    }
    return GateReport(findings=findings, **known)


def everything(**other: Any) -> GateReport:
    """Returns a gate with each verdict on each axis that it can be said of."""
    return gate(
        regressed(
            why=("HARD_SWISH left the delegate: 1 partition before, 19 now", "init 3 times longer"),
            caveats=(Caveat(kind=CaveatKind.VIRTUAL, evidence="handset try"),),
            discarded=(("core-stolen", 3), ("throttled", 2)),
            baseline_sha256="ab" * 32,
            candidate_sha256="cd" * 32,
        ),
        same(),
        undecided(),
        failed(),
        timed("faster", Verdict.IMPROVED, (0.8, 0.75, 0.85)),
        timed("lost", Verdict.UNDECIDED, (1.04, None, None), blocks=3, reason=LOST),
        Finding(
            model=key("waiting"), axis=Axis.LATENCY, verdict=Verdict.UNDECIDED, margin=0.05,
            evidence=LatencyEvidence(blocks=0), reason=UndecidedReason.OUT_OF_TIME,
        ),
        timed("born", Verdict.NEW),
        timed("gone", Verdict.REMOVED),
        timed("kept", Verdict.UNCHANGED),
        weighed(Verdict.REGRESSED, 1.0000004),
        scored(Verdict.SAME, -0.002, -0.006, 0.002),
        **other,
    )  # fmt: skip


@st.composite
def gates(draw: st.DrawFn) -> GateReport:
    """Returns a gate of hostile names, sentences, facts and evidence."""
    makers = (regressed, same, undecided, failed)
    findings = []
    for index, name in enumerate(draw(st.lists(TEXTS, max_size=6))):
        other: dict[str, Any] = {
            "caveats": tuple(
                Caveat(kind=kind, evidence=draw(TEXTS))
                for kind in draw(st.sets(st.sampled_from(CaveatKind), max_size=2))
            ),
            "discarded": tuple((reason, 1) for reason in draw(st.lists(TEXTS, max_size=2))),
            "baseline_sha256": draw(TEXTS),
        }
        made = draw(st.sampled_from(makers))
        if made is regressed:
            other["why"] = tuple(draw(st.lists(TEXTS, max_size=3)))
        findings.append(made(f"{name}{index}", **other))
    return gate(
        *findings,
        title=draw(TEXTS),
        tool=draw(TEXTS),
        device=draw(st.dictionaries(TEXTS, st.none() | st.floats() | TEXTS, max_size=3)),
        undecided=draw(st.sampled_from(Undecided)),
    )
