from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from models import frontend
from models.audio import calibration, tasks
from models.audio.calibration import Purpose, patches_for
from models.audio.decode import audio_files, decode

PURPOSES: tuple[Purpose, Purpose] = ("calibration", "heldout")


def sources(patches: np.ndarray, root: Path) -> set[str]:
    """Returns the clips that the patches were cut from."""
    cuts = {
        patch.tobytes(): name
        for name in audio_files(root)
        for patch in frontend.patches(decode(root / name))
    }
    return {cuts[patch[..., 0].tobytes()] for patch in patches}


def test_the_two_sets_share_no_clip(tones: Path) -> None:
    clips = [sources(patches_for(p, count=12, audio_root=tones)[0], tones) for p in PURPOSES]
    assert clips[0]
    assert clips[1]
    assert not clips[0] & clips[1]


def test_the_same_patches_come_again_with_the_same_sum(tones: Path) -> None:
    first, first_sum = patches_for("calibration", count=8, audio_root=tones)
    again, again_sum = patches_for("calibration", count=8, audio_root=tones)
    assert first.shape == (8, 96, 64, 1)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert first_sum == again_sum


def test_the_audio_under_each_patch_gives_that_patch(tones: Path) -> None:
    patches, _ = patches_for("heldout", count=6, audio_root=tones)
    waveforms, _ = patches_for("heldout", count=6, waveform=True, audio_root=tones)
    assert waveforms.shape == (6, frontend.WINDOW_SAMPLES)
    for patch, waveform in zip(patches, waveforms, strict=True):
        assert np.array_equal(frontend.log_mel(waveform)[:96], patch[..., 0])


def test_no_audio_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="data fetch"):
        patches_for("calibration", count=4, audio_root=tmp_path)


@pytest.mark.audio
def test_packaged_patches_are_varied_and_hold_quiet_and_contrasted_ones(audio_root: Path) -> None:
    patches, _ = patches_for("calibration", count=32, audio_root=audio_root)
    energy, contrast = patches.mean(axis=(1, 2, 3)), patches.std(axis=(1, 2, 3))
    assert len(np.unique(patches, axis=0)) == 32
    assert energy.min() < -5.5  # near the floor of log(0.001) = -6.9
    assert np.ptp(energy) > 3
    assert contrast.max() > 2


@pytest.mark.audio
def test_int8_is_calibrated_on_packaged_clips_that_no_task_tests(audio_root: Path) -> None:
    groups = calibration._clips_of("calibration", audio_root)
    drawn = {sha256_file(audio_root / clip) for clips in groups.values() for clip in clips}
    assert len(drawn) > 600
    for task in tasks.default(audio_root).tasks:
        tested = {task.clips[index].sha256 for fold in task.folds for index in fold.test}
        assert not drawn & tested, task.name
