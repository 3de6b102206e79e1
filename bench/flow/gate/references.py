"""The two sides of a gate: the files that a REF names, and their pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.core import config
from bench.core.artifact import Format, Role
from bench.core.errors import ConfigurationError
from bench.flow.gate.bundle import CONTENTS, Bundle, load, model_key, targets_of
from bench.gate.calibration.protocols import ProcessProtocol
from bench.gate.records import Unmeasured
from bench.gate.verdict import ModelKey, Verdict
from bench.plan.suite import Target, bare_target, zoo_targets

_SAVE = "frill-bench gate --candidate REF --save-baseline DIR"
_NUMBERS = (".db", ".sqlite", ".sqlite3", ".csv", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The files of one side of a gate.

    Args:
        is_alone: a single file was named, not a collection of files.
        tool: the official binary in a bundle, which is started only where the command line asks
            for it.
        bundle: the contents of the bundle, if it is one.
    """

    targets: tuple[Target, ...]
    is_alone: bool = False
    tool: Path | None = None
    bundle: Bundle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePair:
    """A candidate and the baseline it is compared with.

    Args:
        baseline_format: number format of the baseline's file, where it may be another than the
            candidate's: two single files are a pair whatever they are.
        side: the place of the candidate's way to be measured among the gate's sides; the
            baseline's is the first.
        protocol: of its processes, in a calibration that compares several.
    """

    model: ModelKey
    baseline: Target
    candidate: Target
    baseline_format: Format | None = None
    side: int = -1
    protocol: ProcessProtocol | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The pairs of a gate, and the models that are not measured.

    Args:
        unmeasured: models on one side only, or with equal files.
    """

    pairs: tuple[FilePair, ...]
    unmeasured: tuple[Unmeasured, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """The files of both sides, each once."""
        both = (each for pair in self.pairs for each in (pair.baseline, pair.candidate))
        return tuple({target.sha256: target for target in both}.values())


def side(ref: str, *, zoo: Path) -> Side:
    """Returns the files of a REF: a file, a bundle, a folder with manifests, or a name in the zoo.

    Raises:
        ConfigurationError: there is nothing, a file is damaged, or it contains stored numbers.
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
            targets=targets_of(path, bundle),
            tool=path / tool if tool else None,
            bundle=bundle,
        )
    if path.is_dir():
        return _read_folder(path)
    if len(path.parts) > 1:
        raise ConfigurationError(
            f"{ref}: no such file or folder", hint=f"check the path; {_SAVE} makes a bundle"
        )
    return _find_in_zoo(ref, zoo)


def pair_up(baseline: Side, candidate: Side, *, unchanged_too: bool = False) -> Comparison:
    """Returns the pairs with the same name and format, and the models that are not measured.

    Two single files are a pair whatever their names, and are measured even if they are equal.

    Args:
        unchanged_too: measure equal files as well.

    Raises:
        ConfigurationError: a file is not a model, two files of a side share a name and format, a
            stream would be compared with a file of another hop, or there is no pair.
    """
    found = _paired(baseline, candidate, unchanged_too=unchanged_too)
    for pair in found.pairs:
        _check_hops(pair)
    return found


def _paired(baseline: Side, candidate: Side, *, unchanged_too: bool) -> Comparison:
    before, after = by_key(baseline), by_key(candidate)
    if baseline.is_alone and candidate.is_alone:
        ((model, target),) = after.items()
        ((key, other),) = before.items()
        pair = FilePair(model=model, baseline=other, candidate=target, baseline_format=key.format)
        return Comparison(pairs=(pair,))
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
            hint="files are paired by the name and format in their manifests; two single files are "
            "always paired",
        )
    return Comparison(pairs=tuple(pairs), unmeasured=tuple(others))


def _check_hops(pair: FilePair) -> None:
    """Refuses a stream beside a file of another hop: a call would be of more audio in one."""
    sides = [each.artifact for each in (pair.baseline, pair.candidate) if each.artifact is not None]
    is_stream = any(each.role is Role.EMBEDDING_STREAM for each in sides)
    if is_stream and len({each.hop_samples for each in sides}) > 1:
        calls = ", ".join(
            f"a call of {each.name} takes {each.hop_s or 0:.3g} s of audio" for each in sides
        )
        raise ConfigurationError(
            f"{calls}: their times cannot be compared",
            hint="compare streams of one hop; frill-bench report shows the time per second of "
            "audio of each",
        )


def by_key(side: Side) -> dict[ModelKey, Target]:
    """Returns the files of a side by name and format.

    Raises:
        ConfigurationError: a file is not a model, or two have one name and format.
    """
    targets: dict[ModelKey, Target] = {}
    for target in side.targets:
        key = model_key(target)
        if key in targets:
            raise ConfigurationError(
                f"{targets[key].path} and {target.path}: both are {key}",
                hint="give each name and format once",
            )
        targets[key] = target
    return targets


def _read_folder(path: Path) -> Side:
    targets = zoo_targets(path)
    if not targets:
        raise ConfigurationError(
            f"{path}: neither a bundle nor a folder of artifacts: it has no {CONTENTS} and no "
            "manifests",
            hint="give a .tflite file, or add the files to a zoo: frill-bench zoo add FILE",
        )
    return Side(targets=targets)


def _find_in_zoo(name: str, zoo: Path) -> Side:
    targets = zoo_targets(zoo)
    named = [each for each in targets if each.artifact and name in (each.artifact.name, each.name)]
    if not named:
        names = [each.name for each in targets]
        raise ConfigurationError(
            f"{name}: neither a file or folder nor in {zoo}{config.near(name, names)}",
            hint="give a .tflite file, a bundle, a folder of artifacts or a name of --zoo; "
            f"{_SAVE} makes a bundle",
        )
    return Side(targets=tuple(named), is_alone=name == named[0].name)
