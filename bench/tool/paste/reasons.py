"""The true reason why a run has no result, where the parser of whole logs has only a symptom."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.tool.parse.lines import Line
from bench.tool.paste import forms, shell

# Other programs: by the name in the command, or by what they print.
_PROGRAMS: tuple[tuple[str, str, str], ...] = (
    (
        "other-tool: TensorFlow's own benchmark_model, not TFLite's",
        r"$.",
        r".*tensorflow/tools/benchmark/benchmark_model\.cc"
        r"|Average inference timings in us:.*, with stats: "
        r"|Running benchmark for max \d+ iterations,.* stat logging",
    ),
    (
        "not-a-benchmark: run_model runs a model; it is not a benchmark program",
        r"run_model",
        r".*\brun_model\.cc:\d+\]|(?:First|Slowest|Fastest) run took \d+ microseconds",
    ),
    (
        "not-a-benchmark: label_image labels a picture; its average time has no warm-up",
        r"label_image",
        r"average time: [\d.]+ ?ms$|.*\blabel_image\.cc:\d+\]",
    ),
    (
        "not-a-benchmark: ONNX Runtime's perf test, not a program of TFLite",
        r"onnxruntime_perf_test",
        r"Average inference time cost: ",
    ),
    ("not-a-benchmark: benchncnn, not a program of TFLite", r"benchncnn", r"$."),
    (
        "not-a-benchmark: trtexec, not a program of TFLite",
        r"trtexec",
        r".*=== Performance summary ===",
    ),
    ("not-a-benchmark: ExecuTorch's runner, not a program of TFLite", r"executor_runner", r"$."),
)
_COMPILED = tuple((text, re.compile(name), re.compile(line)) for text, name, line in _PROGRAMS)
# Codes that only state that numbers are missing.
_SYMPTOMS = ("incomplete", "not-a-benchmark", "tool-failed", "several-runs")
# Codes of what follows from another failure, which may have a line of its own.
_EFFECTS = ("delegate-failed", "delegate-not-seen", "prepare-failed", "aborted")
_CAUSES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (code, re.compile(pattern))
    for code, pattern in (
        (
            "delegate-not-loaded",
            r"(Unable to load external delegate.*|.*dlopen failed: .*"
            r"|.*\b(?:Failed|Unable|Could not|Cannot) (?:to )?load .*delegate.*"
            r"|.*(?:EXTERNAL|external) delegate .*(?:could not be|not) loaded.*)",
        ),
        (
            "gpu-program-failed",
            r"(.*(?:Failed to build program|[Pp]rogram build fail|Build program failure"
            r"|CL_BUILD_PROGRAM_FAILURE|clBuildProgram.*fail|[Ss]hader compil\w+ (?:failed|error)"
            r"|Failed to compile (?:shader|program|kernel)|Failed to link program).*)",
        ),
        ("delegate-not-applied", r"(Could not create \w+ delegate.*)"),
    )
)
_LOST = re.compile(r"Unable to load external delegate")
_NNAPI = re.compile(r"NN API returned error (\w+)")
_ELISION = re.compile(
    r"\W*(?:<\.{3}>|\.{3,}|\u2026|\W(?:\.{3}|\u2026)\W)\W*$"
    r"|\W*(?:snip(?:ped)?|cut|truncated|omitted|skipped|elided|removed|shortened)\W*$"
    r"|.*\b(?:\d+ (?:more )?lines?|rest|some lines|output)\b.*\b(?:omitted|truncated|skipped"
    r"|removed|hidden|elided)\W*$",
    re.IGNORECASE,
)
_INVENTED = re.compile(
    r"Inference timings in us:$|Inference \((?:std dev|stddev|standard deviation|mean|median us)\)"
)
_SHORTENED = re.compile(
    r"(?:Inference \(avg\): [\d.]+ us|Memory footprint delta \(MB\): .*|Warmup \(avg\): [\d.]+ us"
    r"|Init: [\d.]+ us)$"
)


def of(failure: str, lines: Sequence[Line], raw: Sequence[str], command: str) -> str:
    """Returns the reason: ``failure``, or a truer one that the lines give.

    Args:
        failure: code and sentence of the parser of whole logs.
        lines: the messages of the run.
        raw: the same lines as pasted.
        command: the command that started it, or an empty text.
    """
    texts = [line.text for line in lines]
    if (program := other_program(texts, command)) is not None:
        return program
    code = failure.partition(":")[0]
    if code not in (*_SYMPTOMS, *_EFFECTS) or "inference_diff" in failure:
        return failure
    if is_invented(texts):
        return (
            "invented: no benchmark program prints a summary of this form; it was written or "
            "rewritten by its author"
        )
    if (cause := _cause(texts)) is not None:
        return cause
    if code in _EFFECTS:
        return failure
    return _missing(failure, code, texts, raw)


def other_program(texts: Sequence[str], command: str) -> str | None:
    """Returns the failure of a run of another program; ``None`` for TFLite's benchmarks."""
    name = shell.program(command) or ""
    for failure, by_name, by_line in _COMPILED:
        if by_name.fullmatch(name) or any(by_line.match(text) for text in texts):
            return failure
    return None


def is_invented(texts: Sequence[str]) -> bool:
    """Returns whether the summary has a form that no program prints."""
    return any(_INVENTED.match(text) for text in texts)


def lost_delegate(texts: Sequence[str]) -> str | None:
    """Returns the failure of a run whose external delegate was not loaded, else ``None``."""
    return next((f"delegate-not-loaded: {text}" for text in texts if _LOST.match(text)), None)


def is_shortened(texts: Sequence[str]) -> bool:
    """Returns whether the summary was shortened by hand."""
    return any(_SHORTENED.match(text) for text in texts)


def _missing(failure: str, code: str, texts: Sequence[str], raw: Sequence[str]) -> str:
    rest = failure.partition(": ")[2]
    mark = next((line.strip() for line in raw if _ELISION.fullmatch(line.strip())), None)
    if code == "several-runs":
        return failure
    if code == "not-a-benchmark":
        if not any(forms.find(text) or forms.RUNTIME.match(text) for text in texts):
            if not any(forms.search(line) for line in raw):
                return failure
            return "unreadable: lines of a benchmark program are here, in a form that is unknown"
        rest = "lines of TFLite are here, and none of a result"
    if is_shortened(texts):
        return "shortened: the author shortened the summary, and no statistics line is left"
    if mark is not None:
        return f"elided: the author left lines out ({mark}); {rest}"
    last = texts[-1] if texts else ""
    if (form := forms.find(last)) and form.kind == "timings" and forms.is_broken(last):
        return "incomplete: the log is cut off inside the line with the timings"
    return f"incomplete: {rest}"


def _cause(texts: Sequence[str]) -> str | None:
    """Returns the failure of the first cause that a line gives; ``None`` if none does."""
    for code, pattern in _CAUSES:
        for text in texts:
            if found := pattern.match(text):
                return f"{code}: {found[1]}"
    for text in texts:
        if found := _NNAPI.match(text):
            return f"delegate-failed: NNAPI could not be applied ({found[1]})"
    return None
