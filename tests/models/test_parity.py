"""Which layer a converted file loses its embedding at, on real conversions and real audio."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.program import frill_bench
from support.zoo_names import FUSED, UNFUSED, WITH_FRONTEND

from bench.core.artifact import Format
from bench.core.errors import ConfigurationError
from models.audio.calibration import patches_for
from models.convert import layer_fidelity
from models.tflite import contents, litert
from models.tflite.quantise import quantise
from models.zoo import Zoo

pytestmark = [pytest.mark.zoo, pytest.mark.audio]
Floats = NDArray[np.float32]
DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def patches(audio_root: Path) -> Floats:
    return patches_for("heldout", count=6, audio_root=audio_root)[0]


def narrowed(source: Path, sound: Path, target: Path, tensor: str, by: float) -> Path:
    """Writes ``source`` in int8 with the ranges of ``sound``, one of them divided by ``by``."""
    model = litert.Traced(sound)
    ranges = []
    for names in contents.rounded_tensors(source):
        low, high, _ = model.limits(names[0]) or (0.0, 0.0, 0.0)
        share = by if tensor in names else 1
        ranges.append((low / share, high / share))
    quantise(source, target, Format.INT8, ranges=ranges)
    return target


def files(zoo: Zoo, name: str, format: Format) -> tuple[Path, Path]:
    return zoo.root / f"{name}.float32.tflite", zoo.root / f"{name}.{format.value}.tflite"


@pytest.mark.parametrize("format", [Format.FLOAT16, Format.DYNAMIC, Format.INT8])
def test_every_layer_of_a_conversion_stands_beside_its_source(
    zoo: Zoo, patches: Floats, format: Format
) -> None:
    source, converted = files(zoo, UNFUSED, format)
    found = layer_fidelity.compare_layers(source, converted, patches, format=format)
    operators = [each for each in found.layers if each.op != "INPUT"]
    assert len(operators) == len(litert.Traced(source).operations)
    assert (found.unmatched, found.patches) == (0, 6)
    last = found.layers[-1]
    assert (last.name, last.op) == ("output", "FULLY_CONNECTED")
    model, exact = litert.Model(converted, delegate="none"), litert.Model(source, delegate="none")
    ours = np.stack([exact(each[np.newaxis])[0] for each in patches]).astype(np.float64)
    noise = np.stack([model(each[np.newaxis])[0] for each in patches]) - ours
    expected_db = 10 * np.log10(np.square(ours).sum() / np.square(noise).sum())
    assert last.snr_db == pytest.approx(expected_db, abs=0.1)
    assert last.float_max == pytest.approx(ours.max())
    assert (last.low is not None) == (format is Format.INT8)


def test_a_file_loses_nothing_against_itself(zoo: Zoo, patches: Floats) -> None:
    source, _ = files(zoo, UNFUSED, Format.INT8)
    found = layer_fidelity.compare_layers(source, source, patches, format=Format.FLOAT16)
    assert {each.snr_db for each in found.layers} == {None}
    assert layer_fidelity.sentence(found) == "no layer loses more than its number format does"


def test_a_range_that_is_too_narrow_is_named_with_what_it_clips(
    zoo: Zoo, tmp_path: Path, patches: Floats
) -> None:
    source, converted = files(zoo, UNFUSED, Format.INT8)
    before = layer_fidelity.compare_layers(source, converted, patches, format=Format.INT8)
    sound = next(
        each
        for each in before.layers
        if each.op == "CONV_2D" and each.name.startswith("expanded_conv_2_project")
    )
    spoiled = narrowed(source, converted, tmp_path / "narrow.tflite", sound.tensor, 200)
    found = layer_fidelity.compare_layers(source, spoiled, patches, format=Format.INT8)
    (layer,) = layer_fidelity.worst(found, 1)
    assert layer.tensor == sound.tensor
    assert layer.high == pytest.approx((sound.high or 0) / 200, rel=0.02)
    assert (sound.clipped_ratio or 0) < 0.05 < 0.5 < (layer.clipped_ratio or 0)
    said = layer_fidelity.sentence(found)
    assert said.startswith(f"the embedding loses most at {layer.name} (CONV_2D): ")
    assert said.endswith(f"; {100 * (layer.clipped_ratio or 0):.1f} % of its values are clipped")
    assert f"-> {layer.snr_db:.1f} dB" in said


def test_a_float_front_end_loses_nothing_and_its_cast_hides_no_loss(
    zoo: Zoo, audio_root: Path
) -> None:
    audio, _ = patches_for("heldout", count=4, waveform=True, audio_root=audio_root)
    found = layer_fidelity.compare_layers(
        *files(zoo, WITH_FRONTEND, Format.INT8), audio, format=Format.INT8
    )
    front = [each for each in found.layers if "frontend" in each.name]
    assert front
    assert all(each.snr_db is None or each.snr_db > 100 for each in front)
    assert found.unmatched >= 1  # the cast between the two


def test_files_of_two_models_are_not_compared(zoo: Zoo, patches: Floats) -> None:
    source, _ = files(zoo, UNFUSED, Format.INT8)
    with pytest.raises(ConfigurationError, match=r"shares \d of \d+ tensor names"):
        layer_fidelity.compare_layers(source, DATA / "tiny.tflite", patches, format=Format.INT8)


def test_the_command_says_where_a_file_loses_and_how_it_is_split(zoo: Zoo) -> None:
    told = frill_bench(
        "zoo", "parity", f"{FUSED}.int8", "--zoo", zoo.root, "--patches", "3", status=0
    ).stdout
    assert told.startswith(f"{FUSED}.int8, 3 held-out patches")
    assert "operators in float: none" in told
    assert "19 partitions, 87 of 105 operators; not delegated: 18 HARD_SWISH" in told
    assert "the embedding loses most at " in told
    assert told.count("│ ") >= 10


def test_the_command_gives_every_layer_as_json(zoo: Zoo) -> None:
    done = frill_bench(
        "zoo", "parity", UNFUSED, "--json", "--zoo", zoo.root, "--patches", "2", status=0
    )
    document = json.loads(done.stdout)
    assert {each["format"] for each in document["formats"]} == {"float16", "dynamic", "int8"}
    int8 = next(each for each in document["formats"] if each["format"] == "int8")
    assert int8["partitions"]["partitions"] == 1
    assert int8["layers"][-1]["name"] == "output"
    assert int8["why_slower"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((f"{UNFUSED}.float32",), "compared with float32"),
        (("frontend-dft",), "holds no converted file of frontend-dft"),
        ((f"{UNFUSED}.int8", "--patches", "0"), "--patches 0"),
        ((f"{UNFUSED}x",), "has no model"),
    ],
)
def test_what_cannot_be_compared_is_usage(zoo: Zoo, words: tuple[str, ...], said: str) -> None:
    assert said in frill_bench("zoo", "parity", *words, "--zoo", zoo.root, status=2).stderr
