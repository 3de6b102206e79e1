"""A detector out of an embedding: a linear head, trained on a folder of examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ, Artifact, Role
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file, sha256_value
from bench.core.progress import OnProgress, ignore
from models import frontend
from models.accuracy.head import two_label_head
from models.audio.decode import decode
from models.audio.folder import own_task_set
from models.detection.chain import Chains
from models.detection.detector import Detector, Frontend, Head, Stage
from models.detection.recordings import pause
from models.embeddings.clip_windows import takes_patches
from models.embeddings.windows import whole_hop
from models.tflite import reader
from models.tflite.arrays import Floats

# An embedding whose last audio is from just before the end of a word to a little after it has the
# word in it; others of its clip are used for neither label.
_BEFORE_S, _AFTER_S = 0.1, 0.3
_LEAD_S = 3.0
_REFRACTORY_S = 2.0


def embedding(artifact: Artifact, path: Path, *, frontend_path: Path | None, hop: int) -> Detector:
    """Returns the chain of an embedding, without a head.

    Args:
        path: of the artifact's file.
        frontend_path: what makes its input from a window of audio, where that is not our log-mel.
        hop: in samples.

    Raises:
        ConfigurationError: the file embeds no audio.
    """
    window, _ = artifact.audio()
    front = Frontend.NONE
    own = Stage(file=path.name, window=window, hop=whole_hop(artifact, hop))
    stages = [(path, own)]
    if takes_patches(artifact) and frontend_path is None:
        front = Frontend.LOG_MEL
        frames = whole_hop(artifact, hop) // frontend.FRAME_HOP_SAMPLES
        stages = [(path, replace(own, window=frontend.PATCH_FRAMES, hop=frames))]
    elif artifact.role is Role.EMBEDDING_STREAM:
        stages = [(path, replace(own, window=hop))]
    elif frontend_path is not None:
        rows = _rows_of(reader.read(path).inputs[0].shape)
        before = replace(own, file=frontend_path.name, hop=hop)
        stages = [(frontend_path, before), (path, replace(own, window=rows, hop=rows))]
    return Detector(
        name=f"{artifact.name}.{artifact.format.value}",
        frontend=front,
        stages=tuple(stages),
        sha256s=tuple(_sha256s(artifact, frontend_path)),
        threshold=0.5,
        average=1,
        refractory_s=_REFRACTORY_S,
        origin="head trained here",
    )


def with_head(
    chain: Detector, examples: Path, word: str, *, on_progress: OnProgress = ignore
) -> tuple[Detector, frozenset[str]]:
    """Returns a detector with a head that knows a word from all other labels, and what it heard.

    The examples are heard in a stream, with a pause between, as they are when it is deployed.

    Args:
        chain: without a head.
        examples: a folder with a sub-folder for each label, or a CSV, as of ``score --audio``.
        word: the label of the event.
        on_progress: called with the clips heard and all clips.

    Returns:
        The detector, and the SHA-256 of each clip that it was trained on.

    Raises:
        ConfigurationError: the word is none of the labels, or a clip cannot be decoded.
    """
    task_set = own_task_set(examples)
    (task,) = task_set.tasks
    if word not in (labels := sorted({clip.label for clip in task.clips})):
        raise ConfigurationError(
            f"{examples}: has no label {word!r}", hint=f"it has: {', '.join(labels)}"
        )
    stream = Chains([chain])
    rows: list[Floats] = []
    is_word: list[bool] = []
    for done, clip in enumerate(task.clips):
        on_progress(done, len(task.clips))
        of_clip = _embeddings(stream, decode(task_set.root / clip.path), clip.label == word)
        rows.append(of_clip)
        is_word += [clip.label == word] * len(of_clip)
    weights, bias = two_label_head(np.concatenate(rows), is_word)
    heard = frozenset(clip.sha256 for clip in task.clips)
    made_of = {
        "word": word,
        "clips": len(task.clips),
        "clips_of_word": sum(clip.label == word for clip in task.clips),
        "embeddings": len(is_word),
        "examples_sha256": sha256_value(sorted([clip.sha256, clip.label] for clip in task.clips)),
    }
    name = f"{chain.name} + head"
    return replace(chain, name=name, head=Head(weights=weights, bias=bias), made_of=made_of), heard


def _embeddings(stream: Chains, audio: Floats, is_word: bool) -> Floats:
    """Returns the embeddings of a clip, float32 [rows, dimensions]: of a word those at its end."""
    stream(pause(_LEAD_S))
    (rows,) = stream(np.concatenate([audio, pause(_AFTER_S)]))
    if not is_word:
        return rows.values
    first = int(stream.heard) - round((_BEFORE_S + _AFTER_S) * SAMPLE_RATE_HZ)
    chosen = rows.values[rows.ends > first]
    return chosen if len(chosen) else rows.values[-1:]


def _rows_of(shape: tuple[int, ...]) -> int:
    """Returns the rows of an input such as [1, 98, 64, 1]."""
    sides = [side for side in shape[1:] if side != 1]
    return sides[0]


def _sha256s(artifact: Artifact, frontend_path: Path | None) -> list[str]:
    front = [] if frontend_path is None else [sha256_file(frontend_path)]
    return [*front, artifact.sha256]
