from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.errors import ConfigurationError
from models.student.buildable import FRONTENDS, parse
from models.student.spec import (
    FRILL,
    Activation,
    Head,
    InGraphFrontend,
    Pooling,
    Size,
    StudentSpec,
    parse_grid,
    parse_name,
)

specs = st.builds(
    StudentSpec,
    size=st.sampled_from(Size),
    width=st.floats(0.05, 4).map(lambda width: round(width, 3)),
    head=st.sampled_from(Head),
    pooling=st.sampled_from(Pooling),
    bottleneck_rank=st.none() | st.integers(1, 63),
    embedding_size=st.integers(64, 4096),
    activation=st.sampled_from(Activation),
    frontend=st.sampled_from(InGraphFrontend),
    qat=st.booleans(),
)


@given(specs)
def test_a_name_parses_back_to_the_student_it_was_printed_from(spec: StudentSpec) -> None:
    assert parse_name(spec.name) == spec


@given(specs, st.integers(1, 96))
def test_the_name_of_a_stream_has_its_hop_and_the_weights_of_the_student(
    spec: StudentSpec, hop: int
) -> None:
    stream = replace(spec, frontend=InGraphFrontend.STREAM, hop_frames=hop)
    assert parse_name(stream.name) == stream
    assert ("_stream_" in f"{stream.name}_") == (hop == 17)
    assert stream.without_frontend == spec.without_frontend


def test_a_stream_of_a_hop_that_cannot_be_is_refused() -> None:
    name = "tiny_w0.5_keras3_gap_e512_unfused_stream"
    assert parse(f"{name}17") == parse(name)
    for frames in (0, 97):
        with pytest.raises(ConfigurationError, match=f"hop of {frames} frames"):
            parse(f"{name}{frames}")
    with pytest.raises(ConfigurationError, match="not the name of a student"):
        parse(name.replace("stream", "dft48"))
    assert [each.name[-8:] for each in parse_grid(["frontend=stream", "hop=48,96"])] == [
        "stream48",
        "stream96",
    ]
    with pytest.raises(ConfigurationError, match="needs the front-end stream"):
        parse_grid(["frontend=dft", "hop=48"])


def test_frill_has_its_canonical_name_and_its_alias() -> None:
    assert FRILL.name == "small_w2.0_legacy_gap_e2048_fused"
    assert parse_name("frill") == parse_name(FRILL.name) == FRILL


def test_a_name_with_every_part_reads_in_order() -> None:
    spec = StudentSpec(
        size=Size.TINY,
        width=0.5,
        pooling=Pooling.FLATTEN,
        bottleneck_rank=100,
        embedding_size=1024,
        activation=Activation.UNFUSED,
        frontend=InGraphFrontend.DFT,
        qat=True,
    )
    assert spec.name == "tiny_w0.5_keras3_flatten_r100_e1024_unfused_dft_qat"


@pytest.mark.parametrize(
    "name", ["", "frills", "small", "small_w1.0", "huge_w1.0_keras3_gap_e1_fused"]
)
def test_a_name_of_nothing_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ConfigurationError, match="not the name of a student") as caught:
        parse_name(name)
    assert FRILL.name in caught.value.hint


@pytest.mark.parametrize(
    ("name", "present"),
    [
        ("tiny_w0.5_keras3_gap_e512_unfused_conv", "tiny_w0.5_keras3_gap_e512_unfused_dft"),
        ("tiny_w0.5_keras3_gap_e64_fused_conv_qat", "tiny_w0.5_keras3_gap_e64_fused_dft_qat"),
        ("frontend-conv", "frontend-dft"),
    ],
)
def test_a_name_with_the_former_front_end_is_refused_with_the_present_one(
    name: str, present: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"did you mean '{present}'"):
        parse(name)


def test_a_grid_with_the_former_front_end_is_refused_with_the_present_one() -> None:
    with pytest.raises(ConfigurationError, match="replaced by dft"):
        parse_grid(["frontend=none,conv"])


def test_a_front_end_of_all_frames_has_one_name_and_of_more_none() -> None:
    assert parse("frontend-dft-96") == parse("frontend-dft") in FRONTENDS
    assert [parse(f"frontend-stft-{frames}").name for frames in (17, 96)] == [
        "frontend-stft-17",
        "frontend-stft",
    ]
    for frames in (0, 97):
        with pytest.raises(ConfigurationError, match=f"of {frames} frames"):
            parse(f"frontend-dft-{frames}")


def test_a_near_alias_is_suggested() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'frill'"):
        parse_name("fril")


@pytest.mark.parametrize("wrong", [{"width": 0.0}, {"width": 5.0}, {"bottleneck_rank": 2048}])
def test_what_cannot_be_built_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        StudentSpec(**wrong)  # type: ignore[arg-type]  # a table of wrong values


def test_a_grid_is_the_product_with_the_last_axis_fastest() -> None:
    words = ["activation=fused,unfused", "size=tiny,small", "width=0.5,1.0"]
    names = [spec.name for spec in parse_grid(words)]
    assert len(names) == len(set(names)) == 8
    assert names[:2] == ["tiny_w0.5_keras3_gap_e2048_fused", "tiny_w0.5_keras3_gap_e2048_unfused"]
    assert names[-1] == "small_w1.0_keras3_gap_e2048_unfused"
