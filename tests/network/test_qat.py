from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.int8_files import export_int8
from support.lazy import Lazy, needs_tensorflow

from bench.core.artifact import Format
from bench.core.errors import ConfigurationError, ConversionError
from models.convert import fidelity
from models.student.spec import Activation, InGraphFrontend, Pooling, Size, StudentSpec
from models.tflite import contents, litert, quantise, reader

pytestmark = [pytest.mark.zoo, needs_tensorflow]
tf, keras = Lazy("tensorflow"), Lazy("keras")
build, fake_quant, qat = (Lazy(f"models.network.{name}") for name in ("build", "fake_quant", "qat"))

Floats = NDArray[np.float32]
SPEC = StudentSpec(size=Size.TINY, width=0.5, embedding_size=48, activation=Activation.UNFUSED)


def patches(count: int, *, seed: int) -> Floats:
    """Returns smooth patches of various loudness and contrast, float32 [count, 96, 64, 1]."""
    random = np.random.default_rng(seed)
    coarse = random.normal(size=(count, 12, 8, 1))
    contrast, level = random.uniform(0.5, 2.5, (2, count, 1, 1, 1))
    smooth = tf.image.resize(coarse, (96, 64), method="bicubic").numpy()
    return np.maximum(smooth * contrast - 2 * level, -6.9).astype(np.float32)


def train(model: Any, x: Floats, y: Floats, *, steps: int, rate: float) -> list[float]:
    """Trains towards ``y`` by mean squared error and returns the losses."""
    weights = model.trainable_variables

    # By plain gradients: the graph of Keras' Adam takes twelve times as long to trace.
    @tf.function(jit_compile=False, autograph=False)  # type: ignore[untyped-decorator]  # no types
    def step(batch: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(batch, training=True) - targets))
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(rate * gradient)
        return loss

    random = np.random.default_rng(0)
    chosen = [random.integers(0, len(x), 16) for _ in range(steps)]
    return [float(step(x[each], y[each])) for each in chosen]


def norms(model: Any) -> list[Any]:
    return [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]


def cosines(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    found: NDArray[Any] = (a * b).sum(axis=1) / norms
    return found


@dataclass(frozen=True)
class Trained:
    """A student trained in float, then in fake quantisation, and its int8 file.

    ``embeddings`` are of the held-out patches: in float, in fake quantisation before its training,
    and of that without the rounding.
    """

    float_model: Any
    embeddings: tuple[Floats, Floats, Floats]
    aware: Any
    losses: list[float]
    started: list[tuple[float, float]]
    int8: Path


@pytest.fixture(scope="module")
def heldout() -> Floats:
    return patches(40, seed=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, heldout: Floats) -> Trained:
    x = patches(96, seed=2)
    teacher = np.random.default_rng(7).normal(size=(96 * 64, SPEC.embedding_size))
    y = np.tanh(x.reshape(len(x), -1) @ teacher / 100).astype(np.float32)
    student = build.build_student(SPEC, seed=1)
    for norm in norms(student):
        norm.momentum = 0.5  # a dozen steps settle it
    train(student, x, y, steps=12, rate=0.1)
    aware = qat.quantisation_aware(SPEC, student, x)
    models = (student, aware, qat.plain(aware, SPEC))
    embeddings = tuple(each(heldout, training=False).numpy() for each in models)
    started = qat.ranges(aware)
    losses = train(aware, x, y, steps=12, rate=0.05)
    int8 = tmp_path_factory.mktemp("qat") / "student.int8.tflite"
    export_int8(aware, SPEC, int8)
    return Trained(student, embeddings, aware, losses, started, int8)


def test_all_of_the_exported_network_is_int8_and_one_partition(trained: Trained) -> None:
    found = reader.read(trained.int8)
    assert found.format is Format.INT8
    assert not found.float_ops
    assert {"QUANTIZE", "DEQUANTIZE"}.isdisjoint(op for op, _, _ in contents.layers(trained.int8))
    partitions = litert.allocate(trained.int8).partitions
    assert partitions is not None
    assert partitions.partitions == 1


def test_the_exported_network_computes_what_was_trained(trained: Trained, heldout: Floats) -> None:
    trained_for = trained.aware(heldout).numpy()
    exported = fidelity.embeddings(trained.int8, heldout)
    assert exported == pytest.approx(trained_for, abs=1e-6)  # a step is 0.04


def test_training_in_fake_quantisation_lowers_the_loss_and_moves_the_ranges(
    trained: Trained,
) -> None:
    assert np.mean(trained.losses[-3:]) < 0.9 * np.mean(trained.losses[:3])
    ended = qat.ranges(trained.aware)
    assert ended != trained.started
    assert all(low <= 0 < high for low, high in ended)


def test_the_float_model_is_where_it_starts(trained: Trained) -> None:
    source, rounded, unrounded = trained.embeddings
    assert cosines(source, rounded).mean() > 0.97
    assert unrounded == pytest.approx(source, abs=float(1e-3 * np.abs(source).max()))


def test_an_activation_is_rounded_to_256_steps_of_its_range_and_clipped() -> None:
    layer = fake_quant.Rounded(0, name="x_range")
    layer.build(None)
    layer.low.assign(-1.0)
    layer.high.assign(1.55)
    steps, step = layer(tf.constant([-3.0, -0.016, 0.0, 0.004, 0.012, 9.0]))
    assert float(step) == pytest.approx(0.01)
    assert steps.numpy().tolist() == [-100, -2, 0, 0, 1, 155]


def test_gradients_pass_the_rounding_and_what_is_clipped_moves_the_range() -> None:
    layer = fake_quant.Rounded(0, name="x_range")
    layer.build(None)
    layer.low.assign(-2.0)
    layer.high.assign(49.0)  # steps of 0.2
    x = tf.constant([-9.0, 1.0, 200.0, 300.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        out, _ = layer(x, unit=tf.constant(0.5))
    assert out.numpy().tolist() == [-10, 2, 245, 245]
    to_x, to_low, to_high = tape.gradient(out, [x, layer.low, layer.high])
    assert to_x.numpy() == pytest.approx([0, 2.5, 0, 0])
    assert (float(to_low), float(to_high)) == pytest.approx((5, 10))


def test_weights_are_rounded_to_255_steps_a_channel_and_all_are_trained() -> None:
    layer = fake_quant.RoundedDense(2, use_bias=False, name="dense")
    layer.build((None, 2))
    layer.kernel.assign([[1.27, 12.7], [0.014, 0.14]])
    with tf.GradientTape() as tape:
        out = layer(tf.ones((1, 2)))
    assert out.numpy() == pytest.approx(np.array([[1.28, 12.8]]), abs=1e-5)
    assert tape.gradient(out, layer.kernel).numpy() == pytest.approx(np.ones((2, 2)))


def test_without_patches_there_is_nothing_to_start_the_ranges_from(trained: Trained) -> None:
    with pytest.raises(ConfigurationError, match="no patches"):
        qat.quantisation_aware(SPEC, trained.float_model, patches(0, seed=1))


def test_ranges_of_another_network_are_refused(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="ranges were learned"):
        quantise.quantise(
            trained.int8, tmp_path / "x.tflite", Format.INT8, ranges=qat.ranges(trained.aware)[1:]
        )


def test_a_front_end_stays_float_and_fused_swish_flattening_and_low_rank_are_int8(
    tmp_path: Path,
) -> None:
    spec = replace(
        SPEC, pooling=Pooling.FLATTEN, bottleneck_rank=8, frontend=InGraphFrontend.DFT,
        activation=Activation.FUSED,
    )  # fmt: skip
    student = build.build_student(spec, seed=1)
    for norm in norms(student):  # as is, next to nothing comes out
        norm.moving_variance.assign(keras.ops.full_like(norm.moving_variance, 0.14))
    audio = np.random.default_rng(1).normal(scale=0.1, size=(8, 15_600)).astype(np.float32)
    aware = qat.quantisation_aware(spec, student, audio)
    path = tmp_path / "student.tflite"
    export_int8(aware, spec, path)
    assert cosines(aware(audio).numpy(), fidelity.embeddings(path, audio)).mean() > 0.99
    found = reader.read(path)
    assert found.inputs[0].dtype == "float32"
    assert {"HARD_SWISH", "DEPTHWISE_CONV_2D", "MEAN"}.isdisjoint(found.float_ops)
    assert found.float_ops["FULLY_CONNECTED"] == 18  # two stages of the DFT, and mel
    assert "CONV_2D" not in found.float_ops


def test_frills_own_way_quantises_the_embedding_layer_only(
    trained: Trained, heldout: Floats, tmp_path: Path
) -> None:
    from litert_quantizer.qtyping import TFLOperationName
    from litert_quantizer.quantizer import Quantizer

    from models.network.export import write_float32

    aware = qat.bottleneck_aware(SPEC, trained.float_model)
    path = tmp_path / "student.tflite"
    source = tmp_path / "float32.tflite"
    write_float32(qat.plain(aware, SPEC), source, name=SPEC.name)
    worker = Quantizer(str(source))
    worker.add_dynamic_config(
        regex=".*", operation_name=TFLOperationName.FULLY_CONNECTED, num_bits=8
    )
    path.write_bytes(bytes(worker.quantize(None).quantized_model))
    found = reader.read(path)
    assert found.format is Format.DYNAMIC
    tensors = litert.read_graph(path.read_bytes()).subgraphs[0].tensors
    types = [litert.names_of("TensorType")[each.type] for each in tensors]
    assert types.count("INT8") == 1
    exported = fidelity.embeddings(path, heldout)
    assert cosines(aware(heldout, training=False).numpy(), exported).min() > 0.999
