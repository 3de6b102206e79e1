"""What flags, roles and files say of a model's inputs."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.core.artifact import Role, Tensor
from bench.core.errors import ConfigurationError
from bench.plan.inputs import GivenInput, InputFlags, parse, resolve

WAVEFORM = Tensor(name="serving_default_x:0", shape=(1, -1), dtype="float32")
IMAGE = Tensor(name="input_1", shape=(-1, -1, -1, 3), dtype="float32")
PATCH = Tensor(name="patch", shape=(-1, 96, 64, 1), dtype="float32")
NOTHING = InputFlags()


def test_shapes_ranges_and_files_are_in_the_official_tools_form() -> None:
    found = parse(
        shapes=["x:1,16000", "serving_default_x:0:1,8"],
        ranges=["ids,0,15:serving_default_x:0,-0.5,.5", "last,-1e3,1e3"],
        files=["a:values.raw,b:more,0.raw", "serving_default_x::0:/t/b.raw"],
        signature="embed",
    )
    assert found == InputFlags(
        shapes={"x": (1, 16_000), "serving_default_x:0": (1, 8)},
        ranges={"ids": (0, 15), "serving_default_x:0": (-0.5, 0.5), "last": (-1000, 1000)},
        files={
            "a": Path("values.raw"),
            "b": Path("more,0.raw"),
            "serving_default_x:0": Path("/t/b.raw"),
        },
        signature="embed",
    )


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        *(("shapes", text) for text in ("x", "1,16000", "x:", "x:1,-1", "x:0", "x:1,a", ":1,2")),
        *(("ranges", text) for text in ("x", "x,1", "x,a,b", "x,2,1", "x,1,2:y", "x,nan,1")),
        *(("files", text) for text in ("x", ":a.raw", "x:")),
    ],
)
def test_a_malformed_one_is_refused_with_its_form(flag: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match="--input-") as refused:
        parse(**{flag: [text]})  # type: ignore[arg-type]  # one of three flags
    assert refused.value.hint


def test_one_that_is_given_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'x' is given twice"):
        parse(shapes=["x:1", "x:2"])


@pytest.mark.parametrize("name", ["serving_default_x:0", "x", "0"])
def test_an_open_size_is_given_by_the_tensors_name_the_signatures_or_the_position(
    name: str,
) -> None:
    asked = InputFlags(shapes={name: (1, 16_000)})
    (found,) = resolve([WAVEFORM], asked, file="m.tflite", names=["x"])
    assert found == GivenInput(
        name=WAVEFORM.name, shape=(1, 16_000), dtype="float32", is_set=True, as_allocated=False
    )
    assert found.text == "serving_default_x:0 [1, 16000]"


def test_an_open_size_is_never_taken_as_one() -> None:
    with pytest.raises(ConfigurationError, match=r"leaves sizes .* \[1, -1\]") as refused:
        resolve([WAVEFORM], NOTHING, file="m.tflite")
    assert "--input-shape serving_default_x:0:1,N" in refused.value.hint
    with pytest.raises(ConfigurationError) as refused:
        resolve([IMAGE], NOTHING, file="m.tflite", role=Role.OTHER)
    assert "--input-shape input_1:1,N,N,3" in refused.value.hint
    unnamed = replace(IMAGE, name="")
    with pytest.raises(ConfigurationError) as refused:
        resolve([unnamed], NOTHING, file="m.tflite")
    assert "--input-shape 0:1,N,N,3" in refused.value.hint


def test_the_role_says_what_is_one_window_of_audio() -> None:
    (patch,) = resolve([PATCH], NOTHING, file="m", role=Role.EMBEDDING_PATCH)
    assert patch.shape == (1, 96, 64, 1)
    assert not patch.needs_flags  # so tools that take no shapes can measure it too
    waveform = {"role": Role.EMBEDDING_WAVEFORM, "window_samples": 16_000}
    (audio,) = resolve([WAVEFORM], NOTHING, file="m", **waveform)  # type: ignore[arg-type]
    assert audio.shape == (1, 16_000)
    assert audio.needs_flags
    bare = replace(WAVEFORM, shape=(-1,))
    (audio,) = resolve([bare], NOTHING, file="m", **waveform)  # type: ignore[arg-type]
    assert audio.shape == (16_000,)
    with pytest.raises(ConfigurationError, match="leaves sizes"):
        resolve([WAVEFORM], NOTHING, file="m", role=Role.EMBEDDING_WAVEFORM)


def test_a_flag_comes_before_the_role() -> None:
    asked = InputFlags(shapes={"patch": (8, 96, 64, 1)})
    (found,) = resolve([PATCH], asked, file="m", role=Role.EMBEDDING_PATCH)
    assert found.shape == (8, 96, 64, 1)


def test_a_file_that_says_everything_is_given_nothing() -> None:
    fixed = replace(PATCH, shape=(1, 96, 64, 1))
    assert resolve([fixed], NOTHING, file="m") == ()
    other = InputFlags(shapes={"another": (1, 2)})
    assert resolve([fixed], other, file="m") == ()


def test_all_inputs_are_given_where_one_is() -> None:
    ids = Tensor(name="ids", shape=(1,), dtype="int32")
    asked = InputFlags(ranges={"ids": (0, 15)})
    first, second = resolve([replace(PATCH, shape=(1, 96, 64, 1)), ids], asked, file="m")
    assert (first.values_text, second.values_text) == ("", "ids from 0 to 15")
    assert not first.is_set


def test_another_rank_is_refused() -> None:
    asked = InputFlags(shapes={"patch": (1, 16_000)})
    with pytest.raises(ConfigurationError, match=r"'patch' is \[-1, 96, 64, 1\], and .* gives"):
        resolve([PATCH], asked, file="m")
