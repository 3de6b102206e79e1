"""What differs between the sides of a gate besides the models: sentences that reports begin with.

A ratio is of two files. Another tool, runtime, number format or hop than the baseline was saved
with may change a latency too, so it is shown before any verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.flow.gate.bundle import BundledTool
from bench.flow.gate.references import Comparison, FilePair, Side
from bench.gate.verdict import Verdict
from bench.plan.case import Case, Runner

_NOT_RUN = (
    "the candidate brings a tool, which is not run: only a path on the command line is "
    "(--benchmark-binary PATH)"
)
_TRY = "--own-tools --measure-unchanged measures each side with its own"


def of_sides(
    comparison: Comparison, candidate: Side, binary: Path | None = None
) -> tuple[str, ...]:
    """Returns the differences of the files: number formats, hops, and a tool that is not run.

    Args:
        binary: the tool that the command line gives.
    """
    return (
        *(line for pair in comparison.pairs for line in _of_pair(pair)),
        *_of_formats(comparison),
        *([] if candidate.tool is None or binary else [_NOT_RUN]),
    )


def of_own_tools(baseline: Case, candidate: Case) -> str:
    """Returns a sentence on sides that are measured with different tools."""
    new, old = (_named(case.runner, case.tool_sha256) for case in (candidate, baseline))
    same = baseline.artifact_sha256 == candidate.artifact_sha256
    of = "tools alone: the file is the same" if same else "files and tools together"
    tools = f"another tool on each side: {new} instead of {old} on the baseline's"
    return f"{tools}; the ratios are of {of}"


def of_tool(
    saved: BundledTool | None, tool_sha256: str, runner: Runner, *, measured: bool = True
) -> Iterator[str]:
    """Yields a sentence if the tool is not the one that the baseline was saved with.

    Args:
        tool_sha256, runner: of the tool that measures the candidate.
        measured: files are measured; else all of them are equal.
    """
    if saved is None or saved.sha256 == tool_sha256:
        return
    tools = f"{_named(runner, tool_sha256)} instead of {_named(saved.kind, saved.sha256)}"
    how = "both sides are measured with the new one" if measured else "it was not measured"
    again = _TRY if saved.path else "--measure-unchanged measures equal files with the new one"
    yield f"another tool than the baseline was saved with: {tools}; {how} ({again})"


def of_runtimes(saved: Mapping[str, str], runner: Runner) -> Iterator[str]:
    """Yields a sentence for each runtime of our runner that has another version than when saved."""
    if runner is not Runner.LITERT_PYTHON:
        return
    for name, before in sorted(saved.items()):
        now = installed(name)
        if now is not None and now != before:
            yield f"another runtime than the baseline was saved with: {name} {now}, not {before}"


def installed(name: str) -> str | None:
    """Returns the version of a runtime here; ``None`` where it is unknown."""
    if name == "python":
        import platform

        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _named(runner: Runner, sha256: str) -> str:
    return f"{runner} {sha256[:12]}"


def _of_pair(pair: FilePair) -> Iterator[str]:
    if pair.baseline_format is not None and pair.baseline_format is not pair.model.format:
        yield (
            f"{pair.model}: another number format: the baseline's file is {pair.baseline_format}"
        )
    before, after = pair.baseline.artifact, pair.candidate.artifact
    if before is None or after is None:
        return
    for name, old, new in (
        ("role", before.role, after.role),
        ("front-end", before.frontend, after.frontend),
        ("window in samples", before.window_samples, after.window_samples),
        ("hop in samples", before.hop_samples, after.hop_samples),
    ):
        if old != new:
            yield f"{pair.model}: another {name} by its manifest: {new} instead of {old}"


def _of_formats(comparison: Comparison) -> Iterator[str]:
    """Yields the models that are on both sides in different number formats only."""
    sides: dict[Verdict, dict[str, list[str]]] = {Verdict.NEW: {}, Verdict.REMOVED: {}}
    for each in comparison.unmeasured:
        if each.verdict in sides:
            formats = sides[each.verdict].setdefault(each.model.name, [])
            formats.append(each.model.format.value)
    for name, removed in sides[Verdict.REMOVED].items():
        if new := sides[Verdict.NEW].get(name):
            yield (
                f"{name}: another number format, so not compared: {_listed(new)} instead of "
                f"{_listed(removed)}"
            )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
