from dataclasses import replace

import pytest

from models.student import mobilenetv3, resnet
from models.student.buildable import architecture, parse
from models.student.ops import CountOps, Shape
from models.student.spec import FRILL, Head, Pooling, Size, StudentSpec


def test_frill_has_exactly_the_parameters_of_the_released_model() -> None:
    assert mobilenetv3.count(FRILL)[0] == 10_119_632


def test_the_trill_shaped_teacher_has_24_6_million_parameters() -> None:
    parameters, macs = resnet.count()
    assert parameters == 24_603_968
    assert round(macs / 1e6) == 1851


@pytest.mark.parametrize(
    ("spec", "millions"),
    [  # docs/conversion.md, the family rebuilt with embedding size 2048
        (StudentSpec(size=Size.TINY, width=0.5), 0.78),
        (StudentSpec(size=Size.SMALL, width=1.0), 2.12),
        (StudentSpec(size=Size.SMALL, width=1.0, head=Head.LEGACY), 3.63),
        (StudentSpec(size=Size.LARGE, width=2.0), 15.6),
        (replace(FRILL, bottleneck_rank=100), 6.33),
    ],
)
def test_the_family_has_its_known_sizes(spec: StudentSpec, millions: float) -> None:
    assert mobilenetv3.count(spec)[0] / 1e6 == pytest.approx(millions, rel=0.006)


def test_flatten_makes_the_embedding_layer_six_times_wider_than_pooling() -> None:
    pooled, _ = mobilenetv3.count(FRILL)
    flat, _ = mobilenetv3.count(replace(FRILL, pooling=Pooling.FLATTEN))
    assert flat - pooled == 5 * 2048 * 2048


def test_the_legacy_head_is_convolved_before_pooling_so_it_costs_all_six_positions() -> None:
    ops = CountOps()
    mobilenetv3.backbone(ops, Shape(96, 64, 1), FRILL)
    with_head = ops.macs
    ops = CountOps()
    mobilenetv3.backbone(ops, Shape(96, 64, 1), replace(FRILL, head=Head.KERAS3))
    assert with_head - ops.macs == 3 * 2 * 1152 * 2048


@pytest.mark.parametrize(
    ("channels", "expected"), [(16, 16), (12, 16), (4, 8), (88, 88), (36.8, 40), (19.9, 24)]
)
def test_depth_rounds_to_eight_and_never_loses_ten_percent(channels: float, expected: int) -> None:
    assert mobilenetv3.depth(channels) == expected


@pytest.mark.zoo
@pytest.mark.parametrize("size", [Size.SMALL, Size.LARGE])
@pytest.mark.parametrize("width", [0.75, 1.0, 2.0])
def test_backbones_have_kerass_own_parameter_counts(size: Size, width: float) -> None:
    import keras

    make = {
        Size.SMALL: keras.applications.MobileNetV3Small,
        Size.LARGE: keras.applications.MobileNetV3Large,
    }
    with keras.StatelessScope():  # weights to be counted, with nothing in them
        theirs = make[size](
            input_shape=(96, 64, 1), alpha=width, include_top=False, weights=None,
            include_preprocessing=False,
        )  # fmt: skip
    ops = CountOps()
    mobilenetv3.backbone(ops, Shape(96, 64, 1), StudentSpec(size=size, width=width))
    assert ops.parameters == theirs.count_params()


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name",
    [
        "frill",
        "tiny_w0.5_keras3_flatten_r16_e64_minimalistic",
        "small_w0.5_legacy_gap_e64_unfused_dft",
        "trill-shaped",
        "frontend-stft",
        "frontend-dft-17",
    ],
)
def test_what_is_counted_is_what_keras_builds(name: str) -> None:
    from models.network import export

    model = export.network(parse(name), seed=1)
    assert model.count_params() == architecture(parse(name)).parameters
