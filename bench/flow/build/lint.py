"""What is wrong with files before they are shipped: by their graphs, and by what was observed.

Nothing is claimed of a device on which a file was not run.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.config import near
from bench.core.errors import ConfigurationError, ModelFileError
from bench.core.hashing import sha256_file
from bench.core.progress import OnStepProgress, ignore
from bench.core.units import counted, one_line
from bench.flow.build.observed import observations
from bench.plan.case import Delegate
from bench.plan.device import this_machine
from bench.store.store import Store
from models.tflite import litert, reader
from models.tflite.reader import Operator, TfliteFile
from models.zoo import Zoo, name_and_format
from reports.lint.findings import IN_THE_FILE, NOT_RUN, Finding, Lint, Linted, Observation, Rule

HERE = "here"  # the class of this machine
THIS_MACHINE = "this machine"
_MOST_KINDS = 12  # of operators, in one finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be linted.

    Args:
        fail_on: the rules that fail.
        classes: device classes: ``here``, or patterns of names and models of devices; empty for all
            that were observed.
        delegate: only what this one did; ``None`` for all.
    """

    fail_on: frozenset[Rule] = frozenset()
    classes: tuple[str, ...] = ()
    delegate: Delegate | None = None


def lint(
    paths: Sequence[Path],
    asked: Asked,
    *,
    store: Store | None = None,
    on_progress: OnStepProgress = ignore,
) -> Lint:
    """Returns the findings on files.

    Args:
        store: where observations of other devices are.
        on_progress: takes the name of each file that is done.
    """
    known = {path: sha256_file(path) for path in paths}
    stored = {} if store is None else observations(store, known.values())
    files = []
    for done, (path, sha256) in enumerate(known.items(), 1):
        files.append(_linted(path, sha256, stored.get(sha256, ()), asked))
        on_progress(path.name, done, len(known))
    return Lint(files=tuple(files), fail_on=asked.fail_on, classes=asked.classes)


def files_of(refs: Sequence[str], *, zoo: Path) -> list[Path]:
    """Returns the .tflite files that REFs name, each once: files, folders, names in the zoo.

    Raises:
        ConfigurationError: one of them names none.
    """
    found = [path for ref in refs for path in _files_of(ref, zoo)] if refs else _in_folder(zoo)
    if not found:
        raise ConfigurationError(
            f"{zoo}: holds no .tflite file", hint="give files or folders: frill-bench zoo lint DIR"
        )
    return list(dict.fromkeys(found))


def _files_of(ref: str, zoo: Path) -> list[Path]:
    path = Path(ref)
    if path.suffix == ".tflite" or path.is_file():
        return [path]
    if path.is_dir():
        if found := _in_folder(path):
            return found
        raise ConfigurationError(f"{ref}: holds no .tflite file", hint="check the path")
    name, format = name_and_format(ref)
    artifacts = Zoo(zoo).artifacts()
    chosen = [each for each in artifacts if each.name == name and format in (None, each.format)]
    if not chosen:
        names = sorted({each.name for each in artifacts})
        raise ConfigurationError(
            f"{ref}: no such file, and no model of that name in {zoo}{near(name, names)}",
            hint="give a .tflite file, a folder of them, or a name of frill-bench zoo list",
        )
    return [zoo / each.file for each in chosen]


def _in_folder(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.tflite"))


def _linted(path: Path, sha256: str, stored: Sequence[Observation], asked: Asked) -> Linted:
    try:
        file = reader.read(path, closely=True)
    except ModelFileError as error:
        message = one_line(error.message.removeprefix(f"{path.absolute()}: "))
        why = (error.hint,) if error.hint else ()
        finding = Finding(rule=Rule.UNREADABLE, message=message, evidence=_by_litert(), why=why)
        return _file(path, sha256, (finding,), ())
    here = tuple(_seen_here(file))
    seen = [*here, *(each for each in stored if not _is_repeated(each, here))]
    chosen = [each for each in seen if _is_asked(each, asked)]
    findings = [
        *(found for each in chosen for found in _of_observation(each, file)),
        *_dynamic(file),
        *_unknown(file, chosen, asked),
    ]
    order = list(Rule)
    findings.sort(key=lambda each: order.index(each.rule))
    return _file(path, sha256, tuple(findings), tuple(chosen))


def _file(
    path: Path, sha256: str, findings: tuple[Finding, ...], seen: tuple[Observation, ...]
) -> Linted:
    return Linted(
        name=path.stem,
        path=path.as_posix(),
        sha256=sha256,
        size_bytes=path.stat().st_size,
        findings=findings,
        observations=seen,
    )


def _by_litert() -> str:
    return f"observed on {THIS_MACHINE} with the LiteRT interpreter, {litert.runtime()}"


def _seen_here(file: TfliteFile) -> Iterator[Observation]:
    if file.partitions is not None:
        yield Observation(
            device=THIS_MACHINE,
            tool=f"the LiteRT interpreter, {litert.runtime()}",
            delegate=Delegate.XNNPACK.value,
            nodes_total=file.partitions.nodes_total,
            nodes_delegated=file.partitions.nodes_delegated,
            partitions=file.partitions.partitions,
        )


def _is_repeated(stored: Observation, here: Sequence[Observation]) -> bool:
    """Returns whether this machine saw the same with the same runtime in a stored session."""
    is_ours = stored.device == this_machine().name and litert.runtime() in stored.tool
    split = (stored.delegate, stored.nodes_total, stored.nodes_delegated, stored.partitions)
    return is_ours and any(
        split == (each.delegate, each.nodes_total, each.nodes_delegated, each.partitions)
        for each in here
    )


def _is_asked(seen: Observation, asked: Asked) -> bool:
    in_class = not asked.classes or any(_is_of(seen, each) for each in asked.classes)
    return in_class and asked.delegate in (None, seen.delegate)


def _is_of(seen: Observation, device_class: str) -> bool:
    """Returns whether an observation is of a class, whatever the case and the spaces."""
    if seen.device == THIS_MACHINE:
        return device_class == HERE
    pattern = _squeezed(device_class)
    return any(fnmatch.fnmatchcase(_squeezed(name), pattern) for name in (seen.device, seen.model))


def _squeezed(text: str) -> str:
    return "".join(text.casefold().split())


def _of_observation(seen: Observation, file: TfliteFile) -> Iterator[Finding]:
    def finding(rule: Rule, message: str, *why: str) -> Finding:
        return Finding(
            rule=rule,
            message=message,
            evidence=seen.evidence,
            device=seen.device,
            delegate=seen.delegate,
            why=why,
        )

    if seen.failure:
        yield finding(Rule.FALLBACK, f"{seen.delegate} did not run as asked: {seen.failure}")
    if seen.partitions is not None and seen.partitions > 1:
        yield finding(Rule.PARTITIONS, f"{seen.delegate} runs it in {seen.partitions} partitions")
    total, taken = seen.nodes_total, seen.nodes_delegated
    if total is not None and taken is not None and taken < total:
        yield finding(
            Rule.OPERATORS_LEFT,
            f"{seen.delegate} leaves {total - taken} of {counted(total, 'operator')}",
            *_which(seen, file),
        )


def _which(seen: Observation, file: TfliteFile) -> Iterator[str]:
    """Yields which operators are left, as far as that is known."""
    if seen.device == THIS_MACHINE:
        yield from _kinds(file.left)
        return
    here = file.partitions
    same = here is not None and here.nodes_delegated == seen.nodes_delegated
    yield "which ones, the tool does not report" + (
        f"; {THIS_MACHINE}'s XNNPACK leaves as many: "
        + ", ".join(f"{count} {op}" for op, count in here.left.items())
        if here is not None and same and seen.delegate == Delegate.XNNPACK
        else ""
    )


def _kinds(left: Iterable[Operator]) -> Iterator[str]:
    """Yields each kind of operator that XNNPACK left, with its number and the reason."""
    kinds = Counter((each.op, each.inputs, each.constants, each.outputs) for each in left)
    for kind, count in kinds.most_common(_MOST_KINDS):
        op, inputs, constants, outputs = kind
        types = " and ".join(dict.fromkeys((*inputs, *outputs)))
        weights = f", constants {' and '.join(dict.fromkeys(constants))}" if constants else ""
        reason = _reason(op, (*inputs, *outputs), constants)
        yield f"{count} {op} ({types}{weights}){f': {reason}' if reason else ''}"
    if len(kinds) > _MOST_KINDS:
        yield f"and {len(kinds) - _MOST_KINDS} more kinds"


def _reason(op: str, values: Sequence[str], constants: Sequence[str]) -> str:
    """Returns why XNNPACK leaves an operator, where that is known; LiteRT gives no reasons."""
    if "int16" in values:
        return "XNNPACK has no kernels for int16 values"
    if op == "HARD_SWISH" and "int8" in values:
        return (
            "XNNPACK has it for float32 only; as x * relu6(x + 3) / 6 it is not fused, and int8 "
            "is taken whole"
        )
    if op == "DEPTHWISE_CONV_2D" and "float32" in values and "int8" in constants:
        return "dynamic weights: XNNPACK takes them in dense layers and convolutions only"
    return ""


def _dynamic(file: TfliteFile) -> Iterator[Finding]:
    for tensor in (each for each in file.inputs if min(each.shape, default=0) < 0):
        yield Finding(
            rule=Rule.DYNAMIC,
            message=f"the input {one_line(tensor.name)} has the open shape {list(tensor.shape)}",
            evidence=IN_THE_FILE,
            why=("a size that is known can be fixed when the model is converted",),
        )
    if file.dynamic:
        first, more = file.dynamic[0], len(file.dynamic) - 1
        yield Finding(
            rule=Rule.DYNAMIC,
            message=f"the result of {first.op} has a size that is known only while the graph runs"
            + (f", and so have those of {counted(more, 'more operator')}" if more else ""),
            evidence=f"{_by_litert()}, without a delegate",
            why=(f"the first one is {one_line(first.output)}",) if first.output else (),
        )


def _unknown(file: TfliteFile, seen: Sequence[Observation], asked: Asked) -> Iterator[Finding]:
    """Yields what cannot be answered: of this machine, of a class, of a tool that is silent."""
    delegate = asked.delegate.value if asked.delegate else ""
    by_it = f" with {delegate}" if delegate else ""
    wants_here = HERE in asked.classes or not asked.classes
    if wants_here and file.partitions is None and asked.delegate in (None, Delegate.XNNPACK):
        lacks = (
            f"it lacks the operator {file.missing_op}"
            if file.missing_op
            else ("it cannot be allocated as it is, which may need an input shape")
        )
        yield Finding(
            rule=Rule.UNKNOWN,
            message=f"XNNPACK was not tried: {lacks}",
            evidence=_by_litert(),
            device=THIS_MACHINE,
            delegate=Delegate.XNNPACK.value,
        )
    for device_class in asked.classes:
        if device_class == HERE and file.partitions is None:
            continue
        if not any(_is_of(each, device_class) for each in seen):
            yield Finding(
                rule=Rule.UNKNOWN,
                message=f"it was not run on {device_class}{by_it}",
                evidence=NOT_RUN,
                device=device_class,
                delegate=delegate,
            )
    for each in seen:
        if not each.failure and each.nodes_delegated is None and each.partitions is None:
            yield Finding(
                rule=Rule.UNKNOWN,
                message=f"the tool did not report how {each.delegate} split the graph",
                evidence=each.evidence,
                device=each.device,
                delegate=each.delegate,
            )
