"""The published protocol: the best head on the test part, which every number admits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from support.audio_models import MODELS, manifest

from bench.core import config
from bench.core.caveats import CaveatKind
from bench.core.score import PRESENT_RULE, Score, ScoringProtocol
from models.accuracy import published
from models.accuracy.classification import evaluate_task
from models.accuracy.score import score_at_hops
from models.audio.tasks import task_set
from models.audio.taskset import Clip, Fold, Metric, Task
from models.tflite.arrays import Floats

PATH = MODELS / "patch.tflite"
HEADS = [
    "logistic regression", "balanced logistic regression", "LDA", "balanced random forest",
    "random forest",
]  # fmt: skip


def spoken(*, offset: float, speakers: bool = True) -> tuple[Task, Floats]:
    """Returns clips of two labels by four speakers, two of them tested, whose voices differ."""
    rng = np.random.default_rng(4)
    clips, vectors = [], []
    for speaker in range(4):
        voice = offset * rng.normal(size=6)
        for take in range(16):
            label = "ab"[take % 2]
            name = f"s{speaker}" if speakers else ""
            clips.append(
                Clip(path="x", sha256=f"{len(clips)}", label=label, group="", speaker=name)
            )
            vectors.append(voice + rng.normal(size=6) + 2.0 * (label == "b") * np.eye(6)[0])
    fold = Fold(train=tuple(range(32)), test=tuple(range(32, 64)))
    task = Task(
        name="t",
        metric=Metric.ACCURACY,
        clips=tuple(clips),
        folds=(fold,),
        pooled=False,
        chance=0.5,
    )
    return task, np.array(vectors, dtype=np.float32)


@pytest.fixture(scope="module")
def predicted() -> list[published.Candidate]:
    """Returns all heads on those clips."""
    return list(published.candidates(*spoken(offset=0.5)))


def test_the_heads_and_normalisations_are_those_of_noss(
    predicted: list[published.Candidate],
) -> None:
    _, vectors = spoken(offset=0.5)
    ways = ("", ", by speaker", ", L2", ", L2, by speaker")
    assert [each.name for each in predicted] == [f"{head}{way}" for way in ways for head in HEADS]
    nobody, _ = spoken(offset=0.5, speakers=False)
    assert [each.name for each in published.candidates(nobody, vectors)] == [
        f"{head}{way}" for way in ("", ", L2") for head in HEADS
    ]


def test_a_head_is_the_published_one_on_normalised_embeddings() -> None:
    task, vectors = spoken(offset=0.5, speakers=False)
    (lda,) = [each for each in published.candidates(task, vectors) if each.name == "LDA, L2"]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [clip.label for clip in task.clips]
    by_hand = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(
        unit[:32], labels[:32]
    )
    assert list(lda.predicted[0]) == list(by_hand.predict(unit[32:]))


def test_the_best_on_the_test_part_is_reported_and_no_head_beats_it(
    predicted: list[published.Candidate],
) -> None:
    task, vectors = spoken(offset=0.5)
    result = evaluate_task(task, vectors, ScoringProtocol.NOSS_PUBLISHED)
    labels = [clip.label for clip in task.clips][32:]
    values = {
        each.name: np.mean(
            [own == label for own, label in zip(each.predicted[0], labels, strict=True)]
        )
        for each in predicted
    }
    assert result.chosen is not None
    assert (result.value, result.chosen.among) == (max(values.values()), 20)
    assert values[result.chosen.name] == result.value
    assert evaluate_task(task, vectors).chosen is None


def test_voices_far_apart_are_brought_together_by_the_statistics_of_their_own_clips() -> None:
    task, vectors = spoken(offset=30.0)
    result = evaluate_task(task, vectors, ScoringProtocol.NOSS_PUBLISHED)
    assert result.chosen is not None
    assert result.chosen.name.endswith("by speaker")
    assert result.value > 0.7


def test_speakers_who_give_the_label_away_or_are_not_known_are_not_normalised_by() -> None:
    task, _ = spoken(offset=1.0)
    assert published.has_speakers(task)
    named = tuple(replace(clip, speaker=clip.label) for clip in task.clips)
    assert not published.has_speakers(replace(task, clips=named))
    assert not published.has_speakers(
        replace(task, clips=(*named[:-1], replace(named[-1], speaker="")))
    )


def test_a_published_score_names_its_heads_and_is_no_score_of_the_default_protocol(
    split_tones: Path, tmp_path: Path
) -> None:
    artifact, tasks = manifest(PATH, batch=-1), task_set(str(split_tones))

    def scored(protocol: ScoringProtocol) -> Score:
        (score,) = score_at_hops(
            artifact, PATH, tasks, hops=(2_720,), cache=tmp_path, protocol=protocol
        )
        return score

    default, best = scored(ScoringProtocol.DEFAULT), scored(ScoringProtocol.NOSS_PUBLISHED)
    assert scored(ScoringProtocol.DEFAULT) == default
    assert scored(ScoringProtocol.NOSS_PUBLISHED) == best
    assert default.rule == PRESENT_RULE
    assert best.rule == "windows to the end, protocol noss-published"
    assert best.task_set_sha256 == default.task_set_sha256
    (caveat,) = [each for each in best.caveats if each.kind is CaveatKind.BEST_ON_TEST]
    (task,) = best.tasks
    assert task.chosen is not None
    assert caveat.evidence == f"{task.task}: best of 10 heads on the test part: {task.chosen.name}"
    assert caveat.sticky
    assert "leaves out the choice" in caveat.text
    assert not any(each.kind is CaveatKind.BEST_ON_TEST for each in default.caveats)
    stored = config.unstructure(default)
    del stored["protocol"]
    assert config.structure(stored, Score, source="a database") == default


@pytest.mark.parametrize(("train", "count"), [(3, 4), (4, 5)])
def test_lda_needs_a_clip_more_than_labels(train: int, count: int) -> None:
    assert len(published.head.published_heads(train=train, labels=3)) == count
