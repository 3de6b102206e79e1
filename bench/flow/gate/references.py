"""The two sides of a gate: what a REF means, and which files pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.core import config
from bench.core.artifact import Format
from bench.core.errors import ConfigurationError
from bench.flow.gate.bundle import CONTENTS, identity, load
from bench.gate.records import Unmeasured
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
class Pairing:
    """A candidate and the baseline it is compared with."""

    name: str
    format: Format
    baseline: Target
    candidate: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What two sides have in common, and the rest of either.

    Args:
        unmeasured: name and format to why.
    """

    pairs: tuple[Pairing, ...]
    unmeasured: dict[str, Unmeasured]


def side(ref: str, *, zoo: Path) -> Side:
    """Returns what a REF means: a file, a bundle, a folder with manifests, or a name of the zoo.

    Raises:
        ConfigurationError: nothing is there, a file is not what it should be, or it is a number
            that somebody stored.
    """
    path = Path(ref)
    if path.name == CONTENTS:
        path = path.parent
    if path.suffix in _NUMBERS and not path.is_dir():
        raise ConfigurationError(
            f"{ref}: a gate compares with files that it measures itself, never with stored "
            "numbers: between two sessions the same file differs more than a slowdown worth "
            "knowing",
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


def paired(baseline: Side, candidate: Side, *, unchanged_too: bool = False) -> Paired:
    """Returns the pairs of one name and format, and what is on one side only, or equal on both.

    Two files that were named alone pair with each other whatever they are called, and are measured
    even if they are equal.

    Args:
        unchanged_too: measure equal files as well.

    Raises:
        ConfigurationError: a file is no model, two files of a side have one name and format, or
            nothing pairs.
    """
    before, after = _keyed(baseline), _keyed(candidate)
    if baseline.is_alone and candidate.is_alone:
        ((name, format),) = after
        return Paired(
            pairs=(
                Pairing(
                    name=name,
                    format=format,
                    baseline=baseline.targets[0],
                    candidate=candidate.targets[0],
                ),
            ),
            unmeasured={},
        )
    pairs: list[Pairing] = []
    listed: dict[str, Unmeasured] = {}
    for key in sorted({*before, *after}):
        text = " ".join(key)
        if key not in before:
            listed[text] = Unmeasured.NEW
        elif key not in after:
            listed[text] = Unmeasured.REMOVED
        elif before[key].sha256 == after[key].sha256 and not unchanged_too:
            listed[text] = Unmeasured.UNCHANGED
        else:
            name, format = key
            pairs.append(
                Pairing(name=name, format=format, baseline=before[key], candidate=after[key])
            )
    if not pairs and Unmeasured.UNCHANGED not in listed.values():
        raise ConfigurationError(
            "no model is on both sides: "
            + ", ".join(f"{name} is {why}" for name, why in listed.items()),
            hint="files pair by the name and format in their manifests; two files pair if both "
            "are named",
        )
    return Paired(pairs=tuple(pairs), unmeasured=listed)


def _keyed(side: Side) -> dict[tuple[str, Format], Target]:
    found: dict[tuple[str, Format], Target] = {}
    for target in side.targets:
        key = identity(target)
        if key in found:
            raise ConfigurationError(
                f"{found[key].path} and {target.path}: both are {' '.join(key)}",
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
    found = [each for each in targets if each.artifact and name in (each.artifact.name, each.name)]
    if not found:
        known = [each.name for each in targets]
        raise ConfigurationError(
            f"{name}: neither a file or folder nor in {zoo}{config.near(name, known)}",
            hint="give a .tflite file, a bundle, a folder of artifacts or a name of --zoo; "
            f"{_SAVE} makes a bundle",
        )
    return Side(targets=tuple(found), is_alone=name == found[0].name)
