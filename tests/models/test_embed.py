from pathlib import Path

import numpy as np
import pytest
from support.audio_models import MODELS, manifest
from support.zoo_names import UNFUSED

from bench.core.artifact import Format, Role
from bench.core.errors import ConfigurationError, ConversionError
from models import frontend
from models.accuracy import embed
from models.accuracy.embed import embed_clips
from models.audio import packages
from models.audio.decode import decode
from models.audio.tasks import task_set
from models.zoo import Zoo


def test_an_embedding_is_the_mean_over_the_patches_of_a_clip(tones: Path, tmp_path: Path) -> None:
    path, clips = MODELS / "patch_one.tflite", task_set(str(tones)).paths()
    found = embed_clips(path, manifest(path), clips, cache=tmp_path)
    wanted = [frontend.patches(decode(clip)).mean(axis=(0, 1)) for clip in clips.values()]
    assert found.dtype == np.float32
    assert found == pytest.approx(np.stack(wanted), abs=1e-5)


def test_a_free_batch_axis_changes_nothing_but_speed(tones: Path, tmp_path: Path) -> None:
    clips = task_set(str(tones)).paths()
    one, many = MODELS / "patch_one.tflite", MODELS / "patch.tflite"
    found = embed_clips(many, manifest(many, batch=-1), clips, cache=tmp_path)
    assert found == pytest.approx(embed_clips(one, manifest(one), clips, cache=tmp_path), abs=1e-5)


def test_the_hop_of_the_manifest_is_used(tones: Path, tmp_path: Path) -> None:
    path, clips = MODELS / "patch_one.tflite", task_set(str(tones)).paths()
    single = manifest(path, hop_samples=16_000)
    found = embed_clips(path, single, clips, cache=tmp_path)
    wanted = [frontend.patches(decode(clip))[0].mean(axis=0) for clip in clips.values()]
    assert found == pytest.approx(np.stack(wanted), abs=1e-5)


def test_a_waveform_model_is_given_windows_of_audio(tones: Path, tmp_path: Path) -> None:
    path, clips = MODELS / "waveform.tflite", task_set(str(tones)).paths()
    artifact = manifest(path, shape=(15_600,), role=Role.EMBEDDING_WAVEFORM)
    found = embed_clips(path, artifact, clips, cache=tmp_path)
    audio = [
        frontend.windows(decode(clip), window_samples=15_600, hop_samples=2_720)
        for clip in clips.values()
    ]
    wanted = [(one.reshape(-1, 15, 1_040) ** 2).mean(axis=(0, 2)) for one in audio]
    assert found == pytest.approx(np.stack(wanted), abs=1e-5)


def test_a_second_call_reads_the_cache(tones: Path, tmp_path: Path) -> None:
    path, clips = MODELS / "patch_one.tflite", task_set(str(tones)).paths()
    seen: list[tuple[int, int]] = []
    first = embed_clips(
        path, manifest(path), clips, cache=tmp_path, on_progress=lambda *at: seen.append(at)
    )
    assert seen[-1] == (17, 18)
    seen.clear()
    again = embed_clips(
        path, manifest(path), clips, cache=tmp_path, on_progress=lambda *at: seen.append(at)
    )
    assert not seen
    assert np.array_equal(first, again)


@pytest.mark.parametrize(("name", "kind"), [("zero", "all zero"), ("nan", "not finite")])
def test_an_empty_embedding_is_an_error_that_names_file_and_clip(
    tones: Path, tmp_path: Path, name: str, kind: str
) -> None:
    path, clips = MODELS / f"{name}.tflite", task_set(str(tones)).paths()
    with pytest.raises(ConversionError, match=rf"{name}\.tflite: .*clip\.wav is {kind}"):
        embed_clips(path, manifest(path), clips, cache=tmp_path)


def test_a_file_that_is_no_audio_embedding_is_refused(tones: Path, tmp_path: Path) -> None:
    path = MODELS / "patch_one.tflite"
    with pytest.raises(ConfigurationError, match="embeds no audio"):
        embed_clips(
            path, manifest(path, role=Role.OTHER), task_set(str(tones)).paths(), cache=tmp_path
        )


@pytest.mark.audio
def test_the_packaged_model_hears_through_its_own_front_end(
    tones: Path, tmp_path: Path, real_model: packages.ModelFiles
) -> None:
    path, clips = real_model.embedding, task_set(str(tones)).paths()
    artifact = manifest(
        path, batch=-1, shape=(98, 64, 1), window_samples=16_000, hop_samples=16_000
    )
    found = embed_clips(path, artifact, clips, cache=tmp_path, frontend_path=real_model.frontend)
    assert found.shape == (18, 128)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-3)


def test_a_front_end_that_does_not_fit_the_model_is_named(tones: Path, tmp_path: Path) -> None:
    path, clips = MODELS / "patch_one.tflite", task_set(str(tones)).paths()
    with pytest.raises(ConfigurationError, match=r"takes \[1, 98, 64, 1\].* gives \[96, 64\]"):
        embed_clips(path, manifest(path, shape=(98, 64, 1)), clips, cache=tmp_path)


@pytest.mark.zoo
@pytest.mark.parametrize("format", Format)
def test_a_student_of_batch_one_runs_in_batches_to_the_same_bits(
    zoo: Zoo, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: Format
) -> None:
    artifact = zoo.get(UNFUSED, format)
    assert artifact is not None
    assert artifact.inputs[0].shape[0] == 1
    path, clips = zoo.path(artifact), task_set(str(tones)).paths()
    in_batches = embed_clips(path, artifact, clips, cache=tmp_path / "batches")
    assert embed.BATCH > 1
    monkeypatch.setattr(embed, "BATCH", 1)
    assert np.array_equal(in_batches, embed_clips(path, artifact, clips, cache=tmp_path / "single"))


def test_a_file_whose_graph_fixes_its_batch_runs_window_by_window_without_a_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    rng = np.random.default_rng(1)
    audio = [("clip", rng.normal(size=15_600).astype(np.float32)) for _ in range(4)]
    assert not embed._takes_batches(MODELS / "waveform.tflite", (1, 15_600), audio)
    assert capfd.readouterr().err == ""
