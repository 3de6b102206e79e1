"""Real conversions of real networks, checked on real speech."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from support.zoo_names import DFT, FUSED, UNFUSED, WITH_FRONTEND

from bench.core.artifact import Artifact, Format, Role
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.flow.build.convert import convert_to_zoo
from models.audio.calibration import patches_for
from models.convert import fidelity
from models.student.buildable import parse
from models.tflite import quantise
from models.tflite.litert import Model
from models.zoo import Zoo

pytestmark = [pytest.mark.zoo, pytest.mark.audio]


def artifact(zoo: Zoo, name: str, format: Format) -> Artifact:
    found = zoo.get(name, format)
    assert found is not None
    return found


def test_each_model_has_its_formats_and_a_front_end_only_float32(zoo: Zoo) -> None:
    assert [each.format for each in zoo.of(UNFUSED)] == sorted(Format)
    assert [each.format for each in zoo.of(DFT)] == [Format.FLOAT32]
    assert not list(zoo.root.glob("*.log"))


def test_every_row_says_untrained(zoo: Zoo) -> None:
    for each in zoo.artifacts():
        marked = CaveatKind.UNTRAINED in {caveat.kind for caveat in each.caveats}
        assert marked == (each.role is not Role.FRONTEND)


def test_the_manifest_describes_the_very_file(zoo: Zoo) -> None:
    for each in zoo.artifacts():
        content = zoo.path(each).read_bytes()
        assert hashlib.sha256(content).hexdigest() == each.sha256
        assert len(content) == each.size_bytes
        assert {"tensorflow", "keras"} <= set(each.tools)
    int8 = artifact(zoo, UNFUSED, Format.INT8)
    assert int8.inputs[0].dtype == "int8"
    assert int8.inputs[0].scale is not None
    assert int8.inputs[0].shape == (1, 96, 64, 1)
    assert int8.calibration_sha256 is not None
    assert artifact(zoo, UNFUSED, Format.DYNAMIC).calibration_sha256 is None


@pytest.mark.parametrize(
    ("format", "least"), [(Format.FLOAT16, 0.9999), (Format.DYNAMIC, 0.999), (Format.INT8, 0.98)]
)
def test_a_conversion_keeps_the_embedding_on_held_out_speech(
    zoo: Zoo, format: Format, least: float
) -> None:
    found = artifact(zoo, UNFUSED, format)
    assert found.fidelity is not None
    assert found.fidelity.patches == 200
    assert found.fidelity.cosine_mean > least
    assert found.fidelity.cosine_min <= found.fidelity.cosine_p5 <= found.fidelity.cosine_mean
    assert found.fidelity.centred_cosine_mean > fidelity.BOUNDS[format][1]
    assert CaveatKind.BELOW_BOUND not in {caveat.kind for caveat in found.caveats}


def test_int8_is_one_partition_when_hard_swish_is_unfused_and_many_when_fused(zoo: Zoo) -> None:
    unfused = artifact(zoo, UNFUSED, Format.INT8)
    assert unfused.float_ops == {}
    assert unfused.partitions is not None
    assert unfused.partitions.partitions == 1
    assert unfused.partitions.nodes_delegated == unfused.partitions.nodes_total
    fused = artifact(zoo, FUSED, Format.INT8).partitions
    assert fused is not None
    assert fused.partitions > 10
    assert fused.left == {"HARD_SWISH": 18}


def test_fused_and_unfused_hard_swish_are_the_same_function(zoo: Zoo, audio_root: Path) -> None:
    patches, _ = patches_for("heldout", count=8, audio_root=audio_root)
    models = [Model(zoo.path(artifact(zoo, name, Format.FLOAT32))) for name in (FUSED, UNFUSED)]
    for patch in patches:
        one, other = (model(patch[np.newaxis])[0] for model in models)
        assert np.allclose(one, other, atol=1e-4 * np.abs(one).max())


def test_the_front_end_stays_in_float_in_every_format(zoo: Zoo) -> None:
    for format in Format:
        found = artifact(zoo, WITH_FRONTEND, format)
        assert found.inputs[0].dtype == "float32"  # audio in 8 bits would be noise
        assert found.role is Role.EMBEDDING_WAVEFORM
        assert {"LOG", "SQRT", "TRANSPOSE"} <= set(found.float_ops)
        if format is Format.INT8:  # two stages, of which the second has 16 groups, and mel
            assert found.float_ops["FULLY_CONNECTED"] == 18
            assert {"CONV_2D", "DEPTHWISE_CONV_2D", "MEAN"}.isdisjoint(found.float_ops)
        if found.fidelity is not None:
            assert CaveatKind.BELOW_BOUND not in {caveat.kind for caveat in found.caveats}


@pytest.mark.parametrize("format", [Format.DYNAMIC, Format.INT8])
def test_a_quantised_front_end_fails_the_check(
    zoo: Zoo, audio_root: Path, tmp_path: Path, format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "_FRONTEND", "no layer has this name")
    source = zoo.path(artifact(zoo, WITH_FRONTEND, Format.FLOAT32))
    calibration, _ = patches_for("calibration", count=10, waveform=True, audio_root=audio_root)
    heldout, sha256 = patches_for("heldout", count=20, waveform=True, audio_root=audio_root)
    bad = tmp_path / "bad.tflite"
    quantise.quantise(source, bad, format, calibration=calibration)
    found = fidelity.compare(
        fidelity.embeddings(source, heldout),
        fidelity.embeddings(bad, heldout),
        patches_sha256=sha256,
    )
    assert fidelity.shortfall(format, found)


def test_what_is_up_to_date_is_not_made_again(zoo: Zoo, audio_root: Path) -> None:
    path = zoo.path(artifact(zoo, WITH_FRONTEND, Format.FLOAT32))
    before = path.stat().st_mtime_ns
    convert_to_zoo([parse(WITH_FRONTEND)], formats=[Format.FLOAT32], zoo=zoo.root, audio=audio_root)
    assert path.stat().st_mtime_ns == before


def test_int8_without_audio_says_what_it_needs(zoo: Zoo, tmp_path: Path) -> None:
    source = zoo.path(artifact(zoo, UNFUSED, Format.FLOAT32))
    with pytest.raises(ConfigurationError, match="needs calibration audio"):
        quantise.quantise(source, tmp_path / "x.tflite", Format.INT8)
