"""A scale in the graph of a file gives what the same scale around the file gives."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.model_files import CASES, TINY, WAVEFORM, edited, with_metadata
from support.program import command_line

from bench.core.artifact import Role
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from models.embeddings.clip_windows import opened_front, windows_of
from models.graph.scaled import Scale, scaled_copy
from models.tflite import litert, reader
from models.tflite.arrays import Floats
from models.zoo import Zoo

DYNAMIC = CASES / "dynamic_waveform.tflite"
SPLIT = TINY.with_name("tiny_split.tflite")
WINDOW = 4_000
SCALES = [
    Scale(input_scale=32_768),
    Scale(output_scale=0.1),
    Scale(output_offset=2),
    Scale(input_scale=0.5, output_scale=0.1, output_offset=-2),
]


def a_window(*shape: int) -> Floats:
    return np.random.default_rng(3).uniform(-1, 1, size=shape).astype(np.float32)


@pytest.mark.parametrize("delegate", ["none", "xnnpack"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("source", [TINY, SPLIT, WAVEFORM, DYNAMIC])
def test_a_copy_computes_what_the_file_does_with_the_scale_around_it(
    source: Path, scale: Scale, delegate: str
) -> None:
    with scaled_copy(source, scale, window=WINDOW) as copy:
        (shape,) = litert.Model(copy, delegate=delegate).input_shapes()
        given = a_window(*shape)
        (found,) = litert.Model(copy, delegate=delegate)(given)
        content = reader.read(copy)
    around = litert.Model(source, delegate=delegate, shapes=(shape,))
    (plain,) = around(given * np.float32(scale.input_scale))
    wanted = plain * np.float32(scale.output_scale) + np.float32(scale.output_offset)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())
    assert [each.shape for each in content.inputs] == [shape]
    before = reader.read(source)
    assert [each.key for each in content.signatures] == [each.key for each in before.signatures]
    assert content.parameters >= before.parameters


def test_a_scaled_signature_has_the_scale(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    given = a_window(1, 8, 8, 1)
    with scaled_copy(TINY, Scale(input_scale=4, output_offset=1)) as copy:
        runs = {}
        for path in (TINY, copy):
            runner = Interpreter(str(path)).get_signature_runner()
            (name,) = runner.get_input_details()
            factor = np.float32(4 if path == TINY else 1)
            (runs[path],) = runner(**{name: given * factor}).values()
        np.testing.assert_allclose(runs[copy], runs[TINY] + 1, rtol=1e-5)


def test_metadata_stay(tmp_path: Path) -> None:
    source = edited(WAVEFORM, with_metadata(4, 44_100, 1), tmp_path / "said.tflite")
    with scaled_copy(source, Scale(input_scale=32_768)) as copy:
        assert reader.read(copy).sample_rate_hz == 44_100


def test_without_a_scale_the_file_itself_is_taken() -> None:
    with scaled_copy(TINY, Scale(), window=WINDOW) as copy:
        assert copy == TINY


def test_only_one_float32_input_and_output_are_scaled() -> None:
    source = CASES / "keyword_scrambled.tflite"
    with (
        pytest.raises(ConfigurationError, match=r"its inputs are int16 \[1, 96\]"),
        scaled_copy(source, Scale(input_scale=2)),
    ):
        pass


def test_the_zoo_takes_a_scaled_copy_and_says_so(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    window = ("--role", "frontend", "--window-s", WINDOW / 16_000)
    numbers = ("--input-scale", 32768, "--output-scale", 0.1, "--output-offset", -2)
    command_line("zoo", "add", DYNAMIC, "--name", "front", *window, *numbers, "--zoo", zoo)
    (front,) = Zoo(zoo).of("front")
    assert front.inputs[0].shape == (1, WINDOW)
    assert front.provenance == (
        f"added from dynamic_waveform.tflite (SHA-256 {sha256_file(DYNAMIC)}), with its input "
        "times 32768, and its output times 0.1 plus -2, in its graph"
    )
    plain = json.loads(
        command_line("zoo", "add", DYNAMIC, *window, "--zoo", zoo, "--json", status=0).stdout
    )
    assert plain["sha256"] == sha256_file(DYNAMIC)
    refused = command_line("zoo", "add", DYNAMIC, "--input-scale", "inf", status=2)
    assert "'inf' is not a finite number" in refused.stderr


def test_a_front_end_with_a_free_length_takes_the_models_window(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path)
    zoo.add(DYNAMIC, name="front", role=Role.FRONTEND, window_samples=WINDOW)
    artifact = zoo.add(TINY, frontend_name="front", role=Role.EMBEDDING_PATCH)
    path = zoo.frontend_path(artifact)
    assert path is not None
    front = opened_front(path, artifact)
    (clip,) = windows_of(artifact, [a_window(WINDOW)], hop=WINDOW, front=front)
    (wanted,) = litert.Model(DYNAMIC, shapes=((1, WINDOW),))(a_window(1, WINDOW))
    np.testing.assert_allclose(clip.inputs[0], wanted[0], rtol=1e-5)
