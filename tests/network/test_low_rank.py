from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.lazy import Lazy, needs_tensorflow

from bench.core.errors import ConfigurationError
from models.student.spec import Size, StudentSpec

if TYPE_CHECKING:
    from models.network.low_rank import MixedDense

pytestmark = [pytest.mark.zoo, needs_tensorflow]
keras = Lazy("keras")
build, low_rank = Lazy("models.network.build"), Lazy("models.network.low_rank")

SPEC = StudentSpec(size=Size.TINY, width=0.5, bottleneck_rank=5, embedding_size=24)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the share fall by a quarter every two steps."""
    monkeypatch.setattr("models.network.low_rank._FALL", 0.25)
    monkeypatch.setattr("models.network.low_rank._FALL_EVERY_STEPS", 2)


def patches(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(count, 96, 64, 1)).astype(np.float32)


def weights(layer: MixedDense) -> list[NDArray[np.float32]]:
    return [each.numpy() for each in (layer.full, layer.left, layer.right)]


@dataclass
class Record:
    """The share and the weights after each batch, before the mix is moved on."""

    shares: list[float]
    weights: list[list[NDArray[np.float32]]]


def trained(steps: int) -> tuple[MixedDense, Record]:
    keras.utils.set_random_seed(1)
    layer = low_rank.MixedDense(12, rank=3, name="embedding")
    model = keras.Sequential([keras.Input((8,)), layer])
    random = np.random.default_rng(2)
    x, y = random.normal(size=(4 * steps, 8)), random.normal(size=(4 * steps, 12))
    record = Record([], [])

    def keep(_: int, logs: Any = None) -> None:
        record.shares.append(float(layer.share))
        record.weights.append(weights(layer))

    recorder = keras.callbacks.LambdaCallback(on_train_batch_end=keep)
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=False)
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[recorder, low_rank.Mixing()])
    return layer, record


def test_the_share_falls_by_a_hundredth_every_ten_steps_from_one_to_exactly_zero() -> None:
    assert [low_rank.full_share(step) for step in (0, 9, 10, 25)] == [1, 1, 0.99, 0.98]
    assert low_rank.full_share(999) == pytest.approx(0.01)
    assert [low_rank.full_share(step) for step in (1_000, 10**6)] == [0, 0]


@pytest.mark.usefixtures("fast")
def test_in_keras_training_the_share_really_falls() -> None:
    _, record = trained(steps=10)  # upstream's stayed 1: its fall was written as an integer
    assert record.shares == [1, 1, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0, 0]


@pytest.mark.usefixtures("fast")
def test_the_full_matrix_is_trained_first_and_the_two_factors_once_its_share_is_zero() -> None:
    layer, record = trained(steps=12)
    untouched = [
        all(np.array_equal(a, b) for a, b in zip(before[1:], after[1:], strict=True))
        for before, after in pairwise(record.weights)
    ]
    # Recorded before the mix moves: B and C change by their refreshing at steps 2, 4, 6 and 8.
    assert untouched == [True, False, True, False, True, False, True, False, False, False, False]
    full = [each[0] for each in record.weights]
    assert all(not np.array_equal(a, b) for a, b in pairwise(full[:8]))
    left, right = low_rank.truncated(full[7], 3)
    assert not np.allclose(layer.left.numpy(), left, atol=1e-3)  # trained on from there
    assert not np.allclose(layer.right.numpy(), right, atol=1e-3)


@pytest.mark.usefixtures("fast")
def test_training_computes_the_mix_and_inference_the_product() -> None:
    layer = low_rank.MixedDense(12, rank=3, name="embedding")
    model = keras.Sequential([keras.Input((8,)), layer])
    x = np.random.default_rng(3).normal(size=(5, 8)).astype(np.float32)
    low_rank.advance(model, 3)
    full, left, right = weights(layer)
    product = x @ left @ right
    # Upstream's layer was called without the training flag, so both gave the product.
    mix = 0.75 * x @ full + 0.25 * product
    assert model(x, training=True).numpy() == pytest.approx(mix, abs=1e-5)
    assert model(x, training=False).numpy() == pytest.approx(product, abs=1e-5)
    assert not np.allclose(x @ full, product, atol=0.1)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_the_product_is_the_best_of_its_rank_with_half_of_each_value_on_either_side(
    shape: tuple[int, int],
) -> None:
    matrix = np.random.default_rng(4).normal(size=shape).astype(np.float32)
    left, right = low_rank.truncated(matrix, 2)
    values = np.linalg.svd(matrix, compute_uv=False)
    assert np.linalg.norm(matrix - left @ right) == pytest.approx(np.linalg.norm(values[2:]))
    roots = sorted(np.sqrt(values[:2]))
    assert sorted(np.linalg.norm(left, axis=0)) == pytest.approx(roots, rel=1e-5)
    assert sorted(np.linalg.norm(right, axis=1)) == pytest.approx(roots, rel=1e-5)


def test_a_bottleneck_wider_than_the_matrix_keeps_all_of_it() -> None:
    matrix = np.random.default_rng(5).normal(size=(3, 9)).astype(np.float32)
    left, right = low_rank.truncated(matrix, 5)
    assert (left.shape, right.shape) == ((3, 5), (5, 9))
    assert left @ right == pytest.approx(matrix, abs=1e-5)


def test_what_is_exported_is_the_plain_student_of_the_same_name_and_computes_the_same() -> None:
    plain = build.build_student(SPEC, seed=3)
    model = low_rank.mixed(SPEC, seed=3)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as is, next to nothing comes out
            layer.moving_variance.assign(keras.ops.full_like(layer.moving_variance, 0.05))
    low_rank.advance(model, 1_000)
    student = low_rank.unmixed(model, SPEC)
    x = patches(3)
    embedding = model(x, training=False).numpy()
    assert np.abs(embedding).mean() > 0.01
    assert student(x, training=False).numpy() == pytest.approx(embedding, abs=1e-5)
    assert student.to_json() == plain.to_json()  # same layers, names, shapes: the same file


def test_a_student_without_a_bottleneck_has_no_mix() -> None:
    with pytest.raises(ConfigurationError, match="no bottleneck"):
        low_rank.mixed(replace(SPEC, bottleneck_rank=None), seed=1)
