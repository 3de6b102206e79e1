"""Scores of one file at several hops, and the paired differences between them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.audio_models import MODELS, manifest

from bench.core import config
from bench.core.artifact import IN_GRAPH, Role
from bench.core.score import PRESENT_RULE, Head, Score, Windows
from bench.flow.build.score import SkippedHops, hops_of, skipped_hops
from models.accuracy.classification import differences, evaluate
from models.accuracy.floor import score_floor
from models.accuracy.score import score_artifact, score_at_hops
from models.audio.tasks import task_set
from models.embeddings.embed import embed_at_hops

HOPS = (2_720, 7_680, 15_360)
PATH = MODELS / "patch.tflite"


def test_each_hop_has_a_score_and_the_paired_difference_to_the_manifests(
    split_tones: Path, tmp_path: Path
) -> None:
    artifact, tasks = manifest(PATH, batch=-1), task_set(str(split_tones))
    own, *others = score_at_hops(artifact, PATH, tasks, hops=HOPS, cache=tmp_path)
    assert (own.hop_samples, own.less_hop) == (2_720, None)
    vectors = embed_at_hops(PATH, artifact, tasks.paths(), hops=HOPS, cache=tmp_path)
    for score in others:
        assert score.rule == PRESENT_RULE
        assert score.less_hop is not None
        assert score.less_hop.hop_samples == 2_720
        both = [evaluate(tasks, vectors[hop]) for hop in (score.hop_samples, 2_720)]
        assert score.less_hop.differences == differences(tasks, *both)
        assert score.mean - own.mean == pytest.approx(score.less_hop.differences[-1].value)


def test_the_score_of_the_reference_hop_is_that_of_scoring_it_alone(
    split_tones: Path, tmp_path: Path
) -> None:
    artifact, tasks = manifest(PATH, batch=-1), task_set(str(split_tones))
    first = score_at_hops(artifact, PATH, tasks, hops=HOPS, cache=tmp_path)[0]
    assert first == score_artifact(artifact, PATH, tasks, cache=tmp_path)
    shortest = score_at_hops(artifact, PATH, tasks, hops=HOPS[1:], cache=tmp_path)
    assert [each.less_hop is None for each in shortest] == [True, False]


def test_clips_with_the_same_windows_at_both_hops_are_counted_by_task(
    write_tone: Callable[..., object], tmp_path: Path
) -> None:
    # Of the two test clips of each label one is of a single window, and one long.
    lines = []
    for index, label in enumerate(("low", "high")):
        for take, (split, seconds) in enumerate(
            [("train", 1.2), ("train", 1.2), ("test", 0.9), ("test", 2.5)]
        ):
            clip = tmp_path / f"{label}{take}.wav"
            hertz = 300 * (1 + 2 * index) + take
            write_tone(clip, hertz=hertz, seconds=seconds, seed=10 * index + take)
            lines.append(f"{clip.name},{label},{split}")
    table = tmp_path / "clips.csv"
    table.write_text("\n".join(["path,label,split", *lines]) + "\n")
    scores = score_at_hops(
        manifest(PATH, batch=-1), PATH, task_set(str(table)), hops=HOPS, cache=tmp_path / "cache"
    )
    for score in scores[1:]:
        assert score.less_hop is not None
        assert list(score.less_hop.same_windows.values()) == [0.5]


def test_a_score_of_an_earlier_version_has_the_former_rule(
    split_tones: Path, tmp_path: Path
) -> None:
    score = score_artifact(
        manifest(PATH, batch=-1), PATH, task_set(str(split_tones)), cache=tmp_path
    )
    stored = config.unstructure(score)
    del stored["windows"], stored["head"], stored["less_hop"]
    read = config.structure(stored, Score, source="a database")
    assert read == replace(score, windows=Windows.WHOLE_HOPS, head=Head.BY_FOLDS)


def test_a_cached_score_of_another_version_of_the_program_is_made_again(
    split_tones: Path, tmp_path: Path
) -> None:
    tasks = task_set(str(split_tones))
    score = score_floor(tasks, cache=tmp_path)
    (cached,) = (tmp_path / "scores").iterdir()
    text = cached.read_text()
    cached.write_text(text.replace('"mean"', '"a_later_key": 1, "mean"', 1))
    assert score_floor(tasks, cache=tmp_path) == score
    assert cached.read_text() == text


def test_only_a_log_mel_patch_or_a_window_of_audio_has_a_choice_of_hop() -> None:
    patch = manifest(PATH)
    audio = replace(patch, role=Role.EMBEDDING_WAVEFORM, frontend=IN_GRAPH)
    own = replace(patch, frontend="its own", hop_samples=16_000)
    assert hops_of(patch, (15_360, 2_720)) == hops_of(audio, (2_720, 15_360)) == (2_720, 15_360)
    stream = replace(audio, role=Role.EMBEDDING_STREAM, name="stream")
    assert (hops_of(own, (2_720, 15_360)), hops_of(stream, (2_720, 15_360))) == ((), (2_720,))
    assert skipped_hops([patch, audio, own, stream], (15_360, 2_720)) == [
        SkippedHops(name="patch", hops_s=(0.17, 0.96), own_hop_s=1.0),
        SkippedHops(name="stream", hops_s=(0.96,), own_hop_s=0.17),
    ]
