"""The tables of one session: latencies, statistics of all runs, curves of the sustained mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.table import Table

from bench.cli.terminal import plain_table
from bench.core import units
from bench.core.units import GAP
from bench.flow.report.results import CaseResult
from bench.measure.energy import Amount
from bench.measure.summary import Summary
from bench.plan.case import Mode

# A heading, and the text of a result under it. A column without any text is left out.
_Column = tuple[str, Callable[[CaseResult], str | None]]
_KHZ_PER_MHZ = 1e3
_WHOLE_FROM = 100
_TEXT = ("model", "mode", "delegate", "notes")


def tables(title: str, results: Sequence[CaseResult], notes: Mapping[str, str]) -> Iterator[Table]:
    """Yields the tables of a session's results.

    Args:
        notes: key of a case to the numbers of its footnotes.
    """
    case = _case_columns(results)
    notes_column: _Column = ("notes", lambda each: notes[each.case.key])
    timed = [each for each in results if each.curve is None]
    yield _table(title, timed, [*case, *_latency_columns(timed), notes_column])
    measured = [each for each in timed if each.summary is not None]
    if measured:
        yield _table("all runs of all processes", measured, [*case, *_run_columns(measured)])
    curves = [each for each in results if each.curve is not None]
    if curves:
        yield _table("sustained", curves, [*case, *_sustained_columns(curves), notes_column])


def _table(title: str, results: Sequence[CaseResult], columns: Sequence[_Column]) -> Table:
    filled = [(heading, [text(each) for each in results]) for heading, text in columns]
    shown = [
        (heading, cells) for heading, cells in filled if any(cell is not None for cell in cells)
    ]
    table = plain_table(title, [heading for heading, _ in shown], left=_TEXT)
    for row in zip(*(cells for _, cells in shown), strict=True):
        table.add_row(*(GAP if cell is None else cell for cell in row))
    return table


def _case_columns(results: Sequence[CaseResult]) -> list[_Column]:
    cases = [each.case for each in results]
    modes = {case.protocol.mode for case in cases} != {Mode.BACK_TO_BACK}
    pinned = any(case.affinity for case in cases)
    return [
        ("model", lambda each: each.name),
        ("mode", lambda each: each.case.protocol.mode.value if modes else None),
        ("delegate", lambda each: each.case.delegate.value),
        ("threads", lambda each: str(each.case.threads)),
        ("cores", lambda each: (each.case.affinity or "all") if pinned else None),
    ]


def _latency_columns(results: Sequence[CaseResult]) -> list[_Column]:
    scale = _scale(results, lambda each: each.latency_us_median)
    load = _scale(results, lambda each: each.init_us_median)
    first = _scale(results, lambda each: each.first_us_median)

    def between_sessions(each: CaseResult) -> str | None:
        return None if each.spread is None else f"±{units.percent(each.spread.range_ratio)} %"

    return [
        _summary_column(f"median\n{scale.unit}", lambda each: scale.number(each.latency_us_median)),
        _summary_column(f"95 % low\n{scale.unit}", lambda each: scale.number(each.latency_us_low)),
        _summary_column(f"high\n{scale.unit}", lambda each: scale.number(each.latency_us_high)),
        ("between\nsessions", between_sessions),
        _summary_column(f"min\n{scale.unit}", lambda each: scale.number(each.latency_us_min)),
        _summary_column(f"init\n{load.unit}", lambda each: load.number(each.init_us_median)),
        _summary_column(f"first\n{first.unit}", lambda each: first.number(each.first_us_median)),
        ("pro-\ncesses", lambda each: str(each.summary.processes if each.summary else 0)),
        ("failed", lambda each: str(each.failed) if each.failed else None),
        ("repeated", lambda each: str(each.discarded) if each.discarded else None),
    ]


def _run_columns(results: Sequence[CaseResult]) -> list[_Column]:
    scale = _scale(results, lambda each: each.latency_us_median)
    artifacts = [each.artifact for each in results if each.artifact is not None]
    size = units.size_scale(each.size_bytes for each in artifacts)
    weights = units.count_scale(each.parameters for each in artifacts)

    def memory_mb(each: CaseResult) -> str | None:
        reported = each.summary.memory_mb_peak if each.summary else None
        value = reported if each.sampled_memory_mb_peak is None else each.sampled_memory_mb_peak
        return None if value is None else units.significant(value)

    return [
        _summary_column("runs", lambda each: str(each.iterations)),
        _summary_column(f"p5\n{scale.unit}", lambda each: scale.number(each.latency_us_p5)),
        _summary_column(f"p90\n{scale.unit}", lambda each: scale.number(each.latency_us_p90)),
        _summary_column(f"p95\n{scale.unit}", lambda each: scale.number(each.latency_us_p95)),
        _summary_column(
            "between\nprocesses %", lambda each: units.percent(each.process_spread_ratio)
        ),
        (
            f"mean of\n50 {scale.unit}",
            lambda each: scale.number(each.conventional.avg_us) if each.conventional else None,
        ),
        (
            "of real\ntime %",
            lambda each: each.streaming and units.significant(100 * each.streaming.real_time_ratio),
        ),
        (
            "of a\ncore %",
            lambda each: each.streaming and units.significant(100 * each.streaming.core_share),
        ),
        *_energy_columns(),
        ("peak\nMiB", memory_mb),
        (
            f"size\n{size.unit}",
            lambda each: each.artifact and size.number(each.artifact.size_bytes),
        ),
        (
            f"weights\n{weights.unit}".strip(),
            lambda each: each.artifact and weights.number(each.artifact.parameters),
        ),
        _summary_column("parti-\ntions", lambda each: _whole(each.partitions)),
    ]


def _sustained_columns(results: Sequence[CaseResult]) -> list[_Column]:
    curves = [each.curve for each in results if each.curve is not None]
    scale = units.duration_scale([each.start_us for each in curves])

    def from_to(heading: str, field: str, per: float = 1.0) -> _Column:
        def text(each: CaseResult) -> str | None:
            points = each.curve.points if each.curve else ()
            values = [value for point in points if (value := getattr(point, field)) is not None]
            if not values:
                return None
            return f"{_plain(values[0] / per)} to {_plain(values[-1] / per)}"

        return heading, text

    def throttling(each: CaseResult) -> str | None:
        after_s = each.curve.throttled_after_s if each.curve else None
        return "never" if after_s is None else f"{after_s:.0f} s"

    return [
        ("minutes", lambda each: each.curve and f"{each.curve.points[-1].until_s / 60:.1f}"),
        (f"start\n{scale.unit}", lambda each: each.curve and scale.number(each.curve.start_us)),
        ("throttled\nafter", throttling),
        (f"steady\n{scale.unit}", lambda each: each.curve and scale.number(each.curve.steady_us)),
        from_to("clock\nMHz", "clock_khz", _KHZ_PER_MHZ),
        from_to("cap\nMHz", "cap_khz", _KHZ_PER_MHZ),
        from_to("heat\nstatus", "thermal_status"),
        from_to("°C", "temp_c"),
        *_energy_columns(),
    ]


def _energy_columns() -> list[_Column]:
    def text(amount: Amount | None, scale: float = 1.0) -> str | None:
        return None if amount is None else units.significant(scale * amount.value)

    return [
        ("mJ per\ninference", lambda each: each.energy and text(each.energy.per_inference_j, 1e3)),
        ("J per\nhour", lambda each: each.energy and text(each.energy.per_hour_j)),
    ]


def _summary_column(heading: str, text: Callable[[Summary], str | None]) -> _Column:
    return heading, lambda each: text(each.summary) if each.summary else None


def _plain(number: float) -> str:
    """Returns a number without exponents: whole from 100, else with one decimal at most."""
    return f"{number:.0f}" if number >= _WHOLE_FROM else f"{number:.1f}".removesuffix(".0")


def _whole(number: int | None) -> str | None:
    return None if number is None else str(number)


def _scale(results: Sequence[CaseResult], of: Callable[[Summary], float | None]) -> units.Scale:
    return units.duration_scale([of(each.summary) for each in results if each.summary is not None])
