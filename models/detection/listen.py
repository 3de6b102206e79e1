"""A detector over recordings, as deployed: one stream that is never reset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.progress import OnProgress, ignore
from models.audio.decode import decode_blocks
from models.detection.alarms import AlarmCounter, Averaged, Counts, Thresholds
from models.detection.chain import Chains, Rows
from models.detection.detector import Detector
from models.detection.recordings import Recording, Recordings, pause
from models.tflite.arrays import Floats

# Whole steps of 30 and of 80 ms, so that packaged detectors see the file in the steps they would
# without it.
LEAD_S = 3.6  # of a pause before the first recording, and before each positive one
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
    detectors: Sequence[Detector],
    heard: Recordings,
    *,
    levels: Sequence[Thresholds],
    on_progress: OnProgress = ignore,
) -> list[Heard]:
    """Returns what each detector does on recordings; memory does not grow with their length.

    All background is one stream: states, buffers and noise estimates are kept from file to file,
    as a microphone never begins again. The positives of a word are another one, with pauses
    between. Detectors hear each recording together, so that what they have in common runs once.

    Args:
        levels: thresholds of each detector, rising; its own is one of them.
        on_progress: called with the recordings heard and all recordings.

    Raises:
        ConfigurationError: a recording cannot be decoded, or a detector gives no score.
    """
    words: dict[tuple[Recording, ...], list[int]] = {}
    for number, detector in enumerate(detectors):
        words.setdefault(heard.of(detector.name), []).append(number)
    total, done = len(heard.background) + sum(map(len, words)), 0
    background = _Background(detectors, levels)
    for recording in heard.background:
        on_progress(done, total)
        background.hear(recording)
        done += 1
    peaks = [list(each.peaks) for each in background.counted]
    for clips, numbers in words.items():
        stream = _Stream([detectors[number] for number in numbers if clips])
        for recording in clips:
            on_progress(done, total)
            for number, peak in zip(numbers, _peaks(stream, recording), strict=True):
                peaks[number].append(peak)
            done += 1
    on_progress(total, total)
    return [
        Heard(
            levels=levels[number],
            alarms=counted.counter.counts,
            hours=background.samples / SAMPLE_RATE_HZ / 3_600,
            peaks=tuple(peaks[number]),
            listed=tuple(counted.listed),
        )
        for number, counted in enumerate(background.counted)
    ]


class _Stream:
    """Averaged scores of audio, with their times from the stream's start in samples."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors
        self._chains = Chains(detectors)
        self._averaged = [Averaged(detector.average) for detector in detectors]

    @property
    def heard(self) -> int:
        """Samples so far."""
        return self._chains.heard

    def __call__(self, audio: Floats) -> list[Rows]:
        """Returns what new audio gives each detector."""
        given = zip(self._detectors, self._chains(audio), self._averaged, strict=True)
        return [
            replace(rows, values=averaged(_scores(detector, rows))[:, np.newaxis])
            for detector, rows, averaged in given
        ]


class _Background:
    """All detectors over all of the background.

    Attributes:
        counted: what each detector did.
        samples: heard outside of events.
    """

    def __init__(self, detectors: Sequence[Detector], levels: Sequence[Thresholds]) -> None:
        self._stream = _Stream(detectors)
        self.counted = [_Counted(*each) for each in zip(detectors, levels, strict=True)]
        self.samples = 0
        self._stream(pause(LEAD_S))

    def hear(self, recording: Recording) -> None:
        """Hears one recording, and the pause after it."""
        start = self._stream.heard
        for counted in self.counted:
            counted.begin(recording, start)
        for audio in decode_blocks(recording.path):
            first = self._stream.heard
            self._count(audio)
            self.samples += self.counted[0].events.outside(first, self._stream.heard)
        self._count(pause(LATE_S if recording.events else PAUSE_S))

    def _count(self, audio: Floats) -> None:
        for counted, rows in zip(self.counted, self._stream(audio), strict=True):
            counted.count(rows)


class _Counted:
    """The false alarms of one detector, and the peaks of the events that the background holds."""

    def __init__(self, detector: Detector, levels: Thresholds) -> None:
        refractory = round(detector.refractory_s * SAMPLE_RATE_HZ)
        own = int(np.searchsorted(levels, detector.threshold))
        self.counter = AlarmCounter(levels, refractory, own)
        self.listed: list[Alarm] = []
        self._all_events: list[_Events] = []

    @property
    def events(self) -> _Events:
        """Those of the recording that is heard."""
        return self._all_events[-1]

    @property
    def peaks(self) -> Iterator[float]:
        """Of all events so far."""
        return (peak for events in self._all_events for peak in events.peaks)

    def begin(self, recording: Recording, start: int) -> None:
        """Begins a recording, which starts at that sample of the stream."""
        if self._all_events and not self.events.peaks:
            self._all_events.pop()
        self._all_events.append(_Events(recording, start))

    def count(self, rows: Rows) -> None:
        """Counts the alarms of new scores."""
        scores = rows.values[:, 0]
        outside = self.events.heard(scores, rows.ends)
        scores, ends = scores[outside], rows.ends[outside]
        for row in self.counter.add(scores, ends):
            if len(self.listed) < _LISTED:
                at_s = (int(ends[row]) - self.events.start) / SAMPLE_RATE_HZ
                name = self.events.name
                self.listed.append(Alarm(name=name, at_s=at_s, score=float(scores[row])))


class _Events:
    """The events of one recording: which scores are theirs, and their peaks.

    Args:
        start: of the recording in its stream, in samples.
    """

    def __init__(self, recording: Recording, start: int) -> None:
        self.name, self.start = recording.name, start
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


def _peaks(stream: _Stream, recording: Recording) -> list[float]:
    """Returns each detector's highest averaged score from a clip's start to a second after it."""
    stream(pause(LEAD_S))
    given = [stream(audio) for audio in (*decode_blocks(recording.path), pause(LATE_S))]
    return [
        max(float(rows.values.max(initial=0)) for rows in each) for each in zip(*given, strict=True)
    ]


def _scores(detector: Detector, rows: Rows) -> Floats:
    """Returns the scores of rows, float32 [rows]."""
    values = rows.values
    if not len(values):
        return np.empty(0, np.float32)
    if values.shape[1] != 1 or not ((values >= 0) & (values <= 1)).all():
        raise _no_score(detector, values)
    return values[:, 0]


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
