from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError, ConversionError
from models.teachers import hub, load

Floats = NDArray[np.float32]
AUDIO = np.random.default_rng(1).normal(scale=0.1, size=(3, 32_000)).astype(np.float32)


@pytest.fixture(scope="module")
def models() -> ModuleType:
    """Returns what makes the SavedModels; imported late, because TensorFlow takes seconds."""
    pytest.importorskip("tensorflow")
    from support import saved_models

    return saved_models


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder that gets each SavedModel that a test asks for."""
    return tmp_path_factory.mktemp("saved")


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["trill", "by-position", "many-with-rate", "frill", "many-frames"])
def test_each_way_to_take_audio_gives_frames_of_each_clip(
    name: str, models: ModuleType, saved: Path
) -> None:
    teacher = load(str(models.save(name, saved / name)), cache=saved)
    assert (teacher.name, teacher.size) == (name, models.SIZE)
    found = teacher(AUDIO)
    assert found.dtype == np.float32
    assert found == pytest.approx(models.expected(AUDIO), abs=1e-6)


@pytest.mark.zoo
def test_a_model_that_averages_over_time_gives_one_frame(models: ModuleType, saved: Path) -> None:
    teacher = load(str(models.save("trillsson", saved / "trillsson")), cache=saved)
    frames = models.expected(AUDIO).mean(axis=1, keepdims=True)
    assert teacher(AUDIO) == pytest.approx(frames, abs=1e-6)
    assert teacher(AUDIO[:1]) == pytest.approx(frames[:1], abs=1e-6)


@pytest.mark.zoo
def test_audio_shorter_than_a_second_is_padded_to_it(models: ModuleType, saved: Path) -> None:
    teacher = load(str(models.save("many-frames", saved / "short")), cache=saved)
    padded = np.pad(AUDIO[:, :5_000], ((0, 0), (0, 11_000)))
    assert teacher(AUDIO[:, :5_000]) == pytest.approx(models.expected(padded), abs=1e-6)


@pytest.mark.zoo
def test_a_named_output_is_taken_and_is_part_of_the_identity(
    models: ModuleType, saved: Path
) -> None:
    folder = models.save("trill", saved / "outputs")
    usual = load(str(folder), cache=saved)
    layer = load(str(folder), output="layer19", cache=saved)
    assert layer.size == 2 * usual.size
    assert layer.sha256 != usual.sha256 == load(str(folder), cache=saved).sha256
    with pytest.raises(ConfigurationError, match=r"embedding, layer19 none is named layer20"):
        load(str(folder), output="layer20", cache=saved)


@pytest.mark.zoo
def test_an_output_of_a_tuple_is_named_by_its_index(models: ModuleType, saved: Path) -> None:
    folder = models.save("yamnet", saved / "tuple")
    teacher = load(str(folder), output="1", cache=saved)
    assert teacher(AUDIO) == pytest.approx(models.expected(AUDIO), abs=1e-6)
    with pytest.raises(ConfigurationError, match="0, 1, 2 none is the usual one"):
        load(str(folder), cache=saved)


@pytest.mark.zoo
def test_a_model_without_front_end_gets_frills_log_mel_patches(
    models: ModuleType, saved: Path
) -> None:
    teacher = load(str(models.save("nofrontend", saved / "patches")), cache=saved)
    assert teacher.size == 64
    assert teacher(AUDIO) == pytest.approx(models.expected_of_patches(AUDIO), abs=1e-4)


@pytest.mark.zoo
@pytest.mark.parametrize(("rank", "rate"), [(1, False), (2, False), (2, True)])
def test_a_model_that_is_no_function_is_called_by_its_signature(
    rank: int, rate: bool, models: ModuleType, tmp_path: Path
) -> None:
    folder = models.save_signature(tmp_path / "signed", rank=rank, rate=rate)
    teacher = load(str(folder), cache=tmp_path)
    assert teacher(AUDIO) == pytest.approx(models.expected(AUDIO), abs=1e-6)


@pytest.mark.zoo
@pytest.mark.parametrize(("name", "message"), [("nan", "is not finite"), ("zero", "is all zero")])
def test_an_output_that_says_nothing_is_an_error(
    name: str, message: str, models: ModuleType, saved: Path
) -> None:
    folder = models.save(name, saved / name)
    with pytest.raises(ConversionError, match=rf"{name}: the output of clip 0 of 2 {message}"):
        load(str(folder), cache=saved)


@pytest.mark.zoo
def test_a_model_that_takes_no_audio_is_told_with_every_way_that_was_tried(
    models: ModuleType, saved: Path
) -> None:
    with pytest.raises(ConfigurationError, match="takes no audio") as caught:
        load(str(models.save("image", saved / "image")), cache=saved)
    for words in ("samples=, sample_rate=", "clips [batch, samples]", "log-mel patches"):
        assert words in caught.value.message


@pytest.mark.zoo
def test_a_folder_that_is_no_saved_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match="TensorFlow cannot load it as a SavedModel"):
        load(str(tmp_path), cache=tmp_path)


@pytest.mark.zoo
def test_a_published_name_with_another_width_names_what_was_found(
    models: ModuleType, saved: Path, tmp_path: Path
) -> None:
    folder = models.save("frill", saved / "as-frill")
    with pytest.raises(ConfigurationError, match=r"frill: gives \[2, 7, 8\], not .* 2048\]"):
        load("frill", model_dir=folder, cache=saved)
    with pytest.raises(ConfigurationError, match="frill: has no output layer19") as caught:
        load("frill", model_dir=folder, output="layer19", cache=saved)
    assert caught.value.hint == "it has embedding"
    with pytest.raises(ConfigurationError, match=r"holds no saved_model\.pb of trill"):
        load("trill", model_dir=tmp_path, cache=saved)


@pytest.mark.zoo
def test_a_published_teacher_is_read_from_a_folder_that_holds_it_under_its_name(
    models: ModuleType, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shaped = hub.Published(kaggle="", tf_hub=(), sizes={"embedding": 8, "layer19": 16})
    monkeypatch.setitem(hub.PUBLISHED, "trill", shaped)
    models.save("trill", saved / "all" / "trill")
    teacher = load("trill", model_dir=saved / "all", output="layer19", cache=saved)
    assert (teacher.name, teacher.size, teacher.licence) == ("trill:layer19", 16, "Apache-2.0")
