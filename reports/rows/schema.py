"""The rows that reports are made of, and rows as the columns of a CSV file or of JSON.

It has more than 400 lines, because the columns of all tables are in one place.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from bench.core.artifact import Format
from bench.core.caveats import Caveat, evidence_text, kinds_text
from reports.rows.paired import Answers

R = TypeVar("R")
K = TypeVar("K")
Value: TypeAlias = str | float | None
# Version of the columns of all tables: it changes when one is removed, renamed or gets another
# meaning, and not when one is added. docs/schema.md lists them.
ROWS_VERSION = 1
MEASURED_HERE = "measured here"
MEAN = "mean"  # of the tasks


class Frontend(StrEnum):
    """How the log-mel front-end is paid for in the latency per second of audio."""

    IN_GRAPH = "in graph"
    ADDED = "added"
    MISSING = "missing"
    NONE_NEEDED = "none needed"


def column(meaning: str, unit: str = "", **default: object) -> Any:
    """Returns a field of a row, with its meaning and its unit; none for text and pure numbers."""
    return dataclasses.field(metadata={"meaning": meaning, "unit": unit}, **default)  # type: ignore[call-overload]  # default=... or nothing


def maybe(meaning: str, unit: str = "") -> Any:
    """Returns a field that is ``None`` where a row has no value."""
    return column(meaning, unit, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The file that a row is about."""

    artifact_sha256: str = column("identity of the very file that was timed, scored and weighed")
    student: str = column("the model's canonical name, or the name it was added under")
    format: Format = column("number format of the file")  # noqa: RUF009 - a field
    family: str = column("what shares a colour in plots")

    @property
    def name(self) -> str:
        """Student and format."""
        return f"{self.student}.{self.format}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How and on what a file was run: two rows are compared only where these are equal."""

    device: str = column("what it was timed on")
    runner: str = column("program that timed it")
    tool_sha256: str = column("identity of that program")
    runtime: str = column("inference runtime and its version")
    delegate: str = column("delegate that was asked for")
    library_sha256: str | None = maybe("identity of an external delegate's library")
    library_options: str = column("options of an external delegate", default="")
    full_delegation: bool = column("the delegate had to take the whole graph", default=False)
    threads: int | None = column("threads of the runner; -1 for its own choice, empty if unknown")
    affinity: str | None = maybe("mask of cores, in hex; empty for all cores")
    fixed_performance: bool = column("fixed performance mode was on", default=False)
    warm_cache: bool = column("an earlier process wrote the delegate's cache", default=False)
    protocol: str = column("how it was measured: mode, runs, warm-up", default="")
    given_inputs: str = column("shapes and values of inputs, where they were set", default="")
    signature: str = column("the signature, of a file with several, and the others", default="")
    origin: str = column(
        "measured here, or from which file it was imported or merged", default=MEASURED_HERE
    )
    kept_apart: bool = column("imported: on no frontier with measured rows", default=False)

    @property
    def timed_by(self) -> str:
        """What rows must share to be compared: program, warm or cold caches, measured or not."""
        words = [self.runner, "warm cache" * self.warm_cache, "imported" * self.kept_apart]
        return ", ".join(filter(None, words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case, timed back to back: latency, size and accuracy of the very same file."""

    file: File
    setup: Setup
    case_key: str = column("identity of the case: file, device, tool, delegate, protocol, ...")
    session: str = column("the session in which it was timed")
    latency_us_median: float | None = maybe("median latency of the file as timed alone", "us")
    latency_us_low: float | None = maybe("lower end of its 95 % interval over processes", "us")
    latency_us_high: float | None = maybe("upper end of its 95 % interval over processes", "us")
    includes_frontend: bool = column("latency per second of audio pays for the front-end")
    audio_s_per_inference: float | None = maybe("audio that one inference pays for: the hop", "s")
    latency_us_per_audio_s: float | None = maybe(
        "front-end of a hop and file, over the hop", "us/s"
    )
    size_bytes: int = column("size of the file", "bytes")
    score_mean: float | None = maybe("mean accuracy over the tasks", "[0, 1]")
    score_low: float | None = maybe("lower end of its 95 % interval", "[0, 1]")
    score_high: float | None = maybe("upper end of its 95 % interval", "[0, 1]")
    score_task_set: str | None = maybe("which tasks were scored")
    on_frontier: bool = column("no row is faster and as accurate or better", default=False)
    caveats: tuple[Caveat, ...] = ()
    processes: int = column("how many processes the interval is over")
    init_us_median: float | None = maybe("median time to load the model", "us")
    frontend: Frontend = column("in graph, added, missing or none needed")  # noqa: RUF009 - a field
    frontend_us_per_hop: float | None = maybe("median latency of the front-end of a hop", "us")
    frontend_us_per_hop_low: float | None = maybe("lower end of its 95 % interval", "us")
    frontend_us_per_hop_high: float | None = maybe("upper end of its 95 % interval", "us")
    latency_us_per_audio_s_low: float | None = maybe("lower end of its 95 % interval", "us/s")
    latency_us_per_audio_s_high: float | None = maybe("upper end of its 95 % interval", "us/s")
    parameters: int | None = maybe("weights of the model")
    macs: int | None = maybe("multiply-accumulates of one inference")
    partitions: int | None = maybe("pieces in which the delegate took the graph")
    nodes_delegated: int | None = maybe("operators that the delegate took")
    nodes_total: int | None = maybe("operators of the graph")
    operators_left: str | None = maybe("operators outside the delegate, as HARD_SWISH:18;MEAN:2")
    score_floor_mean: float | None = maybe(
        "mean accuracy of the log-mel floor, same clips", "[0, 1]"
    )
    chance_mean: float | None = maybe("mean accuracy of guessing", "[0, 1]")
    cosine_mean: float | None = maybe("mean cosine of embeddings to the float32 source's")
    cosine_min: float | None = maybe("worst cosine of embeddings to the float32 source's")
    snr_db: float | None = maybe("signal to noise against the float32 source's embeddings", "dB")
    latency_us_mean: float | None = maybe("mean of an imported log's inferences", "us")
    latency_us_min: float | None = maybe("fastest inference of all processes", "us")
    latency_us_p5: float | None = maybe("5th percentile of all inferences", "us")
    latency_us_p90: float | None = maybe("90th percentile of all inferences", "us")
    latency_us_p95: float | None = maybe("95th percentile of all inferences", "us")
    first_us_median: float | None = maybe("median first inference of a process", "us")
    process_spread_ratio: float | None = maybe("range of the processes' medians over theirs")
    memory_mb_peak: float | None = maybe("highest resident memory", "MiB")
    sessions: int = column("sessions of this very case on the device", default=1)
    session_spread_ratio: float | None = maybe("range of their medians over their median")
    score_rule: str | None = maybe("which windows of a clip are scored, and by which head")
    hop_s_reference: float | None = maybe("hop that this row's is compared with", "s")
    score_change: float | None = maybe("score less that at the reference hop, same clips")
    score_change_low: float | None = maybe("lower end of its 95 % interval, of pairs")
    score_change_high: float | None = maybe("upper end of its 95 % interval, of pairs")
    score_less_floor: float | None = maybe("score less the log-mel floor, same clips")
    score_less_floor_low: float | None = maybe("lower end of its 95 % interval, of pairs")
    score_less_floor_high: float | None = maybe("upper end of its 95 % interval, of pairs")
    energy_j_per_inference: float | None = maybe("energy of one sustained inference", "J")
    energy_j_per_inference_low: float | None = maybe("lower end of its 95 % interval", "J")
    energy_j_per_inference_high: float | None = maybe("upper end of its 95 % interval", "J")
    energy_j_per_hour: float | None = maybe("energy of an hour of streaming at this hop", "J")
    energy_j_per_hour_low: float | None = maybe("lower end of its 95 % interval", "J")
    energy_j_per_hour_high: float | None = maybe("upper end of its 95 % interval", "J")
    energy_rails: str | None = maybe("rails that were counted, as NAME (SUBSYSTEM);...")
    on_frontier_probability: float | None = maybe(
        "probability that no row is faster and as accurate or better, of 1000 draws", "[0, 1]"
    )
    score_over_voices_low: float | None = maybe("lower end of its 95 % interval for other voices")
    score_over_voices_high: float | None = maybe("upper end of its 95 % interval for other voices")
    # No column: which test clips were right.
    answers: Answers | None = dataclasses.field(default=None, compare=False, repr=False)

    def __hash__(self) -> int:
        """Returns the hash of its identity: that of all columns takes seconds for many rows."""
        return hash((self.case_key, self.session, self.audio_s_per_inference))

    @property
    def not_timed(self) -> str:
        """Why it has no median latency, where it has none."""
        return "not timed" if self.latency_us_mean is None else "its log has a mean and no median"


# The published columns of results.csv, which come first there; others follow as declared.
PUBLISHED = (
    "artifact_sha256", "student", "format", "device", "runner", "delegate", "threads",
    "latency_us_median", "latency_us_low", "latency_us_high", "includes_frontend",
    "audio_s_per_inference", "latency_us_per_audio_s", "size_bytes", "score_mean", "score_low",
    "score_high", "score_task_set", "on_frontier", "caveats", "caveat_evidence",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One artifact's score on one task."""

    artifact_sha256: str = column("identity of the file that was scored")
    student: str = column("the model's name")
    format: Format = column("number format of the file")  # noqa: RUF009 - a field
    task: str = column("what was classified or searched for")
    metric: str = column(
        "balanced_accuracy (unweighted average recall), accuracy, recall, top1, 1-eer (one less "
        "the equal error rate) or mean_average_precision"
    )
    value: float = column("the score", "[0, 1]")
    low: float = column("lower end of its 95 % interval", "[0, 1]")
    high: float = column("upper end of its 95 % interval", "[0, 1]")
    chance: float = column("what guessing scores", "[0, 1]")
    floor: float | None = maybe("what the log-mel floor scores on the same clips", "[0, 1]")
    test_clips: int = column("clips or queries judged")
    hop_s: float | None = maybe("audio between two windows", "s")
    rule: str | None = maybe("which windows of a clip are scored, and by which head")
    hop_s_reference: float | None = maybe("hop that this row's is compared with", "s")
    change: float | None = maybe("score less that at the reference hop, same clips")
    change_low: float | None = maybe("lower end of its 95 % interval, of pairs")
    change_high: float | None = maybe("upper end of its 95 % interval, of pairs")
    same_windows: float | None = maybe("clips with the same windows at both hops", "[0, 1]")
    voices: int | None = maybe("voices tested, where the speakers are known")
    recall_by_voice: str | None = maybe("recall of each voice, as Allison:0.861;June:0.079")
    over_voices_low: float | None = maybe("lower end of its 95 % interval for other voices")
    over_voices_high: float | None = maybe("upper end of its 95 % interval for other voices")
    neighbours: float | None = maybe("what the ten nearest clips score, without a head", "[0, 1]")
    chosen_head: str | None = maybe("the head that was the best on the test part, which chose it")
    heads_tried: int | None = maybe("heads with a normalisation each that it was chosen from")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApartScore:
    """One artifact's score that is on no frontier and compared with none in results or tasks."""

    file: File
    task_set: str = column("which tasks were scored")
    task_set_sha256: str = column("identity of their clips, labels and splits")
    task: str = column("one of them, or mean")
    metric: str = column("that of the task; empty for the mean", default="")
    hop_s: float = column("audio between two windows", "s")
    protocol: str = column("how the head is chosen: default or noss-published")
    condition: str | None = maybe("what the test clips are heard in; empty for clean ones")
    value: float = column("the score", "[0, 1]")
    low: float = column("lower end of its 95 % interval", "[0, 1]")
    high: float = column("upper end of its 95 % interval", "[0, 1]")
    chosen_head: str | None = maybe("the head that was the best on the test part")
    heads_tried: int | None = maybe("heads with a normalisation each that it was chosen from")
    change: float | None = maybe("score in the condition less that of the same clips clean")
    change_low: float | None = maybe("lower end of its 95 % interval, of pairs")
    change_high: float | None = maybe("upper end of its 95 % interval, of pairs")
    caveats: tuple[Caveat, ...] = ()

    @property
    def chosen_by_test(self) -> bool:
        """Whether the test part chose the heads."""
        return self.protocol != "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The energy of one case, from the rails of a device's own meter; not measured by default."""

    energy_j_per_inference: float | None = maybe("energy of one inference", "J")
    energy_j_per_inference_low: float | None = maybe("lower end of its 95 % interval", "J")
    energy_j_per_inference_high: float | None = maybe("upper end of its 95 % interval", "J")
    energy_j_per_hour: float | None = maybe("energy of an hour of listening at the hop", "J")
    energy_j_per_hour_low: float | None = maybe("lower end of its 95 % interval", "J")
    energy_j_per_hour_high: float | None = maybe("upper end of its 95 % interval", "J")
    power_w: float | None = maybe("mean power of the rails while it ran", "W")
    power_w_low: float | None = maybe("lower end of its 95 % interval", "W")
    power_w_high: float | None = maybe("upper end of its 95 % interval", "W")
    idle_power_w: float | None = maybe("mean power of the same rails without it", "W")
    energy_rails: str | None = maybe("rails that were counted, as NAME (SUBSYSTEM);...")
    energy_meter: str | None = maybe("how their counters were read: files or perfetto")
    energy_windows: int | None = maybe("pairs of readings")
    energy_plugged: str | None = maybe("what powered the device; rails are behind it")
    energy_gap: str | None = maybe("why there is no energy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One case in the streaming mode: one inference per hop, idle in between."""

    file: File
    setup: Setup
    case_key: str = column("identity of the case")
    session: str = column("the session in which it was timed")
    processes: int = column("how many processes the intervals are over")
    hop_s: float = column("audio between two inferences", "s")
    latency_us_median: float = column("median latency of the file alone, after idling", "us")
    latency_us_low: float | None = maybe("lower end of its 95 % interval", "us")
    latency_us_high: float | None = maybe("upper end of its 95 % interval", "us")
    back_to_back_us: float | None = maybe("its median latency without idling, same session", "us")
    frontend: Frontend = column("in graph, added, missing or none needed")  # noqa: RUF009 - a field
    frontend_us_per_hop: float | None = maybe("median latency of the front-end of a hop", "us")
    frontend_us_per_hop_low: float | None = maybe("lower end of its 95 % interval", "us")
    frontend_us_per_hop_high: float | None = maybe("upper end of its 95 % interval", "us")
    real_time_ratio: float = column("latency with the front-end over the hop")
    real_time_ratio_low: float | None = maybe("lower end of its 95 % interval")
    real_time_ratio_high: float | None = maybe("upper end of its 95 % interval")
    core_share: float = column("cores kept busy, at most, with the front-end")
    core_share_low: float | None = maybe("lower end of its 95 % interval")
    core_share_high: float | None = maybe("upper end of its 95 % interval")
    caveats: tuple[Caveat, ...] = ()
    power: Power = Power()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One point of the curve of an ``Endurance``."""

    at_s: float = column("begin, since the first one's", "s")
    until_s: float = column("end, since the first one's begin", "s")
    latency_us: float = column("median, or the mean where the tool gives no median", "us")
    latency_ratio: float = column("over the start of its curve")
    thermal_status: float | None = maybe("after it; 0 for none")
    temp_c: float | None = maybe("after it, of the processor, else of the skin", "degrees Celsius")
    clock_khz: float | None = maybe("after it, of the fastest cores", "kHz")
    cap_khz: float | None = maybe("after it, the highest they might run at", "kHz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endurance:
    """One case in the sustained mode: minutes without a pause, the file alone.

    Args:
        points: its curve, in the order of time; a table of their own.
    """

    file: File
    setup: Setup
    points: tuple[Slice, ...]
    case_key: str = column("identity of the case")
    session: str = column("the session in which it was timed")
    slices: int = column("points of its curve")
    duration_s: float = column("from the first slice's begin to the last one's end", "s")
    start_us: float = column("median of the first three slices", "us")
    start_us_low: float = column("fastest of them", "us")
    start_us_high: float = column("slowest of them", "us")
    end_us: float = column("median of the last quarter of the slices", "us")
    end_us_low: float = column("fastest of them", "us")
    end_us_high: float = column("slowest of them", "us")
    is_steady: bool = column("the last two quarters differ by at most 3 %")
    throttled_after_s: float | None = maybe("begin of three slices 10 % slower than the start", "s")
    thermal_status_highest: float | None = maybe("Android's, 0 for none")
    temp_c_highest: float | None = maybe("of the processor, else of the skin", "degrees Celsius")
    clock_khz_lowest: float | None = maybe("of the fastest cores, after a slice", "kHz")
    caveats: tuple[Caveat, ...] = ()
    power: Power = Power()


Timed: TypeAlias = Row | Stream | Endurance


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows as plain values, ready for a CSV file or JSON."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def select(self, names: Sequence[str]) -> Listing:
        """Returns these columns alone, in this order."""
        places = [self.columns.index(name) for name in names]
        rows = tuple(tuple(row[place] for place in places) for row in self.rows)
        return Listing(columns=tuple(names), rows=rows)

    def records(self) -> list[dict[str, Value]]:
        """Returns each row by column, for JSON."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def beside(self, other: Listing) -> Listing:
        """Returns these columns, then those of ``other``, which has as many rows."""
        rows = zip(self.rows, other.rows, strict=True)
        return Listing(
            columns=(*self.columns, *other.columns), rows=tuple((*a, *b) for a, b in rows)
        )


_PARTS: dict[str, type[object]] = {"file": File, "setup": Setup, "power": Power}
_TEXTS = {"caveats": kinds_text, "caveat_evidence": evidence_text}
NUMBERS = ("int", "float")


def columns(record: type[object], *, of: tuple[str, ...] = ("",)) -> tuple[str, ...]:
    """Returns the columns of ``record``, a dataclass of a row, in the order of its fields.

    Args:
        of: how their types begin, such as ``NUMBERS``; by default all.
    """
    names: list[str] = []
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # records are dataclasses
        if field.name in _PARTS:
            names += columns(_PARTS[field.name], of=of)
        elif "meaning" in field.metadata and str(field.type).startswith(of):
            names.append(field.name)
        elif field.name == "caveats" and "" in of:
            names += _TEXTS
    return tuple(names)


def listing(rows: Iterable[R], record: type[R], *, only: Sequence[str] | None = None) -> Listing:
    """Returns rows, all of them ``record``, as values.

    Args:
        only: the columns to return, in this order; by default all.
    """
    names = columns(record) if only is None else tuple(only)
    places = _places(cast("Any", record))
    readers = [attrgetter(places[name].path) for name in names]
    texts = [(at, text) for at, name in enumerate(names) if (text := places[name].text)]
    found = []
    for row in rows:
        values = [read(row) for read in readers]
        for at, text in texts:
            values[at] = text(values[at])
        found.append(tuple(values))
    return Listing(columns=names, rows=tuple(found))


class _Place(NamedTuple):
    """Where the value of a column is in a record, such as ``setup.device``, and its text."""

    path: str
    text: Callable[[Iterable[Caveat]], str] | None = None


@cache
def _places(record: type[Any]) -> Mapping[str, _Place]:
    found: dict[str, _Place] = {}
    for field in dataclasses.fields(record):
        if field.name in _PARTS:
            inner = _places(cast("Any", _PARTS[field.name]))
            found |= {name: _Place(f"{field.name}.{place.path}") for name, place in inner.items()}
        elif "meaning" in field.metadata:
            found[field.name] = _Place(field.name)
        elif field.name == "caveats":
            found |= {name: _Place(field.name, text) for name, text in _TEXTS.items()}
    return found


def grouped(rows: Iterable[R], key: Callable[[R], K]) -> Mapping[K, list[R]]:
    """Returns rows by their key, in the order of the first row of each."""
    groups: defaultdict[K, list[R]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
