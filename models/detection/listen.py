"""A detector over recordings, as deployed: one stream that is never reset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.progress import OnProgress, ignore
from models.audio.decode import decode_blocks
from models.detection.alarms import AlarmCounter, Averaged, Counts, Thresholds
from models.detection.chain import Chain, Rows
from models.detection.detector import Detector
from models.detection.recordings import Recording, Recordings, pause
from models.tflite.arrays import Floats

LEAD_S = 3.0  # of a pause before the first recording, and before each positive one
PAUSE_S = 0.5  # between two recordings of the background
LATE_S = 1.0  # how long after an event's end an alarm still belongs to it
_LISTED = 200  # alarms at the detector's own threshold that are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A false alarm at the detector's own threshold.

    Args:
        name: of the recording.
        at_s: when it was raised, from the recording's start.
        score: averaged.
    """

    name: str
    at_s: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a detector did.

    Args:
        levels: thresholds, rising.
        alarms: false alarms at each, int64 [thresholds].
        hours: of audio outside of events and the second after them.
        peaks: the highest averaged score of each event.
        listed: the first false alarms at the detector's own threshold, at most 200.
    """

    levels: Thresholds
    alarms: Counts
    hours: float
    peaks: tuple[float, ...]
    listed: tuple[Alarm, ...]


def listen(
    detector: Detector,
    heard: Recordings,
    *,
    levels: Thresholds,
    on_progress: OnProgress = ignore,
) -> Heard:
    """Returns what a detector does on recordings; memory does not grow with their length.

    All background is one stream: its states, buffers and noise estimates are kept from file to
    file, as a microphone never begins again. The positives are a second one, with a pause between.

    Args:
        levels: thresholds, rising; the detector's own is one of them.
        on_progress: called with the recordings heard and all recordings.

    Raises:
        ConfigurationError: a recording cannot be decoded, or the detector gives no score.
    """
    total = len(heard.background) + len(heard.positives)
    background = _Background(detector, levels)
    for done, recording in enumerate(heard.background):
        on_progress(done, total)
        background.hear(recording)
    peaks = list(background.peaks)
    if heard.positives:
        positives = _Stream(detector)
    for done, recording in enumerate(heard.positives, start=len(heard.background)):
        on_progress(done, total)
        peaks.append(_peak(positives, recording))
    on_progress(total, total)
    return Heard(
        levels=levels,
        alarms=background.counter.counts,
        hours=background.samples / SAMPLE_RATE_HZ / 3_600,
        peaks=tuple(peaks),
        listed=tuple(background.listed),
    )


class _Stream:
    """Averaged scores of audio, with their times from the stream's start in samples."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._chain = Chain(detector)
        self._averaged = Averaged(detector.average)
        self.heard = 0

    def __call__(self, audio: Floats) -> Rows:
        rows = self._chain(audio)
        self.heard += len(audio)
        if not len(rows.values):
            return rows
        scores = rows.values
        if scores.shape[1] != 1 or not ((scores >= 0) & (scores <= 1)).all():
            raise _no_score(self._detector, scores)
        return Rows(values=self._averaged(scores[:, 0])[:, np.newaxis], ends=rows.ends)


class _Background:
    """False alarms over all of the background, and the peaks of the events that it holds."""

    def __init__(self, detector: Detector, levels: Thresholds) -> None:
        self._stream = _Stream(detector)
        refractory = round(detector.refractory_s * SAMPLE_RATE_HZ)
        own = int(np.searchsorted(levels, detector.threshold))
        self.counter = AlarmCounter(levels, refractory, own)
        self.samples = 0
        self.peaks: list[float] = []
        self.listed: list[Alarm] = []
        self._stream(pause(LEAD_S))

    def hear(self, recording: Recording) -> None:
        """Hears one recording, and the pause after it."""
        start = self._stream.heard
        events = _Events(recording, start)
        for audio in decode_blocks(recording.path):
            first = self._stream.heard
            self._count(self._stream(audio), events, recording, start)
            self.samples += events.outside(first, self._stream.heard)
        after = pause(LATE_S if recording.events else PAUSE_S)
        self._count(self._stream(after), events, recording, start)
        self.peaks += events.peaks

    def _count(self, rows: Rows, events: _Events, recording: Recording, start: int) -> None:
        if not len(rows.values):
            return
        scores = rows.values[:, 0]
        outside = events.heard(scores, rows.ends)
        scores, ends = scores[outside], rows.ends[outside]
        for row in self.counter.add(scores, ends):
            if len(self.listed) < _LISTED:
                at_s = (int(ends[row]) - start) / SAMPLE_RATE_HZ
                self.listed.append(Alarm(name=recording.name, at_s=at_s, score=float(scores[row])))


class _Events:
    """The events of one recording: which scores are theirs, and their peaks.

    Args:
        start: of the recording in its stream, in samples.
    """

    def __init__(self, recording: Recording, start: int) -> None:
        self._spans = [
            (start + round(first * SAMPLE_RATE_HZ), start + round((last + LATE_S) * SAMPLE_RATE_HZ))
            for first, last in recording.events
        ]
        self.peaks = [0.0] * len(self._spans)

    def heard(self, scores: Floats, ends: Counts) -> Floats:
        """Returns which scores are outside of all events, bool [rows]; takes note of the others."""
        outside = np.ones(len(scores), bool)
        for number, (first, last) in enumerate(self._spans):
            inside = (ends > first) & (ends <= last)
            if inside.any():
                self.peaks[number] = max(self.peaks[number], float(scores[inside].max()))
                outside &= ~inside
        return outside

    def outside(self, first: int, last: int) -> int:
        """Returns how many of the samples from ``first`` to ``last`` are in no event."""
        covered, upto = 0, first
        for begin, end in sorted(self._spans):
            begin, end = max(begin, upto), min(end, last)
            if end > begin:
                covered += end - begin
                upto = end
        return last - first - covered


def _peak(stream: _Stream, recording: Recording) -> float:
    """Returns the highest averaged score from a clip's start to a second after its end."""
    stream(pause(LEAD_S))
    peak = 0.0
    for audio in (*decode_blocks(recording.path), pause(LATE_S)):
        scores = stream(audio).values
        peak = max(peak, float(scores.max(initial=0.0)))
    return peak


def _no_score(detector: Detector, values: Floats) -> ConfigurationError:
    if values.shape[1] != 1:
        return ConfigurationError(
            f"{detector.name}: gives {values.shape[1]} numbers, not one score",
            hint="name the score's place with output_index in a description, or train a head on "
            "an embedding with --head",
        )
    return ConfigurationError(
        f"{detector.name}: its scores reach from {values.min():.3g} to {values.max():.3g}, not "
        "within 0 to 1",
        hint="scale them with output_scale and output_offset in a description",
    )
