"""The lines that a benchmark program prints, in their order: what is searched for in a paste."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from bench.tool.parse.counts import COUNT, NUMBER, WHOLE
from bench.tool.parse.lines import Line, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One kind of line.

    Args:
        kind: our name of it.
        begin: what such a line begins with; found anywhere, it marks a line of a benchmark program.
        whole: pattern of the whole line; ``None`` if any rest may follow.
        marks: whether ``begin`` is so particular that it marks a line of a benchmark program.
    """

    kind: str
    begin: re.Pattern[str]
    whole: re.Pattern[str] | None = None
    marks: bool = True


def _form(kind: str, begin: str, rest: str | None = None, *, marks: bool = True) -> Form:
    whole = None if rest is None else re.compile(f"(?:{begin}){rest}$")
    return Form(kind=kind, begin=re.compile(begin), whole=whole, marks=marks)


_FOOTPRINT = rf" init={NUMBER} overall={NUMBER}"
FORMS = (
    _form("start", r"STARTING!", ""),
    _form("echo", r"Log parameter values verbosely:", r" \[\w+\]"),
    _form("runs", r"Min num runs ?:", r" \[.*\]"),
    _form("warmups", r"Min warmup runs ?:", r" \[.*\]"),
    _form("threads", r"Num threads ?:", r" \[.*\]"),
    _form("graph", r"Graph:(?= \[)", r" \[.*\]"),
    _form("unconsumed", r"Unconsumed cmdline flags:"),
    _form("options", r"The list of TFLite runtime options to be benchmarked", r": \[.*\]"),
    _form("loaded", r"Loaded model(?= )"),
    _form("loading", r"Loading model from:"),
    _form("size", r"The input model file size \(MB\):", rf" {NUMBER}"),
    _form("session", r"Initialized session in", rf" {NUMBER}ms\.?"),
    _form(
        "phase",
        r"Running benchmark for at least",
        rf" {WHOLE} iterations? and at least {NUMBER} seconds"
        rf"(?: but terminate if exceeding {NUMBER} seconds\.)?",
    ),
    _form("tensorflow", r"Running benchmark for max \d+ iterations"),
    _form("profile", r"Timings \(microseconds\): count="),
    _form("profile", r"(?:Operator-wise )?Profiling Info for "),
    _form(
        "row",
        r"(?:cpu w/ \d+ threads|gpu-|nnapi\b|dsp\b|coreml\b)[^:\n]{0,60}: +(?=count=|failed!)",
        rf"(?:{COUNT.pattern}|failed!)",
    ),
    Form(kind="count", begin=re.compile(r"count=(?=\d)"), whole=COUNT),
    _form(
        "timings",
        r"Inference timings in us:(?= Init: *\d)",
        rf" Init: {NUMBER}, First inference: {NUMBER}, Warmup \(avg\): {NUMBER}, "
        rf"Inference \(avg\): {NUMBER}",
    ),
    _form(
        "timings",
        r"Average inference timings in us:(?= Warmup: *\d)",
        rf" Warmup: {NUMBER}, Init: {NUMBER}, (?:no stats|Inference): {NUMBER}"
        rf"(?:, with stats: {NUMBER})?(?:\s+Overall .*)?",
    ),
    _form("note", r"Note: as the benchmark tool itself affects memory", r".*your discretion\."),
    _form(
        "memory",
        r"Memory footprint delta from the start of the tool \(MB\):",
        _FOOTPRINT,
    ),
    _form("memory", r"Peak memory footprint \(MB\):", _FOOTPRINT),
    _form("peak", r"Overall peak memory footprint \(MB\) via periodic monitoring:", rf" {NUMBER}"),
    _form("report", r"=+ BENCHMARK RESULTS =+", ""),
    _form("python report", r"BENCHMARK RESULTS$", ""),
    _form("summary", r"=+Summary of All Runs w/ Different Performance Options=+", ""),
    _form(
        "label",
        r"(?:Model initialization|Warmup \((?:first|avg)\)"
        rf"|Inference \((?:avg|min|max|median|p5|p95)\)): +(?={NUMBER} ms\b)"
        rf"|Inference \(std\): +(?={NUMBER})|Throughput: +(?={NUMBER} MB/s)",
        rf"{NUMBER}(?: MB/s| ms)?(?: \(\d+ runs\))?",
    ),
    _form(
        "python",
        r"(?:Model size|Accelerators|Warmup runs|Benchmark runs|Fully accelerated): {2,}(?=\S)"
        r"|Using signature: (?=\S)",
    ),
    _form(
        "difference",
        r"Num evaluation runs: (?=\d)|(?:Reference|Test) run latency: |OutputDiff\[\d+\]: ",
    ),
    _form("failed", r"Benchmarking failed"),
    _form(
        "error",
        r"Failed to (?:parse flag '|load model|allocate tensors|apply )|Could not open '|Mmap of "
        r"|The model is not a valid Flatbuffer|Didn't find op for builtin opcode"
        r"|Encountered unresolved custom op|Node number \d+ \(|There are invalid perf options"
        r"|Error while parsing the flags|Please specify the name of your TF Lite"
        r"|Select TensorFlow op\(s\)",
    ),
    _form(
        "applied",
        r"Explicitly applied(?= \S)",
        r" .+ delegate, and the model graph will be (?:completely executed by the delegate"
        r"|partially executed by the delegate w/ \d+ delegate kernels)\.",
    ),
    _form(
        "refused",
        r"Though .{1,80} delegate is explicitly applied",
        r", the model graph will not be executed by the delegate\.",
    ),
    _form(
        "replacing",
        r"Replacing(?= \d)",
        rf" {WHOLE}(?: out of {WHOLE})? node\(s\) with delegate \(.*\) node, yielding {WHOLE} "
        r"partitions?(?: for (?:the whole graph|subgraph \d+(?: \(.*\))?))?\.",
    ),
    _form("made", r"\w+ delegate created\.", "", marks=False),
    _form("created", r"Created TensorFlow Lite(?= )", r" .+\.", marks=False),
    _form("runtime", r"Initialized TensorFlow Lite runtime\.?", "", marks=False),
    _form(
        "document",
        r"\"(?:accelerators|latency|init_ms|warmup_first_ms|num_warmup_runs|throughput_mb_s)\":",
    ),
    _form("runner", r'\{(?=[^{}\n]{0,200}"frill-bench-litert-runner")'),
)
# Lines of the runtime, which programs of all kinds print.
RUNTIME = re.compile(
    r"Created TensorFlow Lite|Initialized TensorFlow Lite runtime|\w+ delegate created"
    r"|Replacing \d+ |Explicitly applied |Applied \S+ delegate|Unable to load external delegate"
    r"|Following operations are not supported by|(?:First )?\d+ operations will run on"
    r"|Loaded OpenCL library|Initialized OpenCL-based API|Created \d+ GPU delegate kernels"
    r"|TfLite\w+|NN ?API |Could not create \w+ delegate|Failed to (?:apply|load) .*delegate"
)
_ANY = re.compile("|".join(f"(?:{form.begin.pattern})" for form in FORMS if form.marks))
# What could be a beginning of a line that was broken after a few words.
_OPENINGS = tuple(
    opening
    for opening in (
        "Running benchmark for at least",
        "Inference timings in us: Init: ",
        "Average inference timings in us: Warmup: ",
        "Note: as the benchmark tool itself affects memory footprint",
        "Memory footprint delta from the start of the tool (MB): init=",
        "Peak memory footprint (MB): init=",
        "Overall peak memory footprint (MB) via periodic monitoring: ",
        "The input model file size (MB): ",
        "Initialized session in ",
        "Log parameter values verbosely: ",
        "Explicitly applied ",
        "Though ",
        "Replacing ",
        "==============Summary of All Runs w/ Different Performance Options",
        "========== BENCHMARK RESULTS",
        "Created TensorFlow Lite ",
        "Initialized TensorFlow Lite runtime.",
    )
)
_CACHED = 200_000  # lines; each is used several times
_SHORTEST = 8  # letters of an opening that are enough to know it


@lru_cache(maxsize=_CACHED)
def message(raw: str) -> Line:
    """Returns the message of one line of a paste; without text if it is empty or a note."""
    return next(iter(read(raw)), Line(text=""))


@lru_cache(maxsize=_CACHED)
def find(text: str) -> Form | None:
    """Returns the form of a message; ``None`` if it has none."""
    return next((form for form in FORMS if form.begin.match(text)), None)


@lru_cache(maxsize=_CACHED)
def search(raw: str) -> re.Match[str] | None:
    """Returns where a line of a benchmark program begins in ``raw``; ``None`` if nowhere."""
    return _ANY.search(raw)


def variety(text: str) -> int:
    """Returns the number of different beginnings of such lines in ``text``."""
    return len({match[0].split("=")[0] for match in _ANY.finditer(text)})


def is_broken(text: str) -> bool:
    """Returns whether a message is only the beginning of a line of a benchmark program."""
    form = find(text)
    if form is not None and form.whole is not None:
        return not form.whole.match(text)
    return form is None and any(
        len(text) >= _SHORTEST and (opening.startswith(text) or text.startswith(opening))
        for opening in _OPENINGS
    )


def is_whole(text: str) -> bool:
    """Returns whether a message is a whole line of a form that has an end."""
    form = find(text)
    return form is not None and form.whole is not None and form.whole.match(text) is not None
