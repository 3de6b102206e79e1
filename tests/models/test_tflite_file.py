from pathlib import Path

import flatbuffers
import pytest
from support.zoo_names import DFT, FUSED, UNFUSED

from bench.core.artifact import Format, Role, WeightsOrigin
from bench.core.errors import ConfigurationError, ModelFileError
from models.student import mobilenetv3
from models.student.spec import parse_name
from models.tflite import litert, reader
from models.zoo import Zoo

pytestmark = [pytest.mark.zoo, pytest.mark.audio]


@pytest.mark.parametrize("format", list(Format))
def test_a_file_is_read_as_what_it_was_made(zoo: Zoo, format: Format) -> None:
    found = reader.read(zoo.root / f"{FUSED}.{format.value}.tflite")
    assert found.format is format
    assert found.role is Role.EMBEDDING_PATCH
    assert found.macs == mobilenetv3.count(parse_name(FUSED))[1]
    # Batch normalisation is folded: one number a channel is left of its four.
    assert found.parameters == pytest.approx(mobilenetv3.count(parse_name(FUSED))[0], rel=0.02)


def test_a_front_end_is_known_by_what_it_gives(zoo: Zoo) -> None:
    assert reader.read(zoo.root / f"{DFT}.float32.tflite").role is Role.FRONTEND


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.tflite"
    path.write_text("not a model at all")
    with pytest.raises(ModelFileError, match=r"notes\.tflite: is not a TFLite model"):
        reader.read(path)
    path.write_bytes(b"")
    with pytest.raises(ModelFileError, match="is not a TFLite model"):
        reader.read(path)
    with pytest.raises(ModelFileError, match="cannot be read"):
        reader.read(tmp_path / "absent.tflite")


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("format", [Format.FLOAT32, Format.INT8])
def test_a_truncated_model_is_refused(
    zoo: Zoo, tmp_path: Path, share: float, format: Format
) -> None:
    whole = (zoo.root / f"{UNFUSED}.{format.value}.tflite").read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelFileError, match=r"cut\.tflite"):
        reader.read(path)


def test_a_flex_model_is_refused_with_the_operators_it_needs(zoo: Zoo, tmp_path: Path) -> None:
    # This converter build makes no flex models, so a real file's operator is renamed to one.
    graph = litert.read_graph((zoo.root / f"{DFT}.float32.tflite").read_bytes())
    renamed = graph.operatorCodes[0]
    renamed.builtinCode = renamed.deprecatedBuiltinCode = 32  # CUSTOM
    renamed.customCode = b"FlexRFFT"
    builder = flatbuffers.Builder()
    builder.Finish(graph.Pack(builder), b"TFL3")
    path = tmp_path / "flex.tflite"
    path.write_bytes(builder.Output())
    with pytest.raises(ModelFileError, match=r"TensorFlow operators \(FlexRFFT\)"):
        reader.read(path)


def test_a_file_joins_the_zoo_and_its_name_is_taken_then(zoo: Zoo, tmp_path: Path) -> None:
    mine = Zoo(tmp_path / "zoo")
    source = zoo.root / f"{UNFUSED}.int8.tflite"
    added = mine.add(source, name="mine")
    assert added == mine.get("mine", Format.INT8)
    assert added.weights is WeightsOrigin.GIVEN
    assert mine.path(added).read_bytes() == source.read_bytes()
    assert mine.add(source, name="mine") == added
    with pytest.raises(ConfigurationError, match="another file has the name"):
        mine.add(zoo.root / f"{FUSED}.int8.tflite", name="mine")


def test_an_unknown_model_suggests_the_near_one(zoo: Zoo) -> None:
    with pytest.raises(ConfigurationError, match="did you mean"):
        zoo.of(UNFUSED.replace("unfused", "unfussed"))
