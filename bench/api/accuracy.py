"""Scores of models on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.files import DB, Files, OnMessage, ignore, paths
from bench.core import progress

if TYPE_CHECKING:
    from bench.core.artifact import Artifact
    from bench.core.errors import BenchError
    from bench.core.score import Score
    from models.zoo import Zoo


def score(
    models: Files,
    *,
    task_set: str | Path | None = None,
    hop_frames: Sequence[int] = (),
    protocol: str = "default",
    conditions: Sequence[str] = (),
    db: str | Path = DB,
    on_message: OnMessage = ignore,
) -> list[Score]:
    """Returns the scores of models, with 95 % intervals over clips, after storing them.

    Args:
        models: folders of a zoo, of which all audio embeddings are scored; or files with a
            manifest beside them.
        task_set: ``default`` if ``None``, ``quick``, a folder of clips by label, or a CSV.
        hop_frames: frames of 10 ms between two windows; by default the model's own.
        protocol: how the heads are chosen: ``default``, or ``noss-published``, whose scores are
            kept apart from the others.
        conditions: what the test clips are also heard in: ``noise``, ``telephone``,
            ``reverberation``, ``clipping``; a score each, by the default protocol.
        on_message: takes lines on what was understood of own audio, and on hops that a model
            cannot have.

    Raises:
        ConfigurationError: there is nothing to score, or nothing at these hops, or no such
            protocol or condition.
        BenchError: that of the first model that failed; the scores of all others are stored.
    """
    from bench.core.errors import ConfigurationError
    from bench.core.score import ScoringProtocol
    from bench.flow.build.score import hops_of, own_hop, score_artifacts, skipped_hops
    from bench.store.store import Store
    from models.audio import tasks
    from models.audio.acoustics import AcousticCondition
    from models.frontend import FRAME_HOP_SAMPLES

    if protocol not in list(ScoringProtocol):
        raise ConfigurationError(
            f"{protocol}: no such protocol", hint=f"it is one of {', '.join(ScoringProtocol)}"
        )
    if unknown := [each for each in conditions if each not in list(AcousticCondition)]:
        raise ConfigurationError(
            f"{unknown[0]}: no such condition",
            hint=f"give some of {', '.join(AcousticCondition)}",
        )
    if conditions and protocol != ScoringProtocol.DEFAULT:
        raise ConfigurationError(
            "conditions are scored by the default protocol",
            hint="leave out conditions or protocol",
        )
    found = [_scorable(path) for path in paths(models)]
    hops = tuple(FRAME_HOP_SAMPLES * frames for frames in hop_frames)
    chosen = partial(hops_of, hops=hops) if hops else own_hop
    for each in skipped_hops([each for _, artifacts in found for each in artifacts], hops):
        on_message(each.text)
    asked = tasks.task_set(str(task_set or tasks.DEFAULT))
    for line in tasks.about(asked):
        on_message(line)
    scores: list[Score] = []
    failed: dict[str, BenchError] = {}
    with Store.open(db) as store:
        for zoo, artifacts in found:
            done, errors = score_artifacts(
                [each for each in artifacts if chosen(each)],
                zoo=zoo,
                task_set=asked,
                store=store,
                on_progress=progress.ignore,
                hops=chosen,
                protocol=ScoringProtocol(protocol),
                conditions=[AcousticCondition(each) for each in conditions],
            )
            scores += done
            failed |= errors
    for error in failed.values():
        raise error
    return scores


def _scorable(path: Path) -> tuple[Zoo, list[Artifact]]:
    """Returns a zoo, and those of its artifacts that a path names.

    Raises:
        ConfigurationError: there is no audio embedding.
    """
    from bench.core.errors import ConfigurationError
    from bench.flow.build.score import scorable
    from models.zoo import Zoo

    is_file = path.suffix == ".tflite"
    zoo = Zoo(path.parent if is_file else path)
    artifacts = scorable(zoo.artifacts())
    if is_file:
        artifacts = [each for each in artifacts if each.file == path.name]
    if not artifacts:
        what = "has no manifest of an audio embedding" if is_file else "holds no audio embedding"
        raise ConfigurationError(
            f"{path}: {what}, so that it cannot be scored",
            hint="frill-bench zoo add FILE writes a manifest; frill-bench convert makes models",
        )
    return zoo, artifacts
