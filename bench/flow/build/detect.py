"""Runs detectors over recordings: false alarms an hour, misses, and both at matched rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.errors import ConfigurationError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress
from bench.core.units import counted
from bench.core.version import VERSION
from bench.flow.build.score import hops_of
from models.detection import detector as detectors
from models.detection import micro_frontend, packaged, rates, trained
from models.detection.alarms import thresholds
from models.detection.chain import THREADS
from models.detection.detector import DESCRIPTIONS, Detector, Frontend
from models.detection.listen import LATE_S, LEAD_S, PAUSE_S, Heard, listen
from models.detection.rates import Estimate, Matched
from models.detection.recordings import Recordings, recordings
from models.frontend import FRAME_HOP_SAMPLES
from models.tflite import litert
from models.zoo import Zoo


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for.

    Args:
        names: files, descriptions, packaged detectors, or embeddings of the zoo.
        positives: word to a folder of clips; "" is any word.
        rates: false alarms an hour at which miss rates are compared.
        examples, word: what a head on an embedding of the zoo is trained on.
        hop_frames: of an embedding, in frames of 10 ms; its own by default.
        threshold, average, refractory_s: instead of the detectors' own.
    """

    names: tuple[str, ...]
    audio: Path | None
    positives: Mapping[str, Path]
    events: Path | None
    rates: tuple[float, ...]
    zoo: Path
    examples: Path | None = None
    word: str | None = None
    hop_frames: int | None = None
    threshold: float | None = None
    average: int | None = None
    refractory_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one detector did.

    Args:
        false_alarms, per_hour, missed, miss_rate: at its own threshold; the last two are ``None``
            without events.
        matched: at each rate that was asked for.
    """

    detector: Detector
    heard: Heard
    false_alarms: int
    per_hour: Estimate
    missed: int | None
    miss_rate: Estimate | None
    matched: tuple[Matched, ...]

    @property
    def events(self) -> int:
        """How many events were to be found."""
        return len(self.heard.peaks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What all detectors did on the same recordings."""

    recordings: Recordings
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def hours(self) -> float:
        """Hours of audio outside of events."""
        return self.outcomes[0].heard.hours

    @property
    def events(self) -> int:
        """How many events there were, of all words."""
        sides = (self.recordings.background, *self.recordings.positives.values())
        return sum(len(each.events) for side in sides for each in side)


def detect(request: Request, *, on_progress: OnStepProgress) -> Detected:
    """Returns what the asked detectors do.

    Args:
        on_progress: called with what is done, the recordings done and all recordings.

    Raises:
        BenchError: a detector, a folder or a file cannot be used; names it.
    """
    with TemporaryDirectory() as scratch:
        found, trained_on = _detectors(request, Path(scratch), on_progress)
        _check_words(found, request.positives)
        heard = recordings(
            audio=request.audio,
            positives=request.positives,
            events=request.events,
            trained_on=trained_on,
        )
        levels = [thresholds(each.threshold) for each in found]
        done = listen(found, heard, levels=levels, on_progress=partial(on_progress, "heard"))
    if not done[0].hours:
        raise ConfigurationError(
            "all of the audio is in events, so no alarm can be false",
            hint="give audio without the event, too: --audio DIR",
        )
    outcomes = [_outcome(*each, request.rates) for each in zip(found, done, strict=True)]
    return Detected(recordings=heard, outcomes=tuple(outcomes), notes=_notes(heard, outcomes))


def document(done: Detected) -> dict[str, Any]:
    """Returns all of it for JSON."""
    return {
        "program": f"frill-bench {VERSION}",
        "runtime": f"{litert.runtime()}, {THREADS} thread",
        "audio": {
            "sha256": done.recordings.sha256,
            "background_recordings": len(done.recordings.background),
            "positive_recordings": {
                word: len(clips) for word, clips in done.recordings.positives.items()
            },
            "left_out": done.recordings.left_out,
            "hours": done.hours,
            "events": done.events,
            "lead_s": LEAD_S,
            "pause_s": PAUSE_S,
            "late_s": LATE_S,
        },
        "notes": list(done.notes),
        "detectors": [_of_detector(each) for each in done.outcomes],
    }


def _check_words(found: Sequence[Detector], positives: Mapping[str, Path]) -> None:
    """Checks that each folder of positives is a detector's, and each detector has one if any has.

    Raises:
        ConfigurationError: one is not.
    """
    words = sorted({each.name.rpartition("/")[2] for each in found})
    if wrong := sorted(set(positives) - {"", *words}):
        raise ConfigurationError(
            f"--positives {wrong[0]}=...: no detector has this word{config.near(wrong[0], words)}",
            hint=f"the word is the last part of a detector's name: {', '.join(words)}",
        )
    without = [word for word in words if word not in positives]
    if positives and "" not in positives and without:
        raise ConfigurationError(
            f"{without[0]} has no positives, and other words have",
            hint=f"give its clips, too: --positives {without[0]}=DIR",
        )


def _of_detector(each: Outcome) -> dict[str, Any]:
    found = each.detector
    return {
        "name": found.name,
        "origin": found.origin,
        "files": [
            {"file": path.name, "sha256": sha256, "window": stage.window, "hop": stage.hop}
            for (path, stage), sha256 in zip(found.stages, found.sha256s, strict=True)
        ],
        "frontend": micro_frontend.version()
        if found.frontend is Frontend.MICRO
        else found.frontend.value,
        "delegate": found.delegate,
        "head": found.made_of or None,
        "threshold": found.threshold,
        "average": found.average,
        "refractory_s": found.refractory_s,
        "false_alarms": each.false_alarms,
        "false_alarms_per_hour": config.unstructure(each.per_hour),
        "events": each.events,
        "missed": each.missed,
        "miss_rate": config.unstructure(each.miss_rate),
        "matched": config.unstructure(each.matched),
        "first_false_alarms": config.unstructure(each.heard.listed),
    }


def _outcome(found: Detector, heard: Heard, asked: Sequence[float]) -> Outcome:
    misses = rates.missed(heard.peaks, heard.levels)
    own = int(heard.levels.searchsorted(found.threshold))
    events = len(heard.peaks)
    return Outcome(
        detector=found,
        heard=heard,
        false_alarms=int(heard.alarms[own]),
        per_hour=rates.per_hour(int(heard.alarms[own]), heard.hours),
        missed=int(misses[own]) if events else None,
        miss_rate=rates.share(int(misses[own]), events) if events else None,
        matched=tuple(
            rates.matched(
                heard.levels, heard.alarms, misses, hours=heard.hours, events=events, rate=rate
            )
            for rate in asked
        ),
    )


def _notes(heard: Recordings, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    notes = []
    if heard.left_out:
        notes.append(
            f"{counted(heard.left_out, 'recording')} left out: copies of others, among the "
            "positives too, or what a head was trained on"
        )
    if len(outcomes) > 1 and outcomes[0].heard.peaks:
        notes.append(
            "at their own thresholds the detectors have different rates of false alarms, so those "
            "miss rates are not compared; the matched ones are"
        )
    unsure = {
        each.per_hour: each.hours_needed
        for outcome in outcomes
        for each in outcome.matched
        if outcome.heard.peaks and each.known is rates.Known.UNCLEAR
    }
    notes += [
        f"at {rate:g} false alarms an hour: unclear; {needed:.1f} hours without an alarm would "
        f"show so few, and {outcomes[0].heard.hours:.2f} were heard"
        for rate, needed in unsure.items()
    ]
    return tuple(notes)


def _detectors(
    request: Request, scratch: Path, on_progress: OnStepProgress
) -> tuple[list[Detector], frozenset[str]]:
    """Returns the detectors, and the SHA-256 of the clips that heads were trained on."""
    found: list[Detector] = []
    trained_on: frozenset[str] = frozenset()
    for name in request.names:
        path = Path(name)
        if request.examples is not None:
            chain = _embedding(request, name, scratch)
            headed, heard = trained.with_head(
                chain,
                request.examples,
                request.word or "",
                on_progress=partial(on_progress, f"head of {chain.name}"),
            )
            found.append(headed)
            trained_on |= heard
        elif path.suffix in (".tflite", *DESCRIPTIONS):
            found.append(detectors.load(path))
        else:
            found.append(packaged.load(name, cache_dir()))
    return [_changed(each, request) for each in found], trained_on


def _changed(found: Detector, request: Request) -> Detector:
    """Returns a detector with what was asked for instead of its own."""
    if request.threshold is not None:
        found = replace(found, threshold=request.threshold)
    if request.average is not None:
        found = replace(found, average=request.average)
    if request.refractory_s is not None:
        found = replace(found, refractory_s=request.refractory_s)
    return detectors.checked(found)


def _embedding(request: Request, name: str, scratch: Path) -> Detector:
    zoo = Zoo(request.zoo)
    if name.endswith(".tflite"):
        zoo = Zoo(scratch / Path(name).stem)
        artifact: Artifact = zoo.add(Path(name))
    else:
        artifact = zoo.chosen(name)
    window, own_hop = artifact.audio()
    hop = own_hop if request.hop_frames is None else request.hop_frames * FRAME_HOP_SAMPLES
    if not 1 <= hop <= window or (hop != own_hop and not hops_of(artifact, (hop,))):
        raise ConfigurationError(
            f"{artifact.name}: its hop cannot be {request.hop_frames} frames",
            hint="give frames from 1 to its window; a stream, or a model with a front-end of its "
            "own, has one hop only: leave out --hop",
        )
    return trained.embedding(
        artifact,
        zoo.checked_path(artifact),
        frontend_path=zoo.frontend_path(artifact),
        hop=hop,
    )
