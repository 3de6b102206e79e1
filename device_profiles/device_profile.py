"""Device profiles: what is known of phone models: cores, limits, cool-down, delegates."""

from __future__ import annotations

import fnmatch
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import yaml

from bench.core import atomic, config
from bench.core.errors import ConfigurationError
from bench.core.paths import device_profiles_dir

_THERMAL_STATUS_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The phones that a profile is for: patterns with ``*`` and ``?``, in upper or lower case.

    Each key with patterns must fit by at least one. A profile without patterns fits every phone.

    Args:
        model: patterns of ``ro.product.model``.
        soc: patterns of the maker and model of the system on chip.
        abi: patterns of which one of the phone's ABIs must fit.
    """

    model: tuple[str, ...] = ()
    soc: tuple[str, ...] = ()
    abi: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreCluster:
    """Cores of one kind, by their numbers."""

    cores: tuple[int, ...]
    name: str = ""
    max_khz: int | None = None

    def __post_init__(self) -> None:
        if not self.cores or min(self.cores) < 0:
            raise ConfigurationError("cores: names no core", hint="number cores from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """How cool a phone must be before it is measured.

    Args:
        max_temp_c: the highest of the battery, and of the skin if the phone reports it.
        thermal_status: the highest, 0 (none) to 6.
        timeout_s: how long to wait for the cool-down.
    """

    max_temp_c: float = 37.0
    thermal_status: int = 0
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        if not 0 <= self.thermal_status <= _THERMAL_STATUS_MAX:
            raise ConfigurationError(
                f"thermal_status: {self.thermal_status} is not within 0 and {_THERMAL_STATUS_MAX}",
                hint="0 is none, 1 light",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """The battery level in percent below which a phone is not measured: some then disable cores."""

    min_level: int = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a phone model.

    Args:
        clusters: slowest first; empty where unknown.
        big_mask: mask of the cores to measure on, as ``taskset`` takes it, in hex; else the fastest
            clusters.
        delegates: worth trying.
        source: where these values come from.
        unverified: not checked on such a phone, so it only replaces values that the phone hides.
    """

    name: str
    match: Match = field(default_factory=Match)
    clusters: tuple[CoreCluster, ...] = ()
    big_mask: str | None = None
    delegates: tuple[str, ...] = ("xnnpack",)
    cooldown: Cooldown = field(default_factory=Cooldown)
    battery: Battery = field(default_factory=Battery)
    source: str
    unverified: bool = False

    def __post_init__(self) -> None:
        if self.big_mask is not None and not (
            set(self.big_mask) <= set(string.hexdigits) and self.big_mask.strip("0")
        ):
            raise ConfigurationError(
                f"big_mask: {self.big_mask!r} is not a hex mask of at least one core, such as f0",
                hint="write the mask as taskset takes it, in quotes",
            )


def profiles() -> tuple[Profile, ...]:
    """Returns all profiles, the user's own before the packaged ones.

    Raises:
        ConfigurationError: one of them is malformed, or their folder cannot be read.
    """
    own = sorted(device_profiles_dir().glob("*.yaml"))
    return (*(config.load(path, Profile) for path in own), *_load_packaged())


def choose(
    candidates: Sequence[Profile], *, model: str, soc: str | None, abis: Sequence[str]
) -> Profile:
    """Returns the profile that fits most closely: by model, else SoC, else ABI, else any.

    Of equally close ones the first wins.

    Raises:
        ConfigurationError: none fits.
    """
    fitting = [each for each in candidates if _fits(each.match, model, soc, abis)]
    if not fitting:
        raise ConfigurationError(
            f"no device profile fits {model!r}", hint="add one that matches every phone"
        )
    return max(fitting, key=lambda each: _closeness(each.match))


def save(path: Path, profile: Profile) -> None:
    """Writes a profile as YAML, complete or not at all.

    Raises:
        ConfigurationError: the file exists already, and may have been edited.
    """
    if path.exists():
        raise ConfigurationError(
            f"{path}: exists already", hint="name another file, or remove this one first"
        )
    document = {
        key: value for key, value in config.unstructure(profile).items() if value is not None
    }
    document["match"] = {key: value for key, value in document["match"].items() if value}
    atomic.write_text(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _load_packaged() -> Iterator[Profile]:
    with resources.as_file(resources.files("device_profiles")) as folder:
        for path in sorted(folder.glob("*.yaml")):
            yield config.load(path, Profile)


def _fits(match: Match, model: str, soc: str | None, abis: Sequence[str]) -> bool:
    pairs = ((match.model, [model]), (match.soc, [soc] if soc else []), (match.abi, abis))
    return all(not patterns or _any(patterns, words) for patterns, words in pairs)


def _any(patterns: Sequence[str], words: Sequence[str]) -> bool:
    return any(
        fnmatch.fnmatchcase(word.lower(), pattern.lower()) for pattern in patterns for word in words
    )


def _closeness(match: Match) -> tuple[bool, bool, bool]:
    return bool(match.model), bool(match.soc), bool(match.abi)
