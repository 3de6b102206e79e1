"""The grammar of logs: a table of patterns, and what each line adds to the findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.tool.parse import counts
from bench.tool.parse.counts import NUMBER, WHOLE, Counts
from bench.tool.parse.delegation import Delegation, Share, canonical
from bench.tool.parse.lines import Line
from bench.tool.parse.toollog import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The line that ends a run of the interpreter tool, in microseconds."""

    init: float
    first: float | None
    warmup: float
    inference: float


@dataclass(slots=True)
class Findings:
    """The content of the lines of one process, before it is interpreted.

    Args:
        dialects: programs that the lines come from.
        phases: the minimum number of runs of each phase that began.
        counts: number of phases begun before, and statistics, of each statistics line.
        report: label to milliseconds (MB for memory), of LiteRT's results block.
        report_runs: runs of the warm-up and of the measurement in that block.
        marks: number of occurrences of each line that a process prints once.
    """

    dialects: set[Dialect] = field(default_factory=set)
    delegation: Delegation = field(default_factory=Delegation)
    phases: list[int] = field(default_factory=list)
    counts: list[tuple[int, Counts]] = field(default_factory=list)
    timings: list[Timings] = field(default_factory=list)
    report: dict[str, float] = field(default_factory=dict)
    report_runs: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    session_ms: float | None = None
    asked_runs: int | None = None
    dry_run: bool = False
    memory_mb: dict[str, float] = field(default_factory=dict)
    model_size_mb: float | None = None
    threads: int | None = None
    unconsumed: list[str] = field(default_factory=list)
    accelerators: list[str] = field(default_factory=list)
    fully_accelerated: bool | None = None
    signature: str | None = None
    logcat: bool = False

    def mark(self, name: str) -> None:
        """Counts a line that a process prints once."""
        self.marks[name] = self.marks.get(name, 0) + 1


Handler = Callable[[Findings, re.Match[str]], None]

_FLAG = re.compile(r"--(\w+)=([^\s`]+)")
_TRUE = ("1", "true")
_REPORT = {
    "Model initialization": "init",
    "Warmup (first)": "warmup_first",
    "Warmup (avg)": "warmup_avg",
    "Inference (avg)": "avg",
    "Inference (min)": "min",
    "Inference (max)": "max",
    "Inference (std)": "std",
    "Inference (median)": "median",
    "Inference (p5)": "p5",
    "Inference (p95)": "p95",
}
_FOOTPRINTS = {"Init footprint": "init", "Overall footprint": "overall", "Peak memory": "peak"}


def gather(lines: Iterable[Line]) -> Findings:
    """Returns the findings in the lines of one process."""
    findings = Findings()
    for line in lines:
        findings.logcat = findings.logcat or line.logcat
        if line.source or line.tag == "litert":
            findings.dialects.add(Dialect.COMPILED_MODEL)
        if line.tag == "benchmark_litert_model":
            findings.dialects.add(Dialect.LITERT_PYTHON)
        for pattern, handler, dialect in _RULES:
            if match := pattern.match(line.text):
                handler(findings, match)
                if dialect is not None:
                    findings.dialects.add(dialect)
                break
    return findings


def _mark(name: str) -> Handler:
    return lambda findings, _: findings.mark(name)


def _store(name: str, kind: Callable[[str], object]) -> Handler:
    return lambda findings, match: setattr(findings, name, kind(match[1]))


def _phase(findings: Findings, match: re.Match[str]) -> None:
    findings.phases.append(int(match[1]))


def _count(findings: Findings, match: re.Match[str]) -> None:
    findings.counts.append((len(findings.phases), counts.from_match(match)))


def _timings(findings: Findings, match: re.Match[str]) -> None:
    init, first, warmup, inference = (float(value) for value in match.groups())
    findings.timings.append(Timings(init=init, first=first, warmup=warmup, inference=inference))


def _old_timings(findings: Findings, match: re.Match[str]) -> None:
    warmup, init, inference = (float(match[index]) for index in (1, 2, 3))
    findings.timings.append(Timings(init=init, first=None, warmup=warmup, inference=inference))
    _old_memory(findings, match)


def _old_memory(findings: Findings, match: re.Match[str]) -> None:
    if resident := re.search(rf"max resident set size = ({NUMBER}) ?MB", match.string):
        findings.memory_mb["max_rss"] = float(resident[1])


def _session(findings: Findings, match: re.Match[str]) -> None:
    findings.session_ms = float(match[1])
    findings.mark("session")


def _footprint(findings: Findings, match: re.Match[str]) -> None:
    findings.memory_mb |= {"init": float(match[1]), "overall": float(match[2])}


def _peak(findings: Findings, match: re.Match[str]) -> None:
    findings.memory_mb["peak"] = float(match[1])


def _report(findings: Findings, match: re.Match[str]) -> None:
    label, value, runs = match[1], float(match[2]), match[3]
    if label in _FOOTPRINTS:
        findings.memory_mb[_FOOTPRINTS[label]] = value
        return
    name = _REPORT[label]
    findings.mark(f"report {name}")
    findings.report[name] = value
    if runs is not None:
        findings.report_runs[name] = int(runs)


def _unconsumed(findings: Findings, match: re.Match[str]) -> None:
    findings.unconsumed += match[1].split()


def _use(findings: Findings, match: re.Match[str]) -> None:
    if match[2].lower() in _TRUE:
        findings.delegation.request(canonical(match[1]))


def _library(name: str) -> Handler:
    return lambda findings, _: findings.delegation.request(name)


def _full(findings: Findings, match: re.Match[str]) -> None:
    findings.delegation.full_required = match[1] in _TRUE


def _command(findings: Findings, match: re.Match[str]) -> None:
    flags: dict[str, str] = {}
    for name, value in _FLAG.findall(match[1]):
        flags.setdefault(name, value.strip("'\""))  # the first copy wins, as in the tool
    for name, value in flags.items():
        if name in _LIBRARY_FLAGS:
            findings.delegation.request(_LIBRARY_FLAGS[name])
        elif name == "require_full_delegation":
            findings.delegation.full_required = value in _TRUE
        elif name == "use_cpu":
            findings.delegation.cpu_forbidden = value not in _TRUE
        elif name == "num_runs" and re.fullmatch(WHOLE, value):
            findings.asked_runs = int(value)
        elif value in _TRUE and re.fullmatch(_ACCELERATOR_FLAG, name):
            findings.delegation.request(canonical(name))


def _applied(findings: Findings, match: re.Match[str]) -> None:
    name = canonical(match[1])
    findings.delegation.applied.append(name)
    if match[2] == "partially":
        findings.delegation.partial.add(name)
    if match[3]:
        findings.delegation.kernels[name] = int(match[3])


def _refused(findings: Findings, match: re.Match[str]) -> None:
    findings.delegation.refused.setdefault(canonical(match[1]), match.string)


def _unloaded(findings: Findings, match: re.Match[str]) -> None:
    findings.delegation.unloaded.setdefault(canonical(match[1]), match.string)


def _fallback(findings: Findings, match: re.Match[str]) -> None:
    findings.delegation.fallback = match.string


def _replacing(findings: Findings, match: re.Match[str]) -> None:
    share = Share(
        delegate=canonical(match["name"]),
        nodes=int(match["nodes"]),
        total=int(match["total"]) if match["total"] else None,
        partitions=int(match["partitions"]) if match["partitions"] else None,
        subgraph=match["subgraph"],
    )
    findings.delegation.shares.append(share)


def _announced(findings: Findings, match: re.Match[str]) -> None:
    share = Share(
        delegate=canonical(match[1]),
        nodes=int(match[2]),
        total=int(match[3]),
        partitions=int(match[4]) if match[4] else None,
        announced=True,
    )
    findings.delegation.shares.append(share)


def _gpu_split(findings: Findings, match: re.Match[str]) -> None:
    nodes, rest = int(match[1]), int(match[2])
    share = Share(delegate="gpu", nodes=nodes, total=nodes + rest, partitions=None, announced=True)
    findings.delegation.shares.append(share)


def _delegation(name: str) -> Handler:
    return lambda findings, _: setattr(findings.delegation, name, True)


def _accelerators(findings: Findings, match: re.Match[str]) -> None:
    findings.accelerators = [word.strip().lower() for word in match[1].split("|")]
    for name in findings.accelerators:
        if name != "cpu":
            findings.delegation.request(name)


def _fully(findings: Findings, match: re.Match[str]) -> None:
    findings.fully_accelerated = match[1] == "True"


def _nothing(_: Findings, __: re.Match[str]) -> None:
    """For lines that only show which program wrote them."""


_LIBRARY_FLAGS = {"external_delegate_path": "external", "stable_delegate_settings_file": "stable"}
_ACCELERATOR_FLAG = r"use_(?:legacy_)?(gpu|nnapi|hexagon|xnnpack|ynnpack|coreml|npu)"
# The weakest evidence: the CompiledModel tool prints most of these lines, too.
_TOOL = Dialect.INTERPRETER
_ROWS: tuple[tuple[str, Handler, Dialect | None], ...] = (
    # The course of a run
    (r"STARTING!$", _mark("start"), _TOOL),
    (r"Loaded model\b", _mark("loaded"), _TOOL),
    (r"Loading model from: ", _mark("loading"), Dialect.COMPILED_MODEL),
    (rf"Initialized session in ({NUMBER})ms\.?$", _session, _TOOL),
    (rf"Running benchmark for at least ({WHOLE}) iterations?\b", _phase, _TOOL),
    (counts.COUNT.pattern, _count, _TOOL),
    (
        rf"Inference timings in us: Init: ({NUMBER}), First inference: ({NUMBER}), "
        rf"Warmup \(avg\): ({NUMBER}), Inference \(avg\): ({NUMBER})$",
        _timings,
        _TOOL,
    ),
    (
        rf"Average inference timings in us: Warmup: ({NUMBER}), Init: ({NUMBER}), "
        rf"(?:no stats|Inference): ({NUMBER})(?:\s+Overall .*)?$",
        _old_timings,
        _TOOL,
    ),
    # Parameters
    (r"Unconsumed cmdline flags: (.*)", _unconsumed, _TOOL),
    (r"Log parameter values verbosely: ", _nothing, _TOOL),
    (rf"Min num runs: \[({WHOLE})\]$", _store("asked_runs", int), _TOOL),
    (
        rf"(?:Num threads|#threads used for CPU inference) ?: \[(-?{WHOLE})\]$",
        _store("threads", int),
        _TOOL,
    ),
    (r"Graph: \[", _nothing, _TOOL),
    (r"Signature to run: \[(.+)\]$", _store("signature", str), _TOOL),
    (r"Run w/o invoking kernels: \[(\w+)\]$", _store("dry_run", _TRUE.__contains__), _TOOL),
    (r"Require full delegation ?: \[(\w+)\]$", _full, None),
    (
        r"(?i:Use (?:legacy )?(gpu|nnapi|hexagon|xnnpack|ynnpack|coreml|npu)) ?: \[(\w+)\]$",
        _use,
        None,
    ),
    (r"External delegate path ?: \[.+\]$", _library("external"), None),
    (r"(?:Stable d|D)elegate settings file(?: path)? ?: \[.+\]$", _library("stable"), None),
    (r"Running TensorFlow Lite benchmark with args: (.*)", _command, _TOOL),
    (r"(?:.*?benchmark_model[\w.+-]* +)?(--\w.*)", _command, None),  # or a continued line
    # Delegates
    (
        r"(?:Explicitly a|A)pplied (.+?) delegate(?:,? and the model graph will be "
        r"(completely|partially) executed (?:w/|by) the delegate"
        rf"(?: w/ ({WHOLE}) delegate kernels)?)?\.?$",
        _applied,
        _TOOL,
    ),
    (r"Though (.+?) delegate is explicitly applied,", _refused, _TOOL),
    (r"Failed to apply (\S+) delegate\.", _refused, _TOOL),
    (r"(\w+) acceleration is unsupported on this platform", _refused, _TOOL),
    (r"Could not create (\w+) delegate\b", _refused, None),
    (
        rf"Replacing (?P<nodes>{WHOLE})(?: out of (?P<total>{WHOLE}))? node\(s\) with delegate "
        rf"\((?P<name>.*?)\)(?: node(?:, yielding (?P<partitions>{WHOLE}) partitions?"
        rf"(?: for (?:the whole graph|subgraph (?P<subgraph>{WHOLE})(?: \(.*\))?))?)?)?\.?$",
        _replacing,
        None,
    ),
    (
        rf"(.*?)(?: ?[Dd]elegate)?: ({WHOLE}) nodes delegated out of ({WHOLE}) nodes?"
        rf"(?:,? with ({WHOLE}) partitions?)?\.?$",
        _announced,
        None,
    ),
    (
        rf"(?:First )?({WHOLE}) operations will run on the GPU, and the remaining ({WHOLE})\b",
        _gpu_split,
        None,
    ),
    (r"Created TensorFlow Lite XNNPACK delegate for CPU", _delegation("xnnpack_created"), None),
    (
        r"Failed to apply the default TensorFlow Lite delegate|Ignoring failed application of the "
        r"default|Attempting to use a delegate that only supports static-sized tensors",
        _delegation("default_refused"),
        None,
    ),
    (
        r"(GPU|NPU) accelerator could not be (?:dynamically )?loaded",
        _unloaded,
        Dialect.COMPILED_MODEL,
    ),
    (r".*\b(?i:fall(?:s|ing)? ?back to (?:the )?CPU)\b", _fallback, None),
    # Sizes
    (rf"The input model file size \(MB\): ({NUMBER})$", _store("model_size_mb", float), _TOOL),
    (
        rf"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): "
        rf"init=({NUMBER}) overall=({NUMBER})$",
        _footprint,
        _TOOL,
    ),
    (rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({NUMBER})$", _peak, _TOOL),
    (r"(?:\[Overall\] - Memory usage: |Overall )max resident set size = ", _old_memory, _TOOL),
    (r"(?:Benchmarking failed|usage: \S*benchmark_model\b)", _nothing, _TOOL),
    (r"(?:Operator-wise )?Profiling Info for ", _nothing, _TOOL),
    # LiteRT's results block
    (r"=+ BENCHMARK RESULTS =+$", _mark("report"), Dialect.COMPILED_MODEL),
    (r"BENCHMARK RESULTS$", _mark("report"), Dialect.LITERT_PYTHON),
    (
        rf"(Model initialization|Warmup \((?:first|avg)\)"
        rf"|Inference \((?:avg|min|max|std|median|p5|p95)\)"
        rf"|Init footprint|Overall footprint|Peak memory):\s+({NUMBER})(?: (?:ms|MB))?"
        rf"(?: \(({WHOLE}) runs\))?$",
        _report,
        Dialect.COMPILED_MODEL,
    ),
    (r"Signature name:\s+(.+)", _store("signature", str), Dialect.COMPILED_MODEL),
    # LiteRT's Python tool
    (r"Accelerators:\s+(.+)", _accelerators, Dialect.LITERT_PYTHON),
    (rf"Model size:\s+({NUMBER}) MB$", _store("model_size_mb", float), Dialect.LITERT_PYTHON),
    (rf"Num threads:\s+({WHOLE})$", _store("threads", int), Dialect.LITERT_PYTHON),
    (rf"Benchmark runs:\s+({WHOLE})$", _store("asked_runs", int), Dialect.LITERT_PYTHON),
    (r"Using signature: (.+)", _store("signature", str), Dialect.LITERT_PYTHON),
    (r"Fully accelerated:\s+(True|False)$", _fully, Dialect.LITERT_PYTHON),
    # Other programs
    (
        r"The list of TFLite runtime options to be benchmarked|There are invalid perf options"
        r"|=+Summary of All Runs w/ Different Performance Options",
        _nothing,
        Dialect.PERFORMANCE_OPTIONS,
    ),
    (
        r"Num evaluation runs: |(?:Reference|Test) run latency: |OutputDiff\[",
        _nothing,
        Dialect.INFERENCE_DIFF,
    ),
)
_RULES = tuple((re.compile(pattern), handler, dialect) for pattern, handler, dialect in _ROWS)
