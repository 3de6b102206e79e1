"""The log-mel floor: what the mean and deviation of a spectrogram score on the same clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache as cache_in_memory
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from bench.core.progress import OnProgress, ignore
from bench.core.score import Score, ScoringProtocol
from models import frontend
from models.accuracy.classification import TaskAccuracy, evaluate
from models.accuracy.scores import Floor, kept, of_protocol, report_done, score_of
from models.audio.taskset import TaskSet
from models.embeddings.frames import frames_of
from models.embeddings.kept import Kept
from models.embeddings.pieces import ClipVector, Piece, Work, name_of, vectors_of, working
from models.tflite.arrays import Floats

FLOOR = "log-mel"
_VERSION = 1  # of the vectors
_OFFSET = 1e-6
_HOP = frontend.FRAME_HOP_SAMPLES


def score_floor(
    task_set: TaskSet,
    *,
    cache: Path,
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
    on_progress: OnProgress = ignore,
    work: Work | None = None,
) -> Score:
    """Returns the log-mel floor: the score of mean and deviation of a clip's log-mel frames.

    The recording channel differs from voice to voice, so a score means little without its floor.

    Args:
        on_progress: called with the clips done and all clips.
        work: where it is done; by default in processes of this machine, if that is worth it.

    Raises:
        ConfigurationError: a clip cannot be decoded.
    """
    score = floor_of(task_set, cache, on_progress, protocol, work).score
    report_done(on_progress, task_set)
    return score


def floor_of(
    task_set: TaskSet,
    cache: Path,
    on_progress: OnProgress,
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
    work: Work | None = None,
) -> Floor:
    """Returns what ``score_floor`` scores, without a last call of ``on_progress``."""

    @cache_in_memory
    def accuracies() -> list[TaskAccuracy]:
        with working(work) as own:
            vectors = floor_vectors(
                task_set.paths(), cache=cache, on_progress=on_progress, work=own
            )
            return evaluate(task_set, vectors, protocol, own)

    def computed() -> Score:
        return score_of(
            task_set,
            accuracies(),
            None,
            artifact_sha256=FLOOR,
            runtime=f"numpy {np.__version__}",
            delegate="none",
            hop_samples=_HOP,
            protocol=protocol,
        )

    score = kept(computed, [FLOOR, *of_protocol(protocol)], task_set, cache)
    return Floor(score=score, accuracies=accuracies)


def floor_vectors(
    clips: Mapping[str, Path],
    *,
    cache: Path,
    on_progress: OnProgress = ignore,
    work: Work | None = None,
) -> Floats:
    """Returns mean and deviation of each clip's log-mel frames, float32 [clips, 128], cached.

    Args:
        clips: SHA-256 of each clip to a file that holds it; the rows follow this order.
        on_progress: called with the clips done and all clips.
        work: as for ``score_floor``.

    Raises:
        ConfigurationError: a clip cannot be decoded.
    """
    with working(work) as own:
        return vectors_of(
            _Statistics(cache),
            clips,
            hops=(_HOP,),
            kept=Kept(cache / "embeddings" / f"{FLOOR}-{_VERSION}"),
            work=own,
            on_progress=on_progress,
        )[_HOP]


@dataclass(frozen=True, slots=True)
class _Statistics:
    """Returns mean and deviation of the frames of a piece's clips, float32 [128] each."""

    is_file: ClassVar[bool] = False
    cache: Path

    def absolute(self) -> Self:
        """Returns the same with an absolute path."""
        return replace(self, cache=self.cache.absolute())

    def __call__(self, piece: Piece, on_progress: OnProgress) -> list[ClipVector]:
        frames = frames_of(piece.clips, cache=self.cache, on_progress=on_progress)
        found = []
        for sha256 in piece.clips:
            mel = _plain_log_mel(frames.unpadded(sha256))
            vector: Floats = np.concatenate([mel.mean(axis=0), mel.std(axis=0)])
            samples = frames.samples(sha256)
            found.append(
                ClipVector(name=name_of(sha256), clip=sha256, samples=samples, vector=vector)
            )
        return found


def _plain_log_mel(frames: Floats) -> Floats:
    """Returns log(mel + 1e-6) of frames of log(mel + 0.001), float32 [frames, 64].

    FRILL's offset hides the quiet bins that distinguish voices, which would weaken the floor. With
    this offset the floor also agrees with its published scores on all six tasks.
    """
    mel = np.exp(frames.astype(np.float64)) - frontend.LOG_OFFSET
    plain: Floats = np.log(np.maximum(mel, 0.0) + _OFFSET).astype(np.float32)
    return plain
