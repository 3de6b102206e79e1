from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from models import frontend
from models.audio.decode import resample, through_telephone
from models.distill import parts
from models.distill.parts import TrainingClip
from models.distill.recipe import TargetSpec
from models.distill.targets import prepare_targets
from models.teachers.teacher import Teacher, concatenated
from models.tflite.arrays import Floats

SECOND = SAMPLE_RATE_HZ
PLAIN = TargetSpec(copies=1, telephone_ratio=0.0, validation_ratio=0.25, hop_s=0.5, context_s=0.5)


def loudness(audio: Floats) -> Floats:
    """Returns two numbers of each half: its loudness and the negative of it."""
    halves = audio[:, : audio.shape[1] // 2 * 2].reshape(len(audio), 2, -1)
    loud = np.abs(halves).mean(axis=2)
    return np.stack([loud, -loud], axis=2).astype(np.float32)


def teacher_of(frames: Callable[[Floats], Floats] = loudness, size: int = 2) -> Teacher:
    return Teacher(
        name="loudness",
        size=size,
        sha256=f"{size:064d}",
        licence="none",
        runtime="numpy",
        min_samples=SECOND // 2,
        frames=frames,
    )


def clip(number: int, seconds: float = 2.0) -> TrainingClip:
    rng = np.random.default_rng(number)
    audio = rng.uniform(-0.02, 0.02, int(seconds * SECOND)).astype(np.float32) * (number + 1)
    return TrainingClip(name=str(number), read=lambda: audio, sha256=f"{number:064d}")


def test_a_window_has_its_patch_and_its_teachers_mean(tmp_path: Path) -> None:
    teacher, clips = teacher_of(), [clip(number) for number in range(8)]
    found = prepare_targets(PLAIN, teacher, clips, cache=tmp_path)
    # Two seconds hold three windows of 0.975 s every 0.5 s; six clips teach, two judge.
    assert (found.index.training, found.index.validation) == (18, 6)
    assert found.patches.shape == (24, 96, 64)
    said = found.values * np.array(found.index.deviation) + np.array(found.index.mean)
    expected = {}
    for each in clips:
        window = each.read()[: frontend.WINDOW_SAMPLES]
        expected[each.name] = (frontend.patch(window), teacher(window[np.newaxis])[0].mean(axis=0))
    for patch, value in expected.values():
        rows = np.flatnonzero(np.abs(found.patches - patch).max(axis=(1, 2)) < 0.01)
        assert len(rows) == 1
        assert said[rows[0]] == pytest.approx(value, rel=1e-4)
    taught = found.values[: found.index.training]
    assert taught.mean(axis=0) == pytest.approx([0, 0], abs=1e-4)


def test_held_out_voices_validate_and_a_copy_of_their_clips_does_not_train(tmp_path: Path) -> None:
    clips = [replace(clip(number), held_out=number in (2, 5)) for number in range(8)]
    found = prepare_targets(PLAIN, teacher_of(), [*clips, clip(5)], cache=tmp_path)
    assert (found.index.training, found.index.validation) == (18, 6)
    truth = [frontend.patch(clips[n].read()[: frontend.WINDOW_SAMPLES]) for n in (2, 5)]
    for patch in truth:
        rows = np.flatnonzero(np.abs(found.patches - patch).max(axis=(1, 2)) < 0.01)
        assert list(rows >= 18) == [True]
    # The same audio without held-out voices is another folder of targets.
    other = prepare_targets(PLAIN, teacher_of(), [clip(n) for n in range(8)], cache=tmp_path)
    assert other.folder != found.folder


def test_the_teacher_hears_what_is_around_a_window_within_its_clip(tmp_path: Path) -> None:
    lengths: set[int] = set()

    def listened(audio: Floats) -> Floats:
        lengths.add(audio.shape[1])
        return loudness(audio)

    wide = replace(PLAIN, context_s=1.5)
    clips = [clip(number) for number in range(8)]
    clips += [clip(10 + number, 1.2) for number in range(4)]  # a shorter one is heard whole
    found = prepare_targets(wide, teacher_of(listened), clips, cache=tmp_path)
    assert lengths == {3 * SECOND // 2, round(1.2 * SECOND)}
    said = found.values * np.array(found.index.deviation) + np.array(found.index.mean)
    audio = clips[0].read()
    # The last of three windows ends before the clip does; its context is the clip's last 1.5 s.
    patch = frontend.patch(audio[SECOND : SECOND + frontend.WINDOW_SAMPLES])
    (row,) = np.flatnonzero(np.abs(found.patches - patch).max(axis=(1, 2)) < 0.01)
    around = audio[SECOND // 2 :]
    assert said[row] == pytest.approx(loudness(around[np.newaxis])[0].mean(axis=0), rel=1e-4)


def test_a_further_copy_of_a_clip_that_teaches_is_played_at_another_speed(tmp_path: Path) -> None:
    clips = [clip(number) for number in range(8)]
    plain = prepare_targets(PLAIN, teacher_of(), clips, cache=tmp_path)
    spec = replace(PLAIN, copies=2, speed_range=(1.6, 1.6))
    found = prepare_targets(spec, teacher_of(), clips, cache=tmp_path)
    # At 1.6 times the speed two seconds are 1.25 s, which hold one window; judges stay as they are.
    assert (found.index.training, found.index.validation) == (18 + 6, 6)
    assert found.index.duration_s == plain.index.duration_s
    assert (found.patches[:18] == plain.patches[:18]).all()
    assert (found.patches[24:] == plain.patches[18:]).all()
    quick = [resample(each.read(), 25_600)[: frontend.WINDOW_SAMPLES] for each in clips]
    expected = [frontend.patch(window) for window in quick]
    apart = [min(np.abs(patch - each).max() for each in expected) for patch in found.patches[18:24]]
    assert max(apart) < 0.01


def test_a_second_call_asks_the_teacher_nothing(tmp_path: Path) -> None:
    calls: list[int] = []

    def counted(audio: Floats) -> Floats:
        calls.append(len(audio))
        return loudness(audio)

    teacher, clips = teacher_of(counted), [clip(number) for number in range(4)]
    first = prepare_targets(PLAIN, teacher, clips, cache=tmp_path)
    first_calls = list(calls)
    again = prepare_targets(
        PLAIN, teacher, [*clips, clips[0]], cache=tmp_path
    )  # a copy counts once
    assert calls == first_calls
    assert again.folder == first.folder
    other = prepare_targets(PLAIN, teacher, clips[:3], cache=tmp_path)
    assert other.folder != first.folder


def test_what_was_cut_short_goes_on_after_the_last_whole_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def tired(audio: Floats) -> Floats:
        if len(calls) == 2:
            raise KeyboardInterrupt
        return counted(audio)

    def counted(audio: Floats) -> Floats:
        calls.append(len(audio))
        return loudness(audio)

    monkeypatch.setattr(parts, "_PART", 2)  # a part is minutes of work otherwise
    clips = [clip(number) for number in range(8)]
    with pytest.raises(KeyboardInterrupt):
        prepare_targets(PLAIN, teacher_of(tired), clips, cache=tmp_path)
    calls.clear()
    found = prepare_targets(PLAIN, teacher_of(counted), clips, cache=tmp_path)
    assert len(calls) == 2  # of four parts
    whole = prepare_targets(PLAIN, teacher_of(), clips, cache=tmp_path / "other")
    assert (found.patches == whole.patches).all()
    assert (found.values == whole.values).all()
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "index.json", "patches.f16", "targets.f32",
    ]  # fmt: skip


def test_a_clip_that_cannot_be_decoded_is_counted_and_many_are_an_error(tmp_path: Path) -> None:
    def unreadable() -> Floats:
        raise ConfigurationError("no audio", hint="")

    broken = TrainingClip(name="broken", read=unreadable, sha256="f" * 64)
    many = [clip(number, 1.0) for number in range(60)]
    found = prepare_targets(PLAIN, teacher_of(), [*many, broken], cache=tmp_path)
    assert found.index.unreadable == 1
    with pytest.raises(ConfigurationError, match="1 of 9 clips cannot be decoded"):
        prepare_targets(PLAIN, teacher_of(), [*many[:8], broken], cache=tmp_path)


def test_no_more_windows_than_asked_for_teach(tmp_path: Path) -> None:
    spec = replace(PLAIN, max_windows=5)
    clips = [clip(number) for number in range(8)]
    found = prepare_targets(spec, teacher_of(), clips, cache=tmp_path)
    assert found.index.training == 5


def test_a_single_clip_cannot_both_train_and_validate(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="leave 0 training windows"):
        prepare_targets(PLAIN, teacher_of(), [clip(0)], cache=tmp_path)


def test_a_telephone_lets_nothing_above_4_khz_through() -> None:
    time_s = np.arange(SECOND) / SECOND
    low, high = (np.sin(2 * np.pi * hertz * time_s).astype(np.float32) / 4 for hertz in (1e3, 6e3))
    heard = through_telephone(low + high)
    spectrum = np.abs(np.fft.rfft(heard[: SECOND // 2]))
    assert spectrum[500] > 100 * spectrum[3000]
    assert len(heard) == pytest.approx(SECOND, abs=400)


def test_of_several_teachers_each_has_the_same_share_of_the_loss(tmp_path: Path) -> None:
    wide = teacher_of(lambda audio: np.repeat(loudness(audio), 3, axis=2), size=6)
    both = concatenated([teacher_of(), wide])
    found = prepare_targets(PLAIN, both, [clip(number) for number in range(8)], cache=tmp_path)
    squares = np.square(found.values[: found.index.training]).sum(axis=1).mean()
    narrow = np.square(found.values[: found.index.training, :2]).sum(axis=1).mean()
    assert found.index.sizes == (2, 6)
    assert narrow == pytest.approx(squares / 2, rel=0.05)
