"""Runs over time in the Trace Event Format, which Perfetto's page and Chrome's tracing open."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.units import one_line

Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A time in which something ran.

    Args:
        at_us, lasts_us: since the track's zero.
        facts: name, with its unit, to value.
    """

    name: str
    at_us: float
    lasts_us: float
    facts: Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A value at one moment; its series is named by ``name`` and ``unit``."""

    name: str
    unit: str
    at_us: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The slices of one file, one after the other."""

    name: str
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A session on a device: its lanes, and what the device showed meanwhile.

    Args:
        facts: of the session, name to text.
    """

    name: str
    facts: Mapping[str, str]
    lanes: tuple[Lane, ...]
    counters: tuple[Counter, ...]


def trace_json(tracks: Sequence[Track], about: Mapping[str, str]) -> str:
    """Returns tracks as a JSON trace: a track is its process, a lane its thread, times in us."""
    named = [event for pid, track in enumerate(tracks, start=1) for event in _names(pid, track)]
    timed = [event for pid, track in enumerate(tracks, start=1) for event in _times(pid, track)]
    document = {
        "displayTimeUnit": "ms",
        "otherData": {
            **{name: one_line(text) for name, text in about.items()},
            **{f"track {pid}": _listed(track) for pid, track in enumerate(tracks, start=1)},
        },
        "traceEvents": [*named, *sorted(timed, key=lambda event: float(event["ts"]))],
    }
    return json.dumps(document, allow_nan=False, indent=1) + "\n"


def _listed(track: Track) -> str:
    facts = "; ".join(f"{name} {text}" for name, text in track.facts.items())
    return one_line(f"{track.name}; {facts}", characters=1_000)


def _names(pid: int, track: Track) -> Iterator[Event]:
    yield _name("process_name", pid, 0, track.name)
    for tid, lane in enumerate(track.lanes, start=1):
        yield _name("thread_name", pid, tid, lane.name)


def _name(what: str, pid: int, tid: int, text: str) -> Event:
    named = {"name": one_line(text)}
    about = {"ph": "M", "ts": 0, "pid": pid, "tid": tid, "name": what, "cat": "__metadata"}
    return {**about, "args": named}


def _times(pid: int, track: Track) -> Iterator[Event]:
    for tid, lane in enumerate(track.lanes, start=1):
        for each in lane.slices:
            yield {
                "ph": "X",
                "ts": round(each.at_us, 3),
                "dur": round(each.lasts_us, 3),
                "pid": pid,
                "tid": tid,
                "name": one_line(each.name),
                "cat": "benchmark",
                "args": dict(each.facts),
            }
    for counter in track.counters:
        yield {
            "ph": "C",
            "ts": round(counter.at_us, 3),
            "pid": pid,
            "tid": 0,
            "name": counter.name,
            "cat": "benchmark",
            "args": {counter.unit: counter.value},
        }
