"""Model files of all kinds that people bring, and damaged ones, as the zoo takes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.model_files import (
    CASES,
    DATA,
    STRING,
    TINY,
    WAVEFORM,
    edited,
    with_custom_op,
    with_input_shape,
    with_metadata,
)
from support.mutations import mutated, outcomes
from support.program import command_line

from bench.core.artifact import Artifact, Format, Role
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError, ModelFileError
from models.tflite import reader
from models.zoo import Zoo

AUDIO, IMAGE = 4, 2
SCRAMBLED = CASES / "keyword_scrambled.tflite"
DYNAMIC = CASES / "dynamic_waveform.tflite"


def added(tmp_path: Path, source: Path, **said: Any) -> Artifact:
    return Zoo(tmp_path / "zoo").add(source, **said)


def test_tensors_may_have_no_names(tmp_path: Path) -> None:
    artifact = added(tmp_path, SCRAMBLED)
    assert artifact.format is Format.INT8
    assert [each.name for each in artifact.inputs] == [""]
    listed = command_line("zoo", "list", "--zoo", tmp_path / "zoo", status=0)
    assert "keyword_scrambled" in listed.stdout


@pytest.mark.parametrize(
    ("shape", "free"), [([15_600], None), ([1, 15_600], [-1, 15_600]), ([1, 15_600], None)]
)
def test_a_waveform_of_rank_one_or_two_is_audio(
    tmp_path: Path, shape: list[int], free: list[int] | None
) -> None:
    source = edited(WAVEFORM, with_input_shape(shape, free=free), tmp_path / "yamnet.tflite")
    artifact = added(tmp_path, source)
    assert artifact.role is Role.EMBEDDING_WAVEFORM
    assert (artifact.window_samples, artifact.hop_samples) == (15_600, 15_600)
    assert artifact.partitions is not None


def test_the_metadata_says_of_a_short_input_that_it_is_audio(tmp_path: Path) -> None:
    def change(graph: Any) -> None:
        with_input_shape([1, 1_560])(graph)
        with_metadata(AUDIO, 16_000, 1)(graph)

    short = edited(WAVEFORM, change, tmp_path / "short.tflite")
    # The labels and other files of a model are a zip after it.
    short.write_bytes(short.read_bytes() + b"PK\x05\x06" + bytes(18))
    assert reader.read(short).sample_rate_hz == 16_000
    assert added(tmp_path, short).role is Role.EMBEDDING_WAVEFORM


@pytest.mark.parametrize("said", [(IMAGE, 0), (AUDIO, 44_100, 1), (AUDIO, 16_000, 2)])
def test_what_the_metadata_says_is_no_mono_audio_at_16_khz_has_no_window(
    tmp_path: Path, said: tuple[int, ...]
) -> None:
    artifact = added(tmp_path, edited(WAVEFORM, with_metadata(*said), tmp_path / "other.tflite"))
    assert artifact.role is Role.OTHER
    assert (artifact.window_samples, artifact.hop_samples, artifact.hop_s) == (None, None, None)
    rates = [each.evidence for each in artifact.caveats if each.kind is CaveatKind.OTHER_RATE]
    assert rates == (["44,100 Hz by its metadata"] if 44_100 in said else [])


def test_an_image_model_has_no_audio_fields(tmp_path: Path) -> None:
    shape = with_input_shape([1, 32, 32, 3])
    source = edited(CASES / "dilated_conv.tflite", shape, tmp_path / "image.tflite")
    command_line("zoo", "add", source, "--zoo", tmp_path / "zoo", status=0)
    manifest = json.loads((tmp_path / "zoo" / "image.float32.json").read_text())
    assert manifest["window_samples"] is None
    assert manifest["hop_samples"] is None
    with pytest.raises(ConfigurationError, match="its role is other, so it embeds no audio"):
        Zoo(tmp_path / "zoo").of("image")[0].audio()


def test_role_window_and_hop_may_be_said_where_the_file_leaves_them_open(tmp_path: Path) -> None:
    words = ["zoo", "add", DYNAMIC, "--zoo", tmp_path / "zoo", "--role", "embedding-waveform"]
    refused = command_line(*words, status=2)
    assert "a window of unknown length" in refused.stderr
    assert "--window-s 0.975" in refused.stderr
    command_line(*words, "--window-s", "1", "--hop-s", "0.5", status=0)
    (artifact,) = Zoo(tmp_path / "zoo").of("dynamic_waveform")
    assert artifact.role is Role.EMBEDDING_WAVEFORM
    assert (artifact.window_samples, artifact.hop_samples) == (16_000, 8_000)


def test_a_role_that_the_inputs_do_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"takes \[1, 8, 8, 1\], not a waveform"):
        added(tmp_path, TINY, role=Role.EMBEDDING_WAVEFORM)
    with pytest.raises(ConfigurationError, match="the window of this file is 15600 samples"):
        added(tmp_path, WAVEFORM, window_samples=16_000)
    refused = command_line("zoo", "add", TINY, "--role", "embedding-wave", status=2)
    assert "did you mean 'embedding-waveform'?" in refused.stderr


def test_an_operator_that_no_runtime_has_is_said(tmp_path: Path) -> None:
    source = edited(TINY, with_custom_op(b"MyFFT"), tmp_path / "custom.tflite")
    done = command_line("zoo", "add", source, "--zoo", tmp_path / "zoo", status=0)
    assert "needs an operator that no runtime here has: MyFFT" in done.stdout
    (artifact,) = Zoo(tmp_path / "zoo").of("custom")
    assert [each.kind for each in artifact.caveats] == [CaveatKind.MISSING_OPERATOR]


def test_a_model_of_text_is_no_audio_and_bytes_without_a_scale_are_not_int8(tmp_path: Path) -> None:
    def change(graph: Any) -> None:
        main = graph.subgraphs[0]
        main.tensors[main.inputs[0]].type = STRING
        main.tensors[main.operators[0].outputs[0]].type = 3  # uint8, such as encoded text

    artifact = added(tmp_path, edited(TINY, change, tmp_path / "text.tflite"))
    assert artifact.format is Format.FLOAT32
    assert [each.dtype for each in artifact.inputs] == ["string"]
    assert (artifact.role, artifact.window_samples) == (Role.OTHER, None)


def test_all_signatures_are_in_the_manifest(tmp_path: Path) -> None:
    assert added(tmp_path, CASES / "two_signatures.tflite").signatures == ("add", "multiply")


def past_the_end(graph: Any) -> None:
    graph.subgraphs[0].operators[0].inputs = [0, 999, 1]


def no_inputs(graph: Any) -> None:
    graph.subgraphs[0].inputs = []


def not_utf_8(graph: Any) -> None:
    graph.subgraphs[0].tensors[0].name = b"\xff\xfe"


def missing_buffer(graph: Any) -> None:
    graph.subgraphs[0].tensors[0].buffer = 999


def unknown_operator(graph: Any) -> None:
    graph.subgraphs[0].operators[0].opcodeIndex = 77


def absurd_size(graph: Any) -> None:
    graph.subgraphs[0].tensors[0].shape = [2**31 - 1] * 4


def infinite_scale(graph: Any) -> None:
    from ai_edge_litert import schema_py_generated as schema

    quantisation = schema.QuantizationParametersT()
    quantisation.scale, quantisation.zeroPoint = [float("inf")], [0]
    graph.subgraphs[0].tensors[0].quantization = quantisation


def missing_signature_graph(graph: Any) -> None:
    graph.signatureDefs[0].subgraphIndex = 9


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (past_the_end, "operator 0 names tensor 999 of"),
        (no_inputs, "its graph has no inputs"),
        (not_utf_8, "the name of tensor 0 is not UTF-8"),
        (missing_buffer, "tensor 0 is in buffer 999, which is not there"),
        (unknown_operator, "operator 0 is of kind 77, which is not there"),
        (absurd_size, "tensor 0 has the impossible shape"),
        (infinite_scale, "tensor 0 has a scale that is not finite"),
        (missing_signature_graph, "a signature is of graph 9, which is not there"),
    ],
)
def test_a_damaged_graph_is_refused_by_name_and_reason(
    tmp_path: Path, damage: Callable[[Any], None], reason: str
) -> None:
    source = edited(TINY, damage, tmp_path / "hostile.tflite")
    done = command_line("zoo", "add", source, "--zoo", tmp_path / "zoo", status=2)
    assert f"{source}: is damaged: {reason}" in done.stderr
    assert not (tmp_path / "zoo").exists()


def test_a_file_that_crashes_litert_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    # The seed of ``make evidence`` by which LiteRT 2.3 ends with a segmentation fault.
    original = (CASES / "dilated_conv.tflite").read_bytes()
    source = tmp_path / "crashing.tflite"
    source.write_bytes(mutated(original, 1_843))
    with pytest.raises(ModelFileError, match=r"crashing\.tflite: LiteRT crashes \(SIGSEGV\)"):
        reader.read(source)
    assert reader.read(TINY).format is Format.FLOAT32


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is not a file"):
        reader.read(tmp_path)
    with pytest.raises(ModelFileError, match="is not a file"):
        reader.read(Path("/dev/zero"))


def test_200_seeded_mutations_are_added_or_refused_by_name(tmp_path: Path) -> None:
    counts = outcomes(tmp_path, range(200))
    assert sum(counts.values()) == 200
    assert len({outcome for _, outcome in counts}) >= 4
    assert {name for name, _ in counts} == {
        *("tiny", "two_signatures", "embedding_lookup", "dilated_conv", "keyword_scrambled")
    }
    assert (DATA / "tiny.tflite").is_file()
