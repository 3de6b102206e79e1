"""The two sides of a gate: the files that a REF names, and which of them pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.flow.gate.bundle import CONTENTS, load, model_key
from bench.gate.records import Unmeasured
from bench.gate.verdict import ModelKey, Verdict
from bench.plan.suite import Target, bare_target, zoo_targets

_SAVE = "frill-bench gate --candidate REF --save-baseline DIR"
_NUMBERS = (".db", ".sqlite", ".sqlite3", ".csv", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The files of one side of a gate.

    Args:
        is_alone: one file was named, and not a collection that holds it.
        tool: the official binary that a bundle holds.
    """

    targets: tuple[Target, ...]
    is_alone: bool = False
    tool: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePair:
    """A candidate and the baseline it is compared with."""

    model: ModelKey
    baseline: Target
    candidate: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The models that both sides have, and the others.

    Args:
        unmeasured: models that only one side has, or whose files are equal.
    """

    pairs: tuple[FilePair, ...]
    unmeasured: tuple[Unmeasured, ...] = ()


def side(ref: str, *, zoo: Path) -> Side:
    """Returns what a REF names: a file, a bundle, a folder with manifests, or a name of the zoo.

    Raises:
        ConfigurationError: nothing is there, a file is damaged, or it holds stored numbers.
    """
    path = Path(ref)
    if path.name == CONTENTS:
        path = path.parent
    if path.suffix in _NUMBERS and not path.is_dir():
        raise ConfigurationError(
            f"{ref}: a gate compares with files that it measures itself, never with stored "
            "numbers: the same file differs more between two sessions than a slowdown that matters",
            hint=f"keep the files of the revision you compare with ({_SAVE}) and give that folder: "
            "--baseline DIR",
        )
    if path.suffix == ".tflite":
        return Side(targets=(bare_target(path),), is_alone=True)
    if (path / CONTENTS).is_file():
        bundle = load(path)
        tool = bundle.tool.path if bundle.tool else None
        return Side(
            targets=tuple(bare_target(path / each.path) for each in bundle.files),
            tool=path / tool if tool else None,
        )
    if path.is_dir():
        return _folder(path)
    if len(path.parts) > 1:
        raise ConfigurationError(
            f"{ref}: no such file or folder", hint=f"check the path; {_SAVE} makes a bundle"
        )
    return _named(ref, zoo)


def pair_up(baseline: Side, candidate: Side, *, unchanged_too: bool = False) -> Comparison:
    """Returns the pairs of one name and format, and the models of one side or with equal files.

    Two files that were named alone pair with each other whatever their names, and are measured even
    if they are equal.

    Args:
        unchanged_too: measure equal files as well.

    Raises:
        ConfigurationError: a file is not a model, two files of a side have one name and format, or
            nothing pairs.
    """
    before, after = _keyed(baseline), _keyed(candidate)
    if baseline.is_alone and candidate.is_alone:
        ((model, target),) = after.items()
        (other,) = before.values()
        return Comparison(pairs=(FilePair(model=model, baseline=other, candidate=target),))
    pairs: list[FilePair] = []
    others: list[Unmeasured] = []
    for model in sorted({*before, *after}):
        if model not in before:
            others.append(Unmeasured(model=model, verdict=Verdict.NEW))
        elif model not in after:
            others.append(Unmeasured(model=model, verdict=Verdict.REMOVED))
        elif before[model].sha256 == after[model].sha256 and not unchanged_too:
            others.append(Unmeasured(model=model, verdict=Verdict.UNCHANGED))
        else:
            pairs.append(FilePair(model=model, baseline=before[model], candidate=after[model]))
    if not pairs and all(each.verdict is not Verdict.UNCHANGED for each in others):
        raise ConfigurationError(
            "no model is on both sides: "
            + ", ".join(f"{each.model} is {each.verdict}" for each in others),
            hint="files pair by the name and format in their manifests; two files pair if both "
            "are named",
        )
    return Comparison(pairs=tuple(pairs), unmeasured=tuple(others))


def _keyed(side: Side) -> dict[ModelKey, Target]:
    found: dict[ModelKey, Target] = {}
    for target in side.targets:
        key = model_key(target)
        if key in found:
            raise ConfigurationError(
                f"{found[key].path} and {target.path}: both are {key}",
                hint="give each name and format once",
            )
        found[key] = target
    return found


def _folder(path: Path) -> Side:
    targets = zoo_targets(path)
    if not targets:
        raise ConfigurationError(
            f"{path}: neither a bundle nor a folder of artifacts: it has no {CONTENTS} and no "
            "manifests",
            hint="give a .tflite file, or add the files to a zoo: frill-bench zoo add FILE",
        )
    return Side(targets=targets)


def _named(name: str, zoo: Path) -> Side:
    targets = zoo_targets(zoo)
    named = [each for each in targets if each.artifact and name in (each.artifact.name, each.name)]
    if not named:
        known = [each.name for each in targets]
        raise ConfigurationError(
            f"{name}: neither a file or folder nor in {zoo}{config.near(name, known)}",
            hint="give a .tflite file, a bundle, a folder of artifacts or a name of --zoo; "
            f"{_SAVE} makes a bundle",
        )
    return Side(targets=tuple(named), is_alone=name == named[0].name)
