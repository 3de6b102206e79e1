"""The log-mel floor: what the mean and deviation of a spectrogram score on the same clips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from bench.core.progress import OnProgress, ignore
from bench.core.score import Score
from models import frontend
from models.accuracy.classification import evaluate
from models.accuracy.frames import frames_of
from models.accuracy.kept import Kept
from models.accuracy.pieces import ClipVector, Piece, Work, name_of, vectors_of, working
from models.accuracy.record import cached, record, report_done
from models.audio.taskset import TaskSet
from models.tflite.arrays import Floats

FLOOR = "log-mel"
_VERSION = 1  # of the vectors
_OFFSET = 1e-6
_HOP = frontend.FRAME_HOP_SAMPLES


def score_floor(
    task_set: TaskSet,
    *,
    cache: Path,
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
    score = floor_of(task_set, cache, on_progress, work)
    report_done(on_progress, task_set)
    return score


def floor_of(
    task_set: TaskSet, cache: Path, on_progress: OnProgress, work: Work | None = None
) -> Score:
    """Returns what ``score_floor`` does, without a last call of ``on_progress``."""

    def computed() -> Score:
        with working(work) as own:
            statistics = vectors_of(
                _Statistics(cache),
                task_set.paths(),
                hops=(_HOP,),
                kept=Kept(cache / "embeddings" / f"{FLOOR}-{_VERSION}"),
                work=own,
                on_progress=on_progress,
            )[_HOP]
            accuracies = evaluate(task_set, statistics, own)
        return record(
            task_set,
            accuracies,
            None,
            artifact_sha256=FLOOR,
            runtime=f"numpy {np.__version__}",
            delegate="none",
            hop_samples=_HOP,
        )

    return cached(computed, [FLOOR], task_set, cache)


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
