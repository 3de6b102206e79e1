"""A model file of one's own: its kind, its real inputs, its formats, and what is refused."""

import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.model_files import CASES, TINY, edited
from support.program import command_line

from bench.core.artifact import Format, Role, Tensor
from bench.core.caveats import CaveatKind
from bench.core.errors import BenchError, ConfigurationError, ConversionError, ModelFileError
from bench.flow.build.own import OwnModel, convert_models
from models import frontend
from models.convert import fidelity
from models.convert.job import InputFiles
from models.onnx import converter
from models.own.convert import convert_own
from models.own.given import given_inputs
from models.own.inputs import Hears, Wanted, hears, windows
from models.own.job import OwnJob
from models.own.quantisable import quantisable
from models.own.refusal import why_refused
from models.own.source import Kind, is_own, source_of
from models.tflite import litert
from models.zoo import Zoo

pytest.importorskip("litert_quantizer")

ANY_LENGTH = CASES / "dynamic_waveform.tflite"  # audio [1, -1] to [1, 96]
FORMATS = tuple(Format)
PATCH = Tensor(name="x", shape=(1, 2, 3), dtype="float32")


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    folder = tmp_path_factory.mktemp("audio")
    rng = np.random.default_rng(1)
    for name in ("calibration", "heldout"):
        loud = rng.uniform(0.05, 0.5, (6, 1))
        np.save(folder / name, (loud * rng.normal(size=(6, 15_600))).astype(np.float32))
    return InputFiles(
        calibration=folder / "calibration.npy",
        calibration_sha256="c",
        heldout=folder / "heldout.npy",
        heldout_sha256="h",
    )


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    """Returns real inputs for ``tiny.tflite``."""
    folder = tmp_path / "patches"
    folder.mkdir()
    rng = np.random.default_rng(2)
    for at in range(2):
        np.save(folder / f"{at}.npy", rng.normal(size=(5, 8, 8, 1)).astype(np.float32))
    return folder


def job(path: Path, zoo: Path, **changes: object) -> OwnJob:
    plain = OwnJob(source=source_of(path), formats=FORMATS, zoo=zoo, wanted=Wanted())
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of it


def test_a_waveform_model_of_any_length_gets_every_format_checked_on_audio(
    tmp_path: Path, audio: InputFiles
) -> None:
    wanted = Wanted(window_samples=8_000)
    made = convert_own(job(ANY_LENGTH, tmp_path / "zoo", wanted=wanted, audio=audio))
    assert [each.format for each in made.artifacts] == list(FORMATS)
    assert not made.refused
    float32, *others = made.artifacts
    assert float32.sha256 == source_of(ANY_LENGTH).sha256  # the very file
    assert (float32.role, float32.window_samples) == (Role.EMBEDDING_WAVEFORM, 8_000)
    for each in others:
        assert each.fidelity is not None
        assert each.fidelity.patches == 6
        assert each.fidelity.cosine_mean > fidelity.BOUNDS[each.format][0]
    assert made.artifacts[3].calibration_sha256
    assert all("dynamic_waveform.tflite (TFLite), SHA-256" in one.provenance for one in others)
    assert not list((tmp_path / "zoo").glob("*.log"))
    assert not [each for each in (tmp_path / "zoo").iterdir() if each.name.startswith(".own")]


def test_what_is_made_is_not_made_again_and_a_changed_file_replaces_it(
    tmp_path: Path, patches: Path
) -> None:
    source, zoo = tmp_path / "mine.tflite", tmp_path / "zoo"
    shutil.copy(TINY, source)
    asked = job(source, zoo, wanted=Wanted(given=patches))
    first = convert_own(asked)
    files = {path: path.stat().st_mtime_ns for path in zoo.iterdir()}
    assert convert_own(asked) == first
    assert {path: path.stat().st_mtime_ns for path in zoo.iterdir()} == files
    assert set(first.refused) == {Format.DYNAMIC}  # and that is not tried again either
    shutil.copy(TINY.with_name("tiny_split.tflite"), source)
    second = convert_own(job(source, zoo, wanted=Wanted(given=patches)))
    assert second.artifacts[0].sha256 != first.artifacts[0].sha256
    assert {each.sha256 for each in Zoo(zoo).artifacts()} == {
        each.sha256 for each in second.artifacts
    }


def test_another_file_of_that_name_is_not_replaced(tmp_path: Path, patches: Path) -> None:
    zoo = tmp_path / "zoo"
    Zoo(zoo).add(TINY, name="tiny_split")
    with pytest.raises(ConfigurationError, match="another model has the name") as refused:
        convert_own(job(TINY.with_name("tiny_split.tflite"), zoo, wanted=Wanted(given=patches)))
    assert "--name" in refused.value.hint


def test_without_real_inputs_int8_is_refused_and_the_others_are_marked_unchecked(
    tmp_path: Path,
) -> None:
    made = convert_own(job(TINY, tmp_path))
    assert [each.format for each in made.artifacts] == [Format.FLOAT32, Format.FLOAT16]
    assert made.artifacts[1].caveats[0].kind is CaveatKind.UNCHECKED
    assert "--calibration DIR" in made.refused[Format.INT8]
    assert "has weights enough" in made.refused[Format.DYNAMIC]
    assert made.notes[0].startswith("not checked: it takes float32 [1, 8, 8, 1]")


def test_a_quantised_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = CASES / "keyword_scrambled.tflite"
    made = convert_own(job(path, tmp_path))
    assert [each.format for each in made.artifacts] == [Format.INT8]
    assert "int8 already, so it is taken as it is" in made.notes[0]
    assert not made.refused
    assert convert_own(job(path, tmp_path)) == made


def test_a_log_mel_model_hears_patches_and_its_constant_outputs_are_marked(
    tmp_path: Path, audio: InputFiles
) -> None:
    path = TINY.parent / "audio_models" / "patch.tflite"
    made = convert_own(job(path, tmp_path, audio=audio, formats=(Format.INT8,)))
    assert made.shapes == ((1, frontend.PATCH_FRAMES, frontend.MEL_BINS, 1),)
    assert [each.role for each in made.artifacts] == [Role.EMBEDDING_PATCH] * 2
    assert made.artifacts[1].fidelity is not None


def test_outputs_that_are_not_finite_are_not_compared(tmp_path: Path, audio: InputFiles) -> None:
    path = TINY.parent / "audio_models" / "nan.tflite"
    made = convert_own(job(path, tmp_path, audio=audio, formats=(Format.INT8,)))
    assert "not finite" in made.notes[0]


def test_a_damaged_file_is_a_clear_error_and_no_other_model_is_hurt(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(TINY.read_bytes()[:1_500])
    made, failed = convert_models(
        [OwnModel(path=bad, calibration=tmp_path), OwnModel(path=TINY, calibration=tmp_path)],
        formats=[Format.FLOAT32],
        zoo=Zoo(tmp_path / "zoo"),
    )
    assert not made
    assert "bad.tflite" in failed["bad"].message
    assert isinstance(failed["bad"], ModelFileError)
    assert "holds inputs of 0 inferences" in failed["tiny"].message


def test_old_files_without_signature_names_and_new_operator_codes_are_quantised(
    tmp_path: Path,
) -> None:
    def age(graph: object) -> None:
        graph.signatureDefs = None  # type: ignore[attr-defined]  # LiteRT's classes have no types
        for code in graph.operatorCodes:  # type: ignore[attr-defined]
            code.builtinCode = 0
        for tensor in graph.subgraphs[0].tensors:  # type: ignore[attr-defined]
            tensor.name = b""

    old = edited(TINY, age, tmp_path / "old.tflite")
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(quantisable(old.read_bytes(), [(1, 8, 8, 1)]))
    patch = np.random.default_rng(3).normal(size=(1, 8, 8, 1)).astype(np.float32)
    ours, theirs = litert.Model(copy), litert.Model(TINY)
    assert np.array_equal(ours(patch)[0], theirs(patch)[0])
    assert ours.signature()[1] == ("input_0",)
    graph = litert.read_graph(copy.read_bytes())
    names = [each.name for each in graph.subgraphs[0].tensors]
    assert len(set(names)) == len(names)
    assert [each.builtinCode for each in graph.operatorCodes] == [
        each.deprecatedBuiltinCode for each in graph.operatorCodes
    ]


def test_an_operator_that_stops_a_format_is_named(tmp_path: Path) -> None:
    result = next(name for op, name, _ in _layers() if op == "CONV_2D")
    error = ConversionError(f"{tmp_path}/copy.tflite: it fails at {result}")
    assert why_refused(error, TINY, "tiny").startswith("operator CONV_2D, whose result is")
    error = ConversionError("Node number 3 (LSTM) failed to prepare.")
    assert why_refused(error, TINY, "tiny").startswith("operator LSTM (number 3)")


def _layers() -> list[tuple[str, str, int]]:
    from models.tflite import contents

    return contents.layers(TINY)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((1, 2, 3), 1), ((2, 3), 1), ((5, 2, 3), 5), ((4, 1, 2, 3), 4)],
)
def test_given_inputs_are_of_one_inference_or_of_several(
    tmp_path: Path, shape: tuple[int, ...], count: int
) -> None:
    for name in ("a", "b"):
        np.save(tmp_path / name, np.ones(shape))
    calibration, heldout = given_inputs(tmp_path, [PATCH], [])
    assert len(calibration.values) == len(heldout.values) == count
    assert {one[0].shape for one in calibration.values} == {(1, 2, 3)}
    assert calibration.values[0][0].dtype == np.float32


def test_several_inputs_go_by_name_with_the_dtype_of_each(tmp_path: Path) -> None:
    tensors = [PATCH, Tensor(name="rate:0", shape=(), dtype="int64")]
    for at in range(3):
        np.savez(tmp_path / f"{at}.npz", x=np.full((1, 2, 3), at), rate=np.array(16_000))
    calibration, heldout = given_inputs(tmp_path, tensors, ["", "rate"])
    assert [float(one[0].max()) for one in calibration.values] == [0, 2]  # files take turns
    assert heldout.values[0][1].shape == ()
    assert heldout.values[0][1].dtype == np.int64


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"y": np.ones((1, 2, 3)), "z": np.ones(1)}, "not the input 'x'"),
        ({"x": np.ones((7, 7))}, "is \\[7, 7\\], and the model takes \\[1, 2, 3\\]"),
        ({"x": np.full((1, 2, 3), np.nan)}, "not finite numbers"),
        ({"x": np.array([["text"]])}, "and the model takes"),
    ],
)
def test_given_inputs_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], reason: str
) -> None:
    np.savez(tmp_path / "0.npz", **arrays)  # type: ignore[arg-type]  # names of inputs
    with pytest.raises(ConfigurationError, match=reason):
        given_inputs(tmp_path, [PATCH], [])


def test_an_array_that_would_run_code_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigurationError, match="cannot be read as arrays"):
        given_inputs(tmp_path, [PATCH], [])


def test_a_window_of_any_length_is_made_of_real_ones() -> None:
    audio = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert windows(audio, 3).tolist() == [[0, 1, 2], [4, 5, 6], [8, 9, 10]]
    assert windows(audio, 6).tolist()[2] == [8, 9, 10, 11, 0, 1]


@pytest.mark.parametrize(
    ("shape", "wanted", "found"),
    [
        ((1, 16_000), Wanted(), Hears.AUDIO),
        ((-1, -1), Wanted(window_samples=8_000), Hears.AUDIO),
        ((-1, -1), Wanted(), Hears.NOTHING),
        ((1, 96, 64, 1), Wanted(), Hears.LOG_MEL),
        ((1, 98, 64, 1), Wanted(front=Path("front.tflite")), Hears.FRONT_END),
        ((1, 224, 224, 3), Wanted(), Hears.NOTHING),
        ((1, 16_000), Wanted(role=Role.OTHER), Hears.NOTHING),
        ((1, 16_000), Wanted(given=Path("inputs")), Hears.GIVEN),
    ],
)
def test_what_a_model_hears_follows_from_its_shape_and_its_owner(
    shape: tuple[int, ...], wanted: Wanted, found: Hears
) -> None:
    assert hears([Tensor(name="x", shape=shape, dtype="float32")], wanted) is found


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model.h5", "Keras' former format"),
        ("saved_model.pb", "give the folder"),
        ("model.pt", "'.pt'"),
        ("folder", "holds no saved_model.pb"),
        ("missing.onnx", "no such file"),
    ],
)
def test_what_is_no_model_file_is_refused_with_what_to_do(
    tmp_path: Path, name: str, reason: str
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif not name.startswith("missing"):
        path.write_bytes(b"")
    with pytest.raises(BenchError) as refused:
        source_of(path)
    assert reason in str(refused.value)
    assert refused.value.hint


def test_names_of_students_and_of_files_are_kept_apart(tmp_path: Path) -> None:
    assert not is_own("tiny_w0.5_keras3_gap_e512_unfused")
    assert is_own("mine.tflite")
    assert is_own("models/mine")
    (tmp_path / "my model.onnx").write_bytes(b"")
    source = source_of(tmp_path / "my model.onnx")
    assert (source.kind, source.name) == (Kind.ONNX, "my_model")


def test_onnx2tf_runs_in_its_own_environment_and_its_refusal_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, source = tmp_path / "onnx2tf", tmp_path / "a.onnx"
    source.write_bytes(b"onnx")
    monkeypatch.setenv(converter.VARIABLE, str(program))
    with pytest.raises(ConfigurationError, match="no such program") as missing:
        converter.to_float32(source, tmp_path / "a.tflite", {"x": (1, 3)})
    assert "pip install onnx2tf==" in missing.value.hint
    program.write_text('#!/bin/sh\n: > "$2"\necho "ERROR: op Foo is not supported"\nexit 1\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(ConversionError, match="op Foo is not supported"):
        converter.to_float32(source, tmp_path / "a.tflite", {"x": (1, 3)})
    assert source.read_bytes() == b"onnx"  # it rewrites its input in place, so it gets a copy
    program.write_text(f'#!/bin/sh\ncp {TINY} "$4/model_float32.tflite"\n')
    converter.to_float32(source, tmp_path / "a.tflite", {"x": (1, 3)})
    assert (tmp_path / "a.tflite").read_bytes() == TINY.read_bytes()


def test_convert_lists_a_format_that_was_refused_and_exits_with_4(
    tmp_path: Path, patches: Path
) -> None:
    done = command_line(
        "convert", TINY, "--calibration", patches, "--zoo", tmp_path / "zoo", "--json", status=4
    )
    document = json.loads(done.stdout)
    assert [each["format"] for each in document["artifacts"]] == ["float32", "float16", "int8"]
    assert [each["format"] for each in document["refused"]] == ["dynamic"]
    again = command_line(
        "convert", TINY, "--calibration", patches, "--zoo", tmp_path / "zoo", status=4
    )
    assert "not made: no operator of it" in again.stdout


def test_flags_of_a_file_are_refused_with_a_students_name(tmp_path: Path) -> None:
    done = command_line("convert", "frill", "--window-s", "1", "--zoo", tmp_path, status=2)
    assert "--window-s is for a model file of your own" in done.stderr
