"""Artifacts as models of other benchmarks: the core in NumPy, without those benchmarks."""

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audio_models import MODELS, manifest

from bench.core import config
from bench.core.artifact import Role
from bench.core.errors import ConfigurationError, ConversionError
from models import frontend, hear
from models.audio.decode import decode
from models.audio.tasks import task_set
from models.bridges.opened import OpenedArtifact, at_16_khz
from models.embeddings.embed import embed_clips
from models.tflite.arrays import Floats

DOCUMENT = Path(__file__).parents[2] / "docs" / "bridges.md"


def in_a_zoo(folder: Path, name: str = "patch_one", **changes: Any) -> Path:
    """Returns the file of a small model that lies in a zoo with its manifest."""
    file = f"{name}.float32.tflite"
    artifact = manifest(MODELS / f"{name}.tflite", file=file, **changes)
    shutil.copyfile(MODELS / f"{name}.tflite", folder / file)
    config.save(folder / f"{name}.float32.json", artifact)
    return folder / file


def noise(samples: int, *, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def test_a_scene_is_to_the_bit_what_score_embeds(tones: Path, tmp_path: Path) -> None:
    path, clips = in_a_zoo(tmp_path), task_set(str(tones)).paths()
    wanted = embed_clips(path, manifest(path), clips, cache=tmp_path)
    found = OpenedArtifact(path).scenes([decode(clip) for clip in clips.values()])
    assert found.dtype == np.float32
    assert np.array_equal(found, wanted)


def test_each_time_is_the_middle_of_its_window(tmp_path: Path) -> None:
    opened = OpenedArtifact(in_a_zoo(tmp_path))
    sounds = [noise(32_000), noise(32_000, seed=1)]
    vectors, times_ms = opened.frames(sounds)
    assert vectors.shape == (2, 12, opened.dimensions)
    assert (vectors.dtype, times_ms.dtype) == (np.float32, np.float32)
    assert times_ms == pytest.approx(170 * np.arange(12))
    for at, middle in enumerate(range(0, 12 * 2_720, 2_720)):
        padded = np.pad(sounds[1], (7_800, 7_800))
        mels = frontend.patch(padded[middle : middle + 15_600])
        assert vectors[1, at] == pytest.approx(mels.mean(axis=0), abs=1e-4)


@pytest.mark.parametrize(("samples", "count"), [(50_000, 19), (2_720, 1), (5_440, 2), (400, 1)])
def test_slices_cover_a_sound_and_no_more(tmp_path: Path, samples: int, count: int) -> None:
    vectors, times_ms = OpenedArtifact(in_a_zoo(tmp_path)).slices([noise(samples)])
    assert vectors.shape[1] == count
    assert times_ms == pytest.approx(85 + 170 * np.arange(count))


def test_a_waveform_of_hops_as_long_as_its_window_is_cut_where_it_begins(tmp_path: Path) -> None:
    changes = {"shape": (15_600,), "role": Role.EMBEDDING_WAVEFORM, "frontend": "in graph"}
    path = in_a_zoo(tmp_path, "waveform", hop_samples=15_600, **changes)
    sound = noise(31_200)
    vectors, _ = OpenedArtifact(path).slices([sound])
    wanted = (sound.reshape(2, 15, 1_040) ** 2).mean(axis=2)
    assert vectors[0] == pytest.approx(wanted, abs=1e-5)


def test_another_hop_is_the_apps_choice_where_the_file_leaves_it(tmp_path: Path) -> None:
    path = in_a_zoo(tmp_path)
    opened = OpenedArtifact(path, hop_s=0.05)
    assert opened.hop_ms == 50
    assert opened.frames([noise(16_000)])[0].shape[1] == 21
    with pytest.raises(ConfigurationError, match="its hop cannot be -1 s"):
        OpenedArtifact(path, hop_s=-1)


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (noise(0), "sound 0: .*holds no audio"),
        (np.full(100, np.nan, dtype=np.float32), "sound 0: .*not finite"),
        (np.zeros((1, 2, 3), dtype=np.float32), r"its shape is \[1, 2, 3\]"),
    ],
)
def test_what_is_no_sound_is_an_error(tmp_path: Path, sound: Floats, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        OpenedArtifact(in_a_zoo(tmp_path)).scenes([sound])


def test_embeddings_without_a_value_are_errors(tmp_path: Path) -> None:
    opened = OpenedArtifact(in_a_zoo(tmp_path, "nan"))
    with pytest.raises(ConversionError, match="sound 0 is not finite"):
        opened.scenes([noise(16_000)])
    with pytest.raises(ConversionError, match="an embedding is not finite"):
        opened.frames([noise(16_000)])


def test_two_channels_of_another_rate_become_one_of_16_khz() -> None:
    seconds = np.arange(8_000) / 8_000
    tone = (0.4 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    found = at_16_khz(np.stack([tone, -0.5 * tone]), 8_000, number=0)
    wanted = 0.1 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert found[1_000:-1_000] == pytest.approx(wanted[1_000:-1_000], abs=2e-3)


def test_a_file_without_its_manifest_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    path = in_a_zoo(tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(ConfigurationError, match=r"patch_one\.float32\.json: no such file"):
        OpenedArtifact(path)
    with pytest.raises(ConfigurationError, match=r"none\.tflite: no such file"):
        OpenedArtifact(tmp_path / "none.tflite")


def test_a_file_that_was_replaced_is_refused(tmp_path: Path) -> None:
    path = in_a_zoo(tmp_path)
    shutil.copyfile(MODELS / "zero.tflite", path)
    with pytest.raises(ConfigurationError, match="its SHA-256 begins"):
        OpenedArtifact(path)


def test_hear_without_pytorch_names_its_extra(tmp_path: Path) -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        with pytest.raises(ConfigurationError, match="PyTorch is not installed") as caught:
            hear.load_model(in_a_zoo(tmp_path))
        assert ".[hear]" in str(caught.value.hint)


def test_the_examples_of_the_document_import_what_is_there() -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(blocks) == 4
    for node in (each for block in blocks for each in ast.walk(ast.parse(block))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models"):
            place = DOCUMENT.parents[1] / str(node.module).replace(".", "/")
            files = [place / "__init__.py", place.with_suffix(".py")]
            names = {
                getattr(each, "name", "")
                for file in files
                if file.is_file()
                for each in ast.parse(file.read_text()).body
            }
            names |= {file.stem for file in place.glob("*.py")}
            assert {alias.name for alias in node.names} <= names
