"""Streams, converted for real, beside the same students on whole windows of real speech."""

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from support.audio_models import MODELS
from support.program import frill_bench
from support.streams import OTHER_HOPS, STREAM, STUDENT, artifact, offline, speech

from bench.core.artifact import IN_GRAPH, Format, Role
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.tool import litert_runner
from models import frontend
from models.audio.calibration import patches_for
from models.audio.tasks import task_set
from models.convert import fidelity
from models.detection.chain import Chains
from models.detection.trained import embedding
from models.embeddings.embed import embed_clips
from models.stream import INPUTS, PAST_SAMPLES, Hop, Stream, filled, hop_of
from models.student import weights
from models.student.buildable import architecture, parse
from models.tflite import reader
from models.tflite.arrays import Floats
from models.tflite.litert import Model
from models.tflite.quantise import quantise
from models.zoo import Zoo

pytestmark = [pytest.mark.zoo, pytest.mark.audio]

WINDOW = frontend.WINDOW_SAMPLES


@pytest.fixture(scope="module")
def audio(audio_root: Path) -> Floats:
    return speech(audio_root, seconds=5)


def model(zoo: Zoo, name: str, format: Format = Format.FLOAT32) -> Model:
    return Model(zoo.path(artifact(zoo, name, format)))


def streamed(zoo: Zoo, name: str, audio: Floats, format: Format = Format.FLOAT32) -> list[Floats]:
    """Returns the embedding after each hop."""
    stream = Stream(model(zoo, name, format))
    size = stream.hop.samples
    whole = audio[: len(audio) // size * size].reshape(-1, size)
    return [stream(hop) for hop in whole]


@pytest.mark.parametrize("name", [STREAM, *OTHER_HOPS])
def test_from_the_call_that_fills_a_window_on_it_gives_the_embedding_of_the_last_window(
    streams: Zoo, audio: Floats, name: str
) -> None:
    found = artifact(streams, name)
    vectors = streamed(streams, name, audio)
    first = found.calls_to_fill
    assert found.hop_samples * (first - 1) < WINDOW <= found.hop_samples * first
    calls = range(first, len(vectors) + 1)
    ends = [found.hop_samples * call for call in calls]
    wanted = offline(model(streams, STUDENT), audio, ends)
    assert np.abs(np.stack(vectors[first - 1 :]) - wanted).max() < 1e-4
    assert np.abs(wanted).max() > 0.1


def test_before_that_call_an_embedding_is_another_one(streams: Zoo, audio: Floats) -> None:
    found = artifact(streams, STREAM)
    assert found.calls_to_fill == 6
    early = streamed(streams, STREAM, audio)[found.calls_to_fill - 2]
    padded = np.pad(audio, (WINDOW, 0))
    end = found.hop_samples * (found.calls_to_fill - 1) + WINDOW
    wanted = offline(model(streams, STUDENT), padded, [end])[0]
    assert np.abs(early - wanted).max() > 1e-3


def test_a_detectors_chain_gives_what_the_stream_gives(streams: Zoo, audio: Floats) -> None:
    found = artifact(streams, STREAM)
    hop = found.audio()[1]
    chains = Chains([embedding(found, streams.path(found), frontend_path=None, hop=hop)])
    given = [chains(part)[0] for part in np.array_split(audio, 7)]
    vectors = np.concatenate([each.values for each in given if each.values.size])
    assert np.array_equal(vectors, np.stack(streamed(streams, STREAM, audio)))
    assert given[-1].ends[-1] == len(audio) // hop * hop


def test_two_streams_on_one_interpreter_do_not_disturb_each_other(
    streams: Zoo, audio: Floats
) -> None:
    other = audio[::-1].copy()
    alone = streamed(streams, STREAM, audio), streamed(streams, STREAM, other)
    shared = model(streams, STREAM)
    one, two = Stream(shared), Stream(shared)
    for at in range(len(alone[0])):
        hop = slice(at * one.hop.samples, (at + 1) * one.hop.samples)
        assert np.array_equal(one(audio[hop]), alone[0][at])
        assert np.array_equal(two(other[hop]), alone[1][at])


def test_a_manifest_describes_the_stream(streams: Zoo) -> None:
    for name, hop, frames in ((STREAM, 2720, 79), (f"{STREAM}48", 7680, 48)):
        found = artifact(streams, name)
        assert (found.role, found.frontend) == (Role.EMBEDDING_STREAM, IN_GRAPH)
        assert (found.window_samples, found.hop_samples) == (WINDOW, hop)
        state = [(1, PAST_SAMPLES), (1, frames, 64, 1)]
        assert [each.shape for each in found.inputs] == [(1, hop), *state]
        assert [each.shape for each in found.outputs] == [(1, 512), *state]
        known = architecture(parse(name))
        assert tuple(each.shape for each in found.inputs) == known.input_shapes
        assert tuple(each.shape for each in found.outputs) == known.output_shapes
    whole = artifact(streams, f"{STREAM}96")
    assert [each.shape for each in whole.inputs] == [(1, 15_360), (1, PAST_SAMPLES)]
    assert whole.calls_to_fill == 2
    assert artifact(streams, STUDENT).calls_to_fill == 1


def test_a_stream_does_the_work_of_its_new_frames_only(streams: Zoo) -> None:
    student, stream = (artifact(streams, name) for name in (STUDENT, STREAM))
    hop, whole = (architecture(parse(name)) for name in ("frontend-dft-17", "frontend-dft"))
    assert (stream.macs or 0) - (student.macs or 0) == hop.macs < whole.macs / 5
    assert reader.read(streams.path(stream)).macs == stream.macs


@pytest.mark.parametrize("format", Format)
def test_front_end_and_state_stay_in_float_and_the_graph_is_one_partition(
    streams: Zoo, format: Format
) -> None:
    found = artifact(streams, STREAM, format)
    assert {each.dtype for each in (*found.inputs, *found.outputs)} == {"float32"}
    assert {"LOG", "SQRT", "TRANSPOSE"} <= set(found.float_ops)
    if format is Format.INT8:
        assert found.float_ops["FULLY_CONNECTED"] == 18  # of the front-end
        assert found.float_ops["SLICE"] == 5  # three of the frames, two of the state
        assert {"CONV_2D", "DEPTHWISE_CONV_2D", "MEAN"}.isdisjoint(found.float_ops)
    split, students = found.partitions, artifact(streams, STUDENT, format).partitions
    assert split is not None
    assert students is not None
    assert split.partitions == students.partitions  # with dynamic range not 1
    assert split.left == students.left
    assert (split.partitions == 1) == (format is not Format.DYNAMIC)
    if found.fidelity is not None:
        assert CaveatKind.BELOW_BOUND not in {caveat.kind for caveat in found.caveats}


@pytest.mark.parametrize("format", Format)
def test_the_state_is_carried_to_the_last_bit_in_every_format(
    streams: Zoo, audio: Floats, format: Format
) -> None:
    inputs = filled(audio[np.newaxis, :WINDOW], Hop(17))
    _, samples, frames = model(streams, STREAM, format)(*inputs)
    assert np.array_equal(samples[0], audio[WINDOW - PAST_SAMPLES : WINDOW])
    assert np.array_equal(frames[:, :-17], inputs[2][:, 17:])


def test_int8_is_calibrated_on_full_windows_and_as_near_to_float_as_the_students(
    streams: Zoo, audio_root: Path
) -> None:
    student, stream = (artifact(streams, name, Format.INT8) for name in (STUDENT, STREAM))
    assert student.fidelity is not None
    assert stream.fidelity is not None
    lost = 1 - student.fidelity.centred_cosine_mean
    assert 1 - stream.fidelity.centred_cosine_mean == pytest.approx(lost, rel=0.25)
    windows, _ = patches_for("heldout", count=10, waveform=True, audio_root=audio_root)
    heard = fidelity.embeddings(streams.path(stream), filled(windows, Hop(17)))
    patches = np.stack([frontend.patch(window) for window in windows])[..., np.newaxis]
    wanted = fidelity.embeddings(streams.path(student), patches)
    found = fidelity.compare(wanted, heard, patches_sha256="")
    assert found.cosine_mean > 0.99


def test_learned_ranges_are_those_of_the_students_tensors_and_not_of_the_state(
    streams: Zoo, tmp_path: Path, audio: Floats
) -> None:
    trained = weights.load(weights.starter_folder() / f"{STUDENT}_qat.npz")
    files = [tmp_path / f"{name}.tflite" for name in (STUDENT, STREAM)]
    for path in files:
        source = streams.path(artifact(streams, path.stem))
        quantise(source, path, Format.INT8, ranges=trained.ranges)
    stream = Stream(Model(files[1]))
    size = stream.hop.samples
    vector = [stream(hop) for hop in audio[: 6 * size].reshape(6, size)][-1]
    wanted = offline(Model(files[0]), audio, [6 * size])[0]
    assert np.dot(vector, wanted) > 0.99 * np.linalg.norm(vector) * np.linalg.norm(wanted)


@pytest.mark.parametrize("name", [STREAM, f"{STREAM}48"])
def test_score_makes_the_embeddings_of_the_same_windows(
    streams: Zoo, tones: Path, tmp_path: Path, name: str
) -> None:
    clips, stream = task_set(str(tones)).paths(), artifact(streams, name)
    student = replace(artifact(streams, STUDENT), hop_samples=stream.hop_samples)
    vectors = [
        embed_clips(streams.path(each), each, clips, cache=tmp_path) for each in (stream, student)
    ]
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-4


def test_the_runner_times_a_stream_on_a_random_state(streams: Zoo) -> None:
    path = streams.path(artifact(streams, STREAM, Format.INT8))
    words = ["--num_runs=2", "--min_secs=0", "--warmup_runs=0", "--warmup_min_secs=0"]
    answer = litert_runner.measure(litert_runner.parse([f"--graph={path}", *words]))
    assert answer["partitions"] == 1
    assert len(cast("list[float]", answer["inference_us"])) == 2


def test_parity_compares_the_layers_of_a_stream(streams: Zoo) -> None:
    done = frill_bench(
        "zoo", "parity", f"{STREAM}.int8", "--json", "--zoo", streams.root, "--patches", "2",
        status=0,
    )  # fmt: skip
    (converted_file,) = json.loads(done.stdout)["formats"]
    front = [each for each in converted_file["layers"] if "frontend" in each["tensor"]]
    assert front
    assert all(each["snr_db"] is None or each["snr_db"] > 100 for each in front)


def test_a_stream_of_ours_joins_another_zoo_as_one(streams: Zoo, tmp_path: Path) -> None:
    source = artifact(streams, STREAM, Format.INT8)
    added = Zoo(tmp_path / "zoo").add(streams.path(source), name="mine")
    assert (added.role, added.frontend) == (Role.EMBEDDING_STREAM, IN_GRAPH)
    assert (added.hop_samples, added.window_samples) == (source.hop_samples, WINDOW)
    assert added.calls_to_fill == source.calls_to_fill
    with pytest.raises(ConfigurationError, match="the hop of this stream is 2720 samples"):
        Zoo(tmp_path / "zoo").add(streams.path(source), name="other", hop_samples=7680)


def test_a_file_that_is_not_a_stream_cannot_be_added_as_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a stream's inputs"):
        Zoo(tmp_path).add(MODELS / "waveform.tflite", role=Role.EMBEDDING_STREAM)


def test_the_hop_of_a_file_is_known_by_its_inputs_alone() -> None:
    for frames in range(1, 97):
        assert hop_of(Hop(frames).input_shapes) == Hop(frames)
        assert len(Hop(frames).input_shapes) <= len(INPUTS)
    for shapes in ((), ((1, 15_600),), ((1, 96, 64, 1),), ((1, 2_721), (1, 240), (1, 79, 64, 1))):
        assert hop_of(shapes) is None


def test_the_command_shows_a_stream_before_and_after_it_is_built(
    streams: Zoo, tmp_path: Path
) -> None:
    for zoo in (tmp_path, streams.root):
        done = frill_bench("zoo", "show", STREAM, "--json", "--zoo", zoo, status=0)
        document = json.loads(done.stdout)
        assert document["calls_to_fill"] == 6
        assert document["input_shapes"] == [[1, 2720], [1, 240], [1, 79, 64, 1]]
    listed = json.loads(frill_bench("zoo", "list", "--json", "--zoo", streams.root).stdout)
    roles = {each["name"]: each["role"] for each in listed["artifacts"]}
    assert roles[STREAM] == "embedding-stream"
