"""``frill-bench compare``: two databases, sessions, devices or files side by side."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli import flags as shared
from bench.cli.console import print_json, print_line, print_to_stderr

if TYPE_CHECKING:
    from bench.flow.compare import OperatorTime, Side
    from models.zoo import Zoo
    from reports.decision.comparison import Compared, Comparison
    from reports.decision.intervals import Estimate
    from reports.rows.schema import Row

_EXAMPLE = "example: frill-bench compare results.db:small.float32 results.db:small.int8"


class Options(shared.VerbOptions):
    """What the parser of ``compare`` sets."""

    baseline: str
    candidate: str
    allow: str | None
    task_set: str | None
    zoo: Path
    export_operator: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``compare``."""
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    what = "DB, DB:SESSION, DB:DEVICE, DB:NAME.FORMAT or DB:NAME"
    add("baseline", metavar="A", help=f"the baseline: {what}")
    add("candidate", metavar="B", help="the candidate, of the same kind")
    add(
        "--allow",
        metavar="FIELD,...",
        help="fields of the setup that may differ too, such as affinity,tool_sha256 of two phones; "
        "each is named on its row",
    )
    add("--task-set", metavar="SET", help="task set of the scores, as for report")
    shared.add_zoo(parser)
    add(
        "--export-operator",
        type=Path,
        metavar="DIR",
        help="write the operator that slowed down most as a .tflite file, with a text for an "
        "issue (needs run --op-profile on both sides)",
    )
    shared.add_json(parser)


def run(options: Options) -> int:
    """Prints the comparison; returns 0, or 4 if a pair of rows could not be compared."""
    from bench.flow.compare import check_alike, operator_times, side, why
    from models.zoo import Zoo
    from reports.decision.comparison import By, compare

    baseline = side(options.baseline, task_set=options.task_set)
    candidate = side(options.candidate, task_set=options.task_set)
    check_alike(baseline, candidate)
    found = compare(
        baseline.rows,
        candidate.rows,
        baseline.by,
        across_formats=baseline.by is By.FILE and (baseline.one_format and candidate.one_format),
        allow=_allowed(options.allow),
    )
    zoo = Zoo(options.zoo)
    fair = [pair for pair in found.pairs if not pair.differs]
    reasons = {id(pair): why(pair, baseline, candidate, zoo) for pair in fair}
    operators = {id(pair): operator_times(pair, baseline, candidate) for pair in fair}
    if options.json:
        print_json(_document(found, baseline, candidate, reasons, operators))
    else:
        _print(found, baseline, candidate, reasons, operators)
    for line in _unpaired(found):
        print_to_stderr(line)
    if options.export_operator is not None:
        _export(fair, baseline, candidate, zoo, options.export_operator)
    return 0 if fair and len(fair) == len(found.pairs) else 4


def _export(
    pairs: Sequence[Compared], baseline: Side, candidate: Side, zoo: Zoo, folder: Path
) -> None:
    """Writes the operator that slowed down most in each pair; prints why where it cannot."""
    from bench.core.errors import ConfigurationError
    from bench.flow.compare import export_operator

    for pair in pairs:
        try:
            path = export_operator(pair, baseline, candidate, zoo, folder)
        except ConfigurationError as error:
            print_to_stderr(f"not exported: {error.message} ({error.hint})")
        else:
            print_to_stderr(f"wrote {path}, and a text for an issue: {path.with_suffix('.md')}")


def _allowed(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    from dataclasses import fields

    from reports.rows.schema import Setup

    return tuple(shared.words(text, [each.name for each in fields(Setup)], "field of the setup"))


def _print(
    found: Comparison,
    baseline: Side,
    candidate: Side,
    reasons: Mapping[int, Sequence[str]],
    operators: Mapping[int, Sequence[OperatorTime]],
) -> None:
    from bench.cli.terminal import plain_table, print_table
    from reports.decision.comparison import fields_that_differ
    from reports.rows.names import short_names

    fair = [pair for pair in found.pairs if not pair.differs]
    if fair:
        headings = (
            "model", "format", "setup", "A", "B", "B over A", "per s of audio", "size",
            "points", "partitions",
        )  # fmt: skip
        title = f"A {baseline.text}, B {candidate.text}: latency of the file; 95 % intervals"
        table = plain_table(title, headings, headings[:3])
        short = short_names(
            row.file.student for pair in fair for row in (pair.baseline, pair.candidate)
        )
        for pair in fair:
            table.add_row(*_cells(pair, short))
        print_table(table)
    for pair in fair:
        for line in reasons[id(pair)]:
            print_line(f"{_name(pair)}: {line}")
        _print_operators(pair, operators[id(pair)])
    for pair in fair:
        if pair.score and (why := pair.score.not_distinguished):
            print_line(f"{_name(pair)}: accuracy cannot be distinguished: {why}")
    for pair in found.pairs:
        if pair.differs:
            print_line(f"not compared: {_name(pair)}: {'; '.join(fields_that_differ(pair))}")


def _cells(pair: Compared, short: Mapping[str, str]) -> tuple[str, ...]:
    from bench.core import units

    before, after = pair.baseline, pair.candidate
    hop = after.audio_s_per_inference
    threads = after.setup.threads
    setup = [
        after.setup.delegate,
        "threads unknown" if threads is None else units.counted(threads, "thread"),
    ]
    setup += [] if hop is None else [f"every {hop:.3g} s"]
    setup += [f"other {', '.join(pair.allowed)}"] if pair.allowed else []
    score = units.GAP
    if pair.score is not None:
        ends = _ends(pair.score.change, units.points)
        score = f"{units.points(pair.score.change.value)}{ends}{'' if pair.score.paired else '*'}"
    return (
        " → ".join(dict.fromkeys(short[row.file.student] for row in (before, after))),
        " → ".join(dict.fromkeys(row.file.format for row in (before, after))),
        ", ".join(setup),
        units.duration(before.latency_us_median),
        units.duration(after.latency_us_median),
        _ratio(pair.latency),
        _ratio(pair.per_audio_s),
        units.ratio(pair.size),
        score,
        f"{_partitions(before)} → {_partitions(after)}",
    )


def _ratio(found: Estimate | None) -> str:
    from bench.core import units

    if found is None:
        return units.GAP
    return f"{units.ratio(found.value)}{_ends(found, units.significant)}"


def _ends(found: Estimate, text: Any) -> str:
    return "" if found.ends is None else f" ({' to '.join(text(each) for each in found.ends)})"


def _partitions(row: Row) -> str:
    from bench.core import units

    if row.partitions is None:
        return units.GAP
    return f"{row.partitions} ({row.nodes_delegated} of {row.nodes_total})"


def _name(pair: Compared) -> str:
    hop = pair.candidate.audio_s_per_inference
    at = "" if hop is None else f" every {hop:.3g} s"
    names = dict.fromkeys((pair.baseline.file.name, pair.candidate.file.name))
    return f"{' → '.join(names)}{at}"


def _print_operators(pair: Compared, times: Sequence[OperatorTime]) -> None:
    from bench.cli.shown.operators import compared_table
    from bench.cli.terminal import print_table

    if times:
        print_table(compared_table(f"{_name(pair)}, op profiles", times))


def _unpaired(found: Comparison) -> list[str]:
    from bench.core.units import counted

    lines = []
    for text, rows in (("A", found.only_baseline), ("B", found.only_candidate)):
        names = list(dict.fromkeys(row.file.name for row in rows))
        if rows:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            lines.append(
                f"only in {text}: {counted(len(rows), 'row')}: {', '.join(names[:3])}{more}"
            )
    unpaired = [pair for pair in found.pairs if pair.score and not pair.score.paired]
    if unpaired:
        lines.append("* without the answers of both on the same clips: intervals as independent")
    return lines


def _document(
    found: Comparison,
    baseline: Side,
    candidate: Side,
    reasons: Mapping[int, Sequence[str]],
    operators: Mapping[int, Sequence[OperatorTime]],
) -> dict[str, Any]:
    from bench.core import config
    from reports.decision.comparison import fields_that_differ
    from reports.rows.schema import Row, listing

    def record(row: Row) -> Any:
        return listing([row], Row).records()[0]

    return {
        "baseline": baseline.text,
        "candidate": candidate.text,
        "compared": found.by.value,
        "pairs": [
            {
                "name": _name(pair),
                "refused": list(fields_that_differ(pair)),
                "allowed": list(pair.allowed),
                "latency_ratio": config.unstructure(pair.latency),
                "latency_per_audio_s_ratio": config.unstructure(pair.per_audio_s),
                "size_ratio": pair.size,
                "score_change": config.unstructure(pair.score),
                "score_not_distinguished": pair.score.not_distinguished if pair.score else None,
                "reasons": list(reasons.get(id(pair), ())),
                "operators": config.unstructure(list(operators.get(id(pair), ()))),
                "baseline": record(pair.baseline),
                "candidate": record(pair.candidate),
            }
            for pair in found.pairs
        ],
        "only_baseline": [record(row) for row in found.only_baseline],
        "only_candidate": [record(row) for row in found.only_candidate],
    }
