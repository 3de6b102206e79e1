from dataclasses import replace

from rich.console import Console

from bench.cli.shown.tables import tables
from bench.core.caveats import Caveat, CaveatKind
from bench.flow.report.results import CaseResult
from bench.measure.sustained import Curve, Point
from bench.plan.case import Case, Delegate, Mode, Protocol, Runner

POINTS = tuple(
    Point(
        at_s=10.0 * n,
        until_s=10.0 * n + 10,
        latency_us=100.0,
        clock_khz=khz,
        cap_khz=3_187_200.0,
        thermal_status=float(n),
        temp_c=31.04 + n,
    )
    for n, khz in enumerate((3_187_200.0, 1_803_000.0))
)
SUSTAINED = CaseResult(
    case=Case(
        artifact_sha256="a" * 64,
        device="d" * 64,
        runner=Runner.BENCHMARK_MODEL,
        tool_sha256="c" * 64,
        delegate=Delegate.NONE,
        threads=1,
        protocol=Protocol(mode=Mode.SUSTAINED),
    ),
    name="tiny.int8",
    model="tiny.tflite",
    artifact=None,
    failed=0,
    failures=(),
    summary=None,
    caveats=(Caveat(kind=CaveatKind.VIRTUAL),),
    curve=Curve(
        points=POINTS,
        start_us=100.0,
        throttled_after_s=None,
        steady_us=100.0,
        interrupted_s=None,
        end_us=100.0,
        start_us_low=100.0,
        start_us_high=100.0,
        end_us_low=100.0,
        end_us_high=100.0,
    ),
)


def shown(result: CaseResult) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        for table in tables("title", [result], {result.case.key: "1"}):
            console.print(table)
    return captured.get()


def test_clocks_are_never_in_exponents_and_have_the_unit_that_suits_them() -> None:
    text = shown(SUSTAINED)
    assert "3.19 to 1.80" in text
    assert "GHz" in text
    assert "31.0 to 32.0" in text
    assert "e+0" not in text
    slow = tuple(replace(each, clock_khz=600_000.0, cap_khz=None) for each in POINTS)
    curve = SUSTAINED.curve
    assert curve is not None
    text = shown(replace(SUSTAINED, curve=replace(curve, points=slow)))
    assert "600 to 600" in text
    assert "MHz" in text
    assert "cap" not in text
