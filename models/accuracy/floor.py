"""The log-mel floor: what the mean and deviation of a spectrogram score on the same clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.core.progress import OnProgress, ignore
from bench.core.score import Score
from models import frontend
from models.accuracy.classification import evaluate
from models.accuracy.frames import frames_of
from models.accuracy.record import cached, record, report_done
from models.audio.taskset import TaskSet
from models.tflite.arrays import Floats

FLOOR = "log-mel"
_FLOOR_OFFSET = 1e-6


def score_floor(task_set: TaskSet, *, cache: Path, on_progress: OnProgress = ignore) -> Score:
    """Returns the log-mel floor: the score of mean and deviation of a clip's log-mel frames.

    The recording channel differs from voice to voice, so a score means little without its floor.

    Raises:
        ConfigurationError: a clip cannot be decoded.
    """
    score = floor_of(task_set, cache, on_progress)
    report_done(on_progress, task_set)
    return score


def floor_of(task_set: TaskSet, cache: Path, on_progress: OnProgress) -> Score:
    """Returns what ``score_floor`` does, without a last call of ``on_progress``."""

    def computed() -> Score:
        clips = task_set.paths()
        frames = frames_of(clips, cache=cache, on_progress=on_progress)
        mels = (_plain_log_mel(frames.unpadded(sha256)) for sha256 in clips)
        statistics = np.stack([np.concatenate([m.mean(axis=0), m.std(axis=0)]) for m in mels])
        return record(
            task_set,
            evaluate(task_set, statistics),
            None,
            artifact_sha256=FLOOR,
            runtime=f"numpy {np.__version__}",
            delegate="none",
            hop_samples=frontend.FRAME_HOP_SAMPLES,
        )

    return cached(computed, [FLOOR], task_set, cache)


def _plain_log_mel(frames: Floats) -> Floats:
    """Returns log(mel + 1e-6) of frames of log(mel + 0.001), float32 [frames, 64].

    FRILL's offset hides the quiet bins that distinguish voices, which would weaken the floor. With
    this offset the floor also agrees with its published scores on all six tasks.
    """
    mel = np.exp(frames.astype(np.float64)) - frontend.LOG_OFFSET
    plain: Floats = np.log(np.maximum(mel, 0.0) + _FLOOR_OFFSET).astype(np.float32)
    return plain
