from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.core import config
from bench.core.errors import InfrastructureError
from models.audio import development, packages
from models.audio.tasks import task_set
from models.distill import card as cards
from models.distill.corpus import clips_of, sources_of
from models.student.weights import starter_folder

LITTLE_VOICES = {
    "ktuberling-data/usr/share/ktuberling/sounds/gl": 6,
    "ktuberling-data/usr/share/ktuberling/sounds/gl@other": 2,
    "klettres-data/usr/share/klettres/hu/alpha": 5,
    "hedgewars-data/usr/share/games/hedgewars/Data/Sounds/voices/Pirate": 2,
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_tone: Any) -> Path:
    """Returns a cache with a few clips of training packages and of synthetic voices."""
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path))
    root, seed = packages.distillation_root(), 0
    for folder, count in LITTLE_VOICES.items():
        for number in range(count):
            seed += 1
            write_tone(root / folder / f"{number}.wav", seconds=0.5, seed=seed)
    fetched = [
        packages.Fetched(name=name, version="1", sha256="", size_bytes=1, clips=1, duration_s=1.0)
        for name in sorted({folder.partition("/")[0] for folder in LITTLE_VOICES})
    ]
    config.save(root / packages.MANIFEST, packages.Manifest(packages=tuple(fetched)))
    for voice in (*sorted(development.SYNTHETIC), "af_heart"):
        for number, letter in enumerate("abab"):
            seed += 1
            path = development.voices_root() / voice / f"{number:03}-{letter}.wav"
            write_tone(path, seconds=0.5, seed=seed)
    return tmp_path


def test_the_development_set_distinguishes_new_voices_from_few_clips(cache: Path) -> None:
    real, synthetic = task_set("development").tasks
    assert {clip.label.rpartition("/")[2] for clip in real.clips} == {"gl", "hu"}
    assert len(real.clips) == 11
    assert {clip.label for clip in synthetic.clips} == development.SYNTHETIC
    for fold in (*real.folds, *synthetic.folds):
        assert not set(fold.train) & set(fold.test)
        assert len(fold.train) < len(fold.test)
    tested = Counter(index for fold in synthetic.folds for index in fold.test)
    assert set(tested.values()) == {len(synthetic.folds) - 1}


def test_no_clip_of_the_development_set_is_trained_on(cache: Path) -> None:
    clips, licences = clips_of("packages:training+voices")
    tested = {clip.sha256 for task in task_set("development").tasks for clip in task.clips}
    assert {clip.sha256 for clip in clips if clip.held_out} == tested
    assert len([clip for clip in clips if not clip.held_out]) == 2 + 2 + 4
    assert any("Kokoro" in each for each in licences)
    assert not [clip for clip in clips_of("packages")[0] if clip.held_out]


def test_what_was_not_fetched_is_an_error_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path))
    with pytest.raises(InfrastructureError) as caught:
        task_set("development")
    assert "--distillation" in caught.value.hint
    with pytest.raises(InfrastructureError) as caught:
        clips_of("voices")
    assert "--voices" in caught.value.hint


def test_sources_are_joined_by_plus_also_before_a_split_of_tfds(tmp_path: Path) -> None:
    assert sources_of("packages:training+voices") == ["packages:training", "voices"]
    assert sources_of("voices+tfds:words:train+test") == ["voices", "tfds:words:train+test"]
    assert sources_of("tfds:words:train+test") == ["tfds:words:train+test"]
    (tmp_path / "a+b").mkdir()
    assert sources_of(str(tmp_path / "a+b")) == [str(tmp_path / "a+b")]


def test_a_card_distinguishes_held_out_voices_from_held_out_clips() -> None:
    card = cards.load(starter_folder(), "tiny_w0.5_keras3_gap_e512_unfused")
    assert card is not None
    assert "- Held-out clips: mean" in cards.to_markdown(card)
    by_voice = replace(card, targets=replace(card.targets, audio="packages:training+voices"))
    assert "- Held-out voices: mean" in cards.to_markdown(by_voice)
