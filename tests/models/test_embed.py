import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.audio_models import MODELS, manifest
from support.zoo_names import UNFUSED

from bench.core.artifact import Format, Role
from bench.core.errors import ConfigurationError, ConversionError
from models import frontend
from models.audio import packages
from models.audio.decode import decode
from models.audio.tasks import task_set
from models.embeddings import embed
from models.embeddings.embed import Embedder, embed_at_hops, embed_clips
from models.tflite.arrays import Floats
from models.zoo import Zoo


def patches_of(clip: Path, starts: tuple[int, ...]) -> Floats:
    """Returns the patches of a clip that begin at these frames."""
    frames = frontend.log_mel(decode(clip))
    return np.stack([frames[start : start + frontend.PATCH_FRAMES] for start in starts])


def test_an_embedding_is_the_mean_over_the_patches_of_a_clip_to_its_end(
    tones: Path, tmp_path: Path
) -> None:
    path, clips = MODELS / "patch_one.tflite", task_set(str(tones)).paths()
    found = embed_clips(path, manifest(path), clips, cache=tmp_path)
    # A clip of 1.2 s has 118 frames: a patch at 0, at the hop of 17, and at the end.
    wanted = [patches_of(clip, (0, 17, 22)).mean(axis=(0, 1)) for clip in clips.values()]
    assert found.dtype == np.float32
    assert found == pytest.approx(np.stack(wanted), abs=1e-5)


def test_several_hops_are_embedded_at_once_each_window_a_single_time(
    write_tone: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "clip.wav"
    write_tone(clip, hertz=500, seconds=3.0, seed=1)
    path, clips = MODELS / "patch_one.tflite", {"one": clip}
    hops = {17: (*range(0, 203, 17), 202), 48: (0, 48, 96, 144, 192, 202), 96: (0, 96, 192, 202)}
    seen: list[int] = []
    embedded = Embedder._vectors

    def counting(embedder: Embedder, windows: Iterator[Floats]) -> object:
        listed = list(windows)
        seen.append(len(listed))
        return embedded(embedder, iter(listed))

    monkeypatch.setattr(Embedder, "_vectors", counting)
    frames = [160 * hop for hop in hops]
    found = embed_at_hops(path, manifest(path), clips, hops=frames, cache=tmp_path)
    assert seen == [len({start for starts in hops.values() for start in starts})]
    for hop, starts in hops.items():
        wanted = patches_of(clip, starts).mean(axis=(0, 1))
        assert found[160 * hop][0] == pytest.approx(wanted, abs=1e-5)
        alone = embed_at_hops(path, manifest(path), clips, hops=[160 * hop], cache=tmp_path)
        assert np.array_equal(alone[160 * hop], found[160 * hop])
    assert len(seen) == 1  # the rest was in the cache


def test_a_free_batch_axis_changes_nothing_but_speed(tones: Path, tmp_path: Path) -> None:
    clips = task_set(str(tones)).paths()
    one, many = MODELS / "patch_one.tflite", MODELS / "patch.tflite"
    found = embed_clips(many, manifest(many, batch=-1), clips, cache=tmp_path)
    assert found == pytest.approx(embed_clips(one, manifest(one), clips, cache=tmp_path), abs=1e-5)


def test_the_hop_of_the_manifest_is_used(tones: Path, tmp_path: Path) -> None:
    path, clips = MODELS / "patch_one.tflite", task_set(str(tones)).paths()
    single = manifest(path, hop_samples=16_000)
    found = embed_clips(path, single, clips, cache=tmp_path)
    wanted = [patches_of(clip, (0, 22)).mean(axis=(0, 1)) for clip in clips.values()]
    assert found == pytest.approx(np.stack(wanted), abs=1e-5)


def test_a_waveform_model_is_given_windows_of_audio(tones: Path, tmp_path: Path) -> None:
    path, clips = MODELS / "waveform.tflite", task_set(str(tones)).paths()
    artifact = manifest(path, shape=(15_600,), role=Role.EMBEDDING_WAVEFORM)
    found = embed_clips(path, artifact, clips, cache=tmp_path)
    # 19,200 samples: a window at 0, at the hop, and at the end, to a frame.
    audio = [
        np.stack([decode(clip)[start : start + 15_600] for start in (0, 2_720, 3_520)])
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
    audio = [rng.normal(size=15_600).astype(np.float32) for _ in range(4)]
    assert not embed._takes_batches(MODELS / "waveform.tflite", (1, 15_600), audio)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["patch_one.tflite", "waveform.tflite"])
def test_memory_holds_a_clip_at_a_time_whatever_their_number(
    name: str, write_tone: Callable[..., object], tmp_path: Path
) -> None:
    clip = tmp_path / "clip.wav"
    write_tone(clip, hertz=500, seconds=6.0, seed=1)
    path = MODELS / name
    model = manifest(path)
    if name == "waveform.tflite":
        model = manifest(path, shape=(15_600,), role=Role.EMBEDDING_WAVEFORM, frontend="in-graph")

    def peak_bytes(count: int) -> int:
        clips = {f"{number:064}": clip for number in range(count)}
        tracemalloc.start()
        embed_clips(path, model, clips, cache=tmp_path / str(count))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak_bytes(2)  # loads what stays
    few, many = peak_bytes(8), peak_bytes(24)
    assert many - few < 6 * 16_000 * 4  # the audio of one of the sixteen clips more
