"""Models of other people in Keras and as SavedModels: the float32 file computes what they do."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from support.lazy import Lazy, needs_tensorflow

from bench.core.artifact import Format, Role
from bench.core.errors import ConversionError, ModelFileError
from models.convert.job import InputFiles
from models.own.convert import convert_own
from models.own.inputs import Wanted
from models.own.job import OwnJob
from models.own.source import source_of
from models.tflite import litert

keras, tf = Lazy("keras"), Lazy("tensorflow")
given = Lazy("models.network.given")
saved_models = Lazy("support.saved_models")

pytestmark = [pytest.mark.zoo, needs_tensorflow]


@pytest.fixture(scope="module")
def two_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a Keras file of two inputs and two outputs, with a batch of any size."""
    a, b = keras.Input((3,), name="zeta"), keras.Input((2, 3), name="alpha")
    both = keras.layers.Add()([a, keras.layers.GlobalMaxPooling1D()(b)])
    outputs = [keras.layers.Dense(2)(both), keras.layers.Softmax()(both)]
    path = tmp_path_factory.mktemp("keras") / "two.keras"
    with warnings.catch_warnings():  # of Keras about NumPy 2
        warnings.simplefilter("ignore")
        keras.Model([a, b], outputs).save(path)
    return path


def test_a_keras_file_of_several_inputs_gives_a_file_with_them_in_order(
    two_inputs: Path, tmp_path: Path
) -> None:
    model = given.load(two_inputs)
    assert [each.shape for each in model.inputs] == [(-1, 3), (-1, 2, 3)]
    given.write_float32(model, [(1, 3), (1, 2, 3)], tmp_path / "two.tflite")
    rng = np.random.default_rng(1)
    values = [rng.normal(size=shape).astype(np.float32) for shape in ((1, 3), (1, 2, 3))]
    ours, theirs = litert.Model(tmp_path / "two.tflite")(*values), model.run(values)
    assert [each.shape for each in ours] == [(1, 2), (1, 3)]
    for one, other in zip(ours, theirs, strict=True):
        assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("signature", [False, True])
def test_a_saved_model_with_and_without_a_signature_is_called_and_checked(
    tmp_path: Path, signature: bool
) -> None:
    folder = tmp_path / "mine"
    if signature:
        saved_models.save_signature(folder, rank=2, rate=False)
    else:
        saved_models.save("trillsson", folder)
    audio = np.random.default_rng(1).normal(size=(4, 15_600)).astype(np.float32)
    np.save(tmp_path / "audio.npy", audio)
    inputs = InputFiles(
        calibration=tmp_path / "audio.npy",
        calibration_sha256="c",
        heldout=tmp_path / "audio.npy",
        heldout_sha256="h",
    )
    job = OwnJob(
        source=source_of(folder),
        formats=(Format.FLOAT32,),
        zoo=tmp_path / "zoo",
        wanted=Wanted(window_samples=12_000),
        audio=inputs,
    )
    (artifact,) = convert_own(job).artifacts
    assert artifact.fidelity is not None  # against TensorFlow
    assert artifact.fidelity.cosine_min > 0.999999
    assert not artifact.caveats
    assert artifact.window_samples == (None if signature else 12_000)
    assert artifact.role is (Role.OTHER if signature else Role.EMBEDDING_WAVEFORM)
    assert set(artifact.tools) == {"tensorflow", "keras"}


def test_an_operator_that_tflite_lacks_is_named(tmp_path: Path) -> None:
    module = tf.Module()
    spec = tf.TensorSpec([None, 8], tf.float32)
    module.serve = tf.function(lambda x: tf.linalg.svd(x, compute_uv=False), input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "svd"), signatures=module.serve)
    model = given.load(tmp_path / "svd")
    with pytest.raises(ConversionError, match="operators that TFLite lacks: Svd"):
        given.write_float32(model, [(4, 8)], tmp_path / "svd.tflite")


def test_a_keras_file_with_code_in_it_is_refused(tmp_path: Path) -> None:
    x = keras.Input((3,))
    with warnings.catch_warnings():  # of Keras about NumPy 2
        warnings.simplefilter("ignore")
        model = keras.Model(x, keras.layers.Lambda(lambda value: value * 2)(x))
        model.save(tmp_path / "code.keras")
    with pytest.raises(ModelFileError, match="Keras cannot load it"):
        given.load(tmp_path / "code.keras")


def test_what_is_no_model_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"none")
    with pytest.raises(ModelFileError, match="cannot load it as a SavedModel"):
        given.load(tmp_path)
    (tmp_path / "bad.keras").write_bytes(b"none")
    with pytest.raises(ModelFileError, match="Keras cannot load it"):
        given.load(tmp_path / "bad.keras")
