"""The accuracy of one artifact on a task set, with confidence intervals, chance and floor."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from statistics import NormalDist, fmean

from bench.core.caveats import Caveat

FEWEST_VOICES = 3  # for an interval over voices
_CONFIDENCE = 0.95
NORMAL_95 = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
_HALVINGS = 60  # of an angle, to find a quantile


class Windows(StrEnum):
    """Which windows of a clip are embedded; scores of two rules are not comparable."""

    WHOLE_HOPS = "whole hops"  # those at whole hops; the end of a clip may be in none of them
    TO_END = "to the end"  # and one more at the clip's end, where audio would be left out


class Head(StrEnum):
    """How strongly the linear heads are regularised; scores of two rules are not comparable."""

    BY_FOLDS = "chosen by folds"  # the best of three, in folds inside the training clips
    FIXED = "C 0.1"  # inverse regularisation of all heads


class ScoringProtocol(StrEnum):
    """How the head of a task is chosen; scores of two protocols are not comparable."""

    DEFAULT = "default"  # one for all tasks; the test part is scored once
    NOSS_PUBLISHED = "noss-published"  # the best of NOSS's heads on the test part


PRESENT_RULE = f"windows {Windows.TO_END.value}, head {Head.FIXED.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceCount:
    """How many of one voice's test clips were right, of one label in one part of a task.

    Args:
        part: index of the fold; 0 where all folds are pooled.
    """

    voice: str
    part: int
    label: str
    clips: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenHead:
    """The head that was the best on the test part.

    Args:
        name: such as ``LDA, L2``: the head, and how embeddings are normalised before it.
        among: how many heads with a normalisation each were tried.
    """

    name: str
    among: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScore:
    """One task's score.

    Args:
        task: its name.
        metric: ``balanced_accuracy``, ``accuracy``, ``recall`` (a single class is tested),
            ``top1``, ``1-eer`` (one less the equal error rate of verification) or
            ``mean_average_precision`` (of several labels a clip).
        value, low, high: the score and its 95 % interval, in [0, 1].
        chance: the score of guessing, in [0, 1].
        floor: the log-mel floor on the same clips; ``None`` if it was not computed.
        test_clips: number of test clips (queries).
        correct: empty of ``1-eer`` and ``mean_average_precision``, which have no right clips; of
            each part (a fold, or all folds pooled) label (of ``accuracy`` all of them) to
            ``1`` or ``0`` for each of its test clips, in order, to compare two scores in pairs.
            Empty in older records.
        voices: the answers by voice, where the speaker of every test clip is known. Empty in older
            records.
        neighbours: what the ten nearest training clips score instead of the linear head; ``None``
            where the task has no head, and in older records.
        chosen: the head, where the test part chose it: value and interval are then optimistic.
    """

    task: str
    metric: str
    value: float
    low: float
    high: float
    chance: float
    floor: float | None
    test_clips: int
    correct: tuple[dict[str, str], ...] = ()
    voices: tuple[VoiceCount, ...] = ()
    neighbours: float | None = None
    chosen: ChosenHead | None = None

    @property
    def by_voice(self) -> dict[str, float]:
        """The recall of each voice, in [0, 1]: the mean over what it was tested on."""
        recalls: defaultdict[str, list[float]] = defaultdict(list)
        for each in self.voices:
            recalls[each.voice].append(each.right / each.clips)
        return {voice: fmean(recalls[voice]) for voice in sorted(recalls)}

    @property
    def without_voice(self) -> dict[str, float]:
        """The value without each voice less the value; empty of fewer than three voices.

        What a voice leaves of a label counts as before, and a label that it alone was tested on
        leaves its weight to the others.
        """
        return dict(_without_each(self.voices))

    @property
    def over_voices(self) -> tuple[float, float] | None:
        """The 95 % interval for other voices like these; ``None`` of fewer than three.

        It is that of a jackknife by voice, never narrower than that over clips.
        """
        without = self.without_voice
        if not without:
            return None
        low, high = _within_bounds(self.value, _reach([*without.values()]))
        return min(self.low, low), max(self.high, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One embedding's score minus another's on the same clips.

    Args:
        task: its name, or ``mean``.
        value, low, high: the difference and its 95 % interval over pairs, in [-1, 1].
    """

    task: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HopDifference:
    """One hop's score minus that of another hop of the same artifact, on the same clips.

    Args:
        hop_samples: that other hop, the reference.
        differences: of each task, the mean last.
        same_windows: task to the share of its test clips that have the same windows at both hops,
            in [0, 1]: those clips cannot show a difference.
    """

    hop_samples: int
    differences: tuple[Difference, ...]
    same_windows: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherDifference:
    """One artifact's score against its teacher's on the same clips.

    Args:
        teacher, teacher_sha256: the teacher's name and identity.
        mean, mean_low, mean_high: the teacher's plain mean over the tasks with its 95 % interval.
        differences: the artifact's values minus the teacher's, of each task, the mean last.
        ratio, ratio_low, ratio_high: the artifact's mean over the teacher's, and its 95 % interval
            over pairs.
    """

    teacher: str
    teacher_sha256: str
    mean: float
    mean_low: float
    mean_high: float
    differences: tuple[Difference, ...]
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One artifact's accuracy on a task set, at one hop.

    Args:
        artifact_sha256: of the file that was scored, or ``log-mel`` for the floor.
        task_set: its name, ``quick`` or ``default`` or a folder's name.
        task_set_sha256: identity of clips, labels and splits.
        mean, mean_low, mean_high: plain mean over the tasks with its 95 % interval.
        runtime: the interpreter and version that made the embeddings.
        delegate, threads: those that computed the embeddings.
        device: key of the phone whose outputs were scored, on a sample of the clips; ``None`` for
            this machine.
        less_host: the score on that phone minus the host's on the same clips, the mean last.
        windows: which windows of a clip it is over; the former rule in older records.
        head: how the default protocol's heads are regularised; the former rule in older records.
        protocol: how the heads are chosen.
        condition: what the test clips are heard in, with its parameters; empty for clean ones.
        less_floor: the score minus the log-mel floor on the same clips, the mean last.
        less_hop: the score minus that at the reference hop, if several hops were scored together.
        less_clean: the score in a condition minus that of the same clips without it, the mean last.
        less_teacher: the score against that of a teacher, if that was scored beside it.
    """

    artifact_sha256: str
    task_set: str
    task_set_sha256: str
    tasks: tuple[TaskScore, ...]
    mean: float
    mean_low: float
    mean_high: float
    runtime: str
    delegate: str
    threads: int
    hop_samples: int
    caveats: tuple[Caveat, ...] = field(default=())
    device: str | None = None
    less_host: tuple[Difference, ...] = ()
    windows: Windows = Windows.WHOLE_HOPS
    head: Head = Head.BY_FOLDS
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT
    condition: str = ""
    less_clean: tuple[Difference, ...] = ()
    less_floor: tuple[Difference, ...] = ()
    less_hop: HopDifference | None = None
    less_teacher: TeacherDifference | None = None
    schema_version: int = 1

    @property
    def rule(self) -> str:
        """Everything about how it was made that must be equal in scores that are compared."""
        is_default = self.protocol is ScoringProtocol.DEFAULT
        head = f"head {self.head.value}" if is_default else f"protocol {self.protocol.value}"
        return ", ".join(filter(None, (f"windows {self.windows.value}", head, self.condition)))

    @property
    def over_voices(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean for other voices; ``None`` if no task has three.

        A voice is left out of all tasks at once. Tasks with fewer voices count with their interval
        over clips, as if another voice changed nothing.
        """
        without = without_voice([task.without_voice for task in self.tasks])
        if not without:
            return None
        by_clips = [task for task in self.tasks if not task.without_voice]
        halves = [(task.high - task.low) / 2 / len(self.tasks) for task in by_clips]
        halves.append(_reach([*without.values()]))
        low, high = _within_bounds(self.mean, math.hypot(*halves))
        return min(self.mean_low, low), max(self.mean_high, high)

    @property
    def floor_mean(self) -> float | None:
        """The log-mel floor's mean over the tasks; ``None`` if it was not computed."""
        floors = [task.floor for task in self.tasks if task.floor is not None]
        return fmean(floors) if floors and len(floors) == len(self.tasks) else None


def metric_in_words(metric: str) -> str:
    """Returns a metric as tables name it, such as ``balanced accuracy`` and ``1 - EER``."""
    short = {"1-eer": "1 - EER", "mean_average_precision": "mAP"}
    return short.get(metric, metric.replace("_", " "))


def without_voice(tasks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns what leaving out each voice changes of the mean over tasks, by voice.

    Args:
        tasks: ``TaskScore.without_voice`` of each.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for task in tasks:
        for voice, change in task.items():
            found[voice] += change / len(tasks)
    return {voice: found[voice] for voice in sorted(found)}


def jackknife_deviation(changes: Sequence[float]) -> float:
    """Returns the standard deviation of a score by what leaving out each voice changes of it.

    Of clusters it is the jackknife that holds its promise best where they are few and unequal
    (MacKinnon, Nielsen and Webb 2023, "Fast and reliable jackknife and bootstrap methods for
    cluster-robust inference": CV3).
    """
    count = len(changes)
    return math.sqrt((count - 1) / count * sum(change**2 for change in changes))


def t_share(t: float, degrees_of_freedom: int) -> float:
    """Returns the share of Student's distribution between -t and t (Abramowitz, Stegun 26.7.3)."""
    return _t_share(math.atan(abs(t) / math.sqrt(degrees_of_freedom)), degrees_of_freedom)


@lru_cache(maxsize=256)
def t_quantile(degrees_of_freedom: int) -> float:
    """Returns the t that holds 95 % of Student's distribution between -t and t."""
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _t_share(middle, degrees_of_freedom) < _CONFIDENCE:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees_of_freedom) * math.tan(low)


def _t_share(angle: float, degrees_of_freedom: int) -> float:
    sine, square = math.sin(angle), math.cos(angle) ** 2
    is_odd = degrees_of_freedom % 2
    term = math.cos(angle) if is_odd else 1.0
    total = 0.0
    for index in range(1 + is_odd, degrees_of_freedom, 2):
        total += term
        term *= square * index / (index + 1)
    return 2 / math.pi * (angle + sine * total) if is_odd else sine * total


def _reach(changes: Sequence[float]) -> float:
    """Returns half the 95 % interval of a score by what leaving out each voice changes of it.

    Student's t is for values that are spread like a normal. Recalls are bounded and often skewed:
    where voices are few, it holds the truth too seldom. Simulations (docs/evidence/
    intervals-of-scores.md) show that a share of one voice more is enough.
    """
    count = len(changes)
    return (1 + 1 / count) * t_quantile(count - 1) * jackknife_deviation(changes)


def _within_bounds(value: float, half: float) -> tuple[float, float]:
    """Returns the ends of an interval in [0, 1], taken on the scale of log odds."""
    if not 0 < value < 1:
        return max(0.0, value - half), min(1.0, value + half)
    odds, reach = math.log(value / (1 - value)), half / (value * (1 - value))
    return _chance(odds - reach), _chance(odds + reach)


def _chance(log_odds: float) -> float:
    return 0.5 * (1 + math.tanh(log_odds / 2))


@lru_cache(maxsize=4096)
def _without_each(voices: tuple[VoiceCount, ...]) -> tuple[tuple[str, float], ...]:
    names = sorted({each.voice for each in voices})
    if len(names) < FEWEST_VOICES:
        return ()
    strata: defaultdict[tuple[int, str], list[VoiceCount]] = defaultdict(list)
    for each in voices:
        strata[each.part, each.label].append(each)
    labels = Counter(part for part, _ in strata)
    weighted = [(1 / labels[part], counts) for (part, _), counts in strata.items()]
    value = _value(weighted, "")
    return tuple((name, _value(weighted, name) - value) for name in names)


def _value(weighted: Sequence[tuple[float, Sequence[VoiceCount]]], left_out: str) -> float:
    """Returns the weighted mean of recalls without one voice."""
    total = weights = 0.0
    for weight, counts in weighted:
        kept = [each for each in counts if each.voice != left_out]
        if kept:
            total += weight * sum(each.right for each in kept) / sum(each.clips for each in kept)
            weights += weight
    return total / weights
