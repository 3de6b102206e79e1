"""Files that end LiteRT while it runs them: an error of their own, and nothing else ends."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from support.audio_models import MODELS
from support.model_files import CASES, TINY
from support.program import command_line

from bench.core.errors import ModelFileError
from bench.flow.outputs import check
from bench.plan.suite import bare_target
from models.tflite import apart, litert, reader
from models.zoo import Zoo

# Read and allocated like any other; ends the process that runs it on audio, but not on silence.
CRASHING = MODELS / "crash.tflite"
WAVEFORM = MODELS / "waveform.tflite"
SILENCE = np.zeros((1, 15_600), np.float32)


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Returns a zoo of a file that crashes and of one that does not."""
    for path in (CRASHING, WAVEFORM):
        Zoo(tmp_path / "zoo").add(path)
    return tmp_path / "zoo"


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_a_file_that_crashes_when_it_is_run_is_an_error_and_others_run_on() -> None:
    other, crashing = apart.Model(WAVEFORM), apart.Model(CRASHING)
    assert not crashing(SILENCE)[0].any()
    with pytest.raises(ModelFileError, match=r"crash\.tflite: LiteRT crashes \(SIG") as refused:
        crashing(-np.ones_like(SILENCE))
    assert "while it runs it" in refused.value.message
    assert other(SILENCE)[0].shape == (1, 15)
    assert reader.read(CRASHING).inputs == reader.read(WAVEFORM).inputs


def test_inferences_in_turn_give_bit_by_bit_what_calls_give() -> None:
    model, inputs = apart.Model(WAVEFORM), noise(3, 1, 15_600)
    (together,) = model.in_turn(inputs)
    assert np.array_equal(together, np.stack([model(each)[0] for each in inputs]))
    with pytest.raises(ModelFileError, match="LiteRT crashes"):
        apart.Model(CRASHING).in_turn(-np.ones((2, 1, 15_600), np.float32))


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        (WAVEFORM, None),
        (TINY, None),
        (CASES / "keyword_scrambled.tflite", None),
        (CASES / "dilated_conv.tflite", (1, 9, 9, 3)),
        (MODELS / "patch.tflite", (32, 96, 64, 1)),
    ],
)
def test_a_file_gives_bit_by_bit_what_it_gives_in_this_process(
    path: Path, shape: tuple[int, ...] | None
) -> None:
    here, there = litert.Model(path), apart.Model(path)
    assert there.input_shapes() == here.input_shapes()
    inputs = noise(*(shape or here.input_shapes()[0]))
    for ours, theirs in zip(here(inputs), there(inputs), strict=True):
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert there.input_shapes() == here.input_shapes()


def test_every_layer_gives_bit_by_bit_what_it_gives_in_this_process() -> None:
    here, there = litert.Traced(WAVEFORM), apart.Traced(WAVEFORM)
    assert (there.inputs, there.outputs) == (here.inputs, here.outputs)
    assert there.operations == here.operations
    inputs = noise(1, 15_600)
    ours, theirs = here(inputs), there(inputs)
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert [there.limits(name) for name in theirs] == [here.limits(name) for name in ours]


def test_inputs_that_do_not_fit_are_an_error_of_the_file() -> None:
    with pytest.raises(ModelFileError, match=r"waveform\.tflite"):
        apart.Model(WAVEFORM)(noise(3, 4, 5))
    with pytest.raises(ModelFileError, match=r"waveform\.tflite: cannot be run"):
        apart.Model(WAVEFORM)(SILENCE, SILENCE)
    with pytest.raises(ModelFileError, match=r"absent\.tflite"):
        apart.Model(Path("absent.tflite"))


def test_a_process_ends_with_its_model() -> None:
    model = apart.Model(WAVEFORM)
    pid = model._child._pid
    del model
    assert apart.ask({"ended": pid}) == {"ended": "ends with the status 0"}


def test_a_process_that_is_killed_is_an_error_and_the_next_one_starts() -> None:
    model = apart.Model(WAVEFORM)
    os.kill(model._child._pid, signal.SIGKILL)
    with pytest.raises(ModelFileError, match=r"waveform\.tflite: LiteRT needs more than"):
        model(SILENCE)
    examiner = apart._examiner(os.getpid())
    kept = apart.Model(WAVEFORM)
    examiner._process.kill()
    with pytest.raises(ModelFileError, match="the process that reads it ended"):
        reader.read(WAVEFORM)
    assert kept(SILENCE)[0].shape == (1, 15)
    assert apart.Model(WAVEFORM)(SILENCE)[0].shape == (1, 15)


def test_a_crash_costs_its_own_score_only(both: Path, split_tones: Path, tmp_path: Path) -> None:
    words = ("score", "--zoo", both, "--audio", split_tones, "--db", tmp_path / "r.db")
    document = json.loads(command_line(*words, "--json", status=4).stdout)
    assert list(document["failed"]) == ["crash.float32"]
    assert "crash.float32.tflite: LiteRT crashes" in document["failed"]["crash.float32"]
    assert len(document["scores"]) == 1


def test_a_crash_in_embed_is_a_sentence(both: Path, tones: Path, tmp_path: Path) -> None:
    words = ("embed", "crash", tones, "--zoo", both, "--out", tmp_path / "v.npz")
    done = command_line(*words, status=2)
    assert "crash.float32.tflite: LiteRT crashes (SIG" in done.stderr
    assert not (tmp_path / "v.npz").exists()


@pytest.mark.audio
def test_a_crash_leaves_outputs_unchecked() -> None:
    crashed = check._prepare(bare_target(CRASHING))
    assert isinstance(crashed, ModelFileError)
    assert "LiteRT crashes" in crashed.message
    assert not isinstance(check._prepare(bare_target(WAVEFORM)), Exception)
