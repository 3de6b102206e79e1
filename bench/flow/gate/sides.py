"""The sides of an A/B comparison: the same files, measured in ways that differ in one factor.

The first side is the baseline of all others. Each file on each other side is a pair of an ordinary
gate, so all of them are measured in turn, in one session, by one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from pathlib import Path

from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.device.requests import SideRequest
from bench.flow.gate.references import Comparison, FilePair, Side, by_key
from bench.plan.case import Delegate
from bench.plan.suite import Target, check_affinity

_SEPARATELY = "compare one factor at a time: frill-bench ab once for each"
_EXAMPLE = "give two or more, such as --side threads=1 --side threads=4"
# What a command line can ask for without a library of its own.
_DELEGATES = (Delegate.XNNPACK, Delegate.NONE, Delegate.GPU, Delegate.NNAPI)


class Factor(StrEnum):
    """What sides differ in."""

    TOOL = "tool"
    DELEGATE = "delegate"
    THREADS = "threads"
    AFFINITY = "affinity"
    CACHE = "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The sides of a comparison, the baseline's first.

    Args:
        labels: their names in reports, such as ``threads=4``.
    """

    factor: Factor
    labels: tuple[str, ...]
    requests: tuple[SideRequest, ...]

    def pairs(self, targets: Sequence[Target]) -> Comparison:
        """Returns each file on each other side, paired with itself on the baseline's.

        Raises:
            ConfigurationError: a file is not a model, or two have one name and format.
        """
        return Comparison(
            pairs=tuple(
                FilePair(
                    model=replace(model, side=label),
                    baseline=target,
                    candidate=target,
                    side=number,
                )
                for model, target in by_key(Side(targets=tuple(targets))).items()
                for number, label in enumerate(self.labels[1:], start=1)
            )
        )

    @property
    def difference(self) -> str:
        """A sentence on what differs, for reports."""
        first, *others = map(self._described, range(len(self.labels)))
        return f"one factor differs, {self.factor}: {', '.join(others)} against {first}"

    def _described(self, number: int) -> str:
        label, tool = self.labels[number], self.requests[number].tool
        return label if tool is None else f"{label} ({sha256_file(tool)[:12]})"


def sides_of_words(words: Sequence[str]) -> Sides:
    """Returns the sides of words such as ``threads=4``.

    Raises:
        ConfigurationError: there are fewer than two, they differ in several factors, two are the
            same, or a value is not one of its factor.
    """
    values = [word.partition("=")[2] for word in words]
    factors = dict.fromkeys(map(_factor, words))
    if len(factors) > 1:
        names = " and ".join(factors)
        raise ConfigurationError(f"the sides differ in {names}", hint=_SEPARATELY)
    if len(values) < 2:
        raise ConfigurationError("an A/B comparison needs two sides or more", hint=_EXAMPLE)
    (factor,) = factors
    requests = tuple(_REQUESTS[factor](value) for value in values)
    if len(set(requests)) < len(requests):
        raise ConfigurationError(
            f"two sides are the same: {', '.join(words)}",
            hint="give each once; frill-bench calibrate compares a file with itself",
        )
    shown = short_names([Path(value) for value in values]) if factor is Factor.TOOL else values
    labels = tuple(f"{factor}={value}" for value in shown)
    return Sides(factor=factor, labels=labels, requests=requests)


def short_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Returns the last parts of paths, as few as distinguish them."""
    parts = [path.absolute().parts for path in paths]
    most = max(map(len, parts), default=0)
    for last in count(1):
        names = tuple("/".join(each[-last:]) for each in parts)
        if len(set(names)) == len({*parts}) or last >= most:
            return names
    raise AssertionError


def _factor(word: str) -> Factor:
    name, equals, _ = word.partition("=")
    if name == "hop":
        raise ConfigurationError(
            f"{word}: the hop of a stream is in its file, so another hop is another file",
            hint="measure the files of all hops with frill-bench run --model FILE, and compare "
            "their time per second of audio in frill-bench report",
        )
    factors = [each.value for each in Factor]
    if name not in factors or not equals:
        raise ConfigurationError(
            f"{word!r} is not FACTOR=VALUE{near(name, factors)}",
            hint=f"the factors are {', '.join(factors)}; {_EXAMPLE}",
        )
    return Factor(name)


def _tool(value: str) -> SideRequest:
    if not value or not Path(value).is_file():
        raise ConfigurationError(
            f"tool={value}: no such file", hint="give a build of the official benchmark_model"
        )
    return SideRequest(tool=Path(value))


def _delegate(value: str) -> SideRequest:
    names = [each.value for each in _DELEGATES]
    if value not in names:
        raise ConfigurationError(
            f"delegate={value}: unknown{near(value, names)}", hint=f"one of {', '.join(names)}"
        )
    return SideRequest(delegate=Delegate(value))


def _threads(value: str) -> SideRequest:
    if not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise ConfigurationError(
            f"threads={value}: not a number of threads", hint="give a whole number from 1"
        )
    return SideRequest(threads=int(value))


def _affinity(value: str) -> SideRequest:
    check_affinity(value)
    return SideRequest(affinity=value)


def _cache(value: str) -> SideRequest:
    if value not in ("on", "off"):
        raise ConfigurationError(
            f"cache={value}: neither on nor off",
            hint="--side cache=off --side cache=on; on: a process may read the delegate's cache "
            "that an earlier one wrote",
        )
    return SideRequest(warm_cache=value == "on")


_REQUESTS: Mapping[Factor, Callable[[str], SideRequest]] = {
    Factor.TOOL: _tool,
    Factor.DELEGATE: _delegate,
    Factor.THREADS: _threads,
    Factor.AFFINITY: _affinity,
    Factor.CACHE: _cache,
}
