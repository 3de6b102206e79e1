"""Files cut out of other files compute what those do, and what two files have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.layers import write_layers
from support.model_files import TINY, edited

from bench.core.errors import ConfigurationError
from models.graph.cut import Cutter
from models.graph.operators import graph_of
from models.tflite import litert

SPLIT = TINY.with_name("tiny_split.tflite")
ALIGNED_BYTES = 16
WHILE = 119


def ran(path: Path, *inputs: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    return list(litert.Model(path, delegate="none")(*inputs))


def random_input(path: Path) -> np.ndarray[Any, Any]:
    (shape,) = litert.Model(path, delegate="none").input_shapes()
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("source", [TINY, SPLIT])
def test_a_graph_cut_after_any_operator_gives_that_operators_result(
    source: Path, tmp_path: Path
) -> None:
    cutter, given = Cutter(source.read_bytes()), random_input(source)
    traced = litert.Traced(source)(given)
    for last in range(len(cutter.ops)):
        piece = cutter.up_to(last)
        (tmp_path / "cut.tflite").write_bytes(piece.content)
        assert [each.name for each in piece.outputs] == [cutter.names[last]]
        (found,) = ran(tmp_path / "cut.tflite", given)
        assert np.array_equal(found, traced[cutter.names[last]])


@pytest.mark.parametrize("source", [TINY, SPLIT])
def test_each_operator_alone_gives_what_it_gives_in_its_graph(source: Path, tmp_path: Path) -> None:
    cutter, given = Cutter(source.read_bytes()), random_input(source)
    traced = litert.Traced(source)(given)
    before = [traced[litert.Traced(source).inputs[0]]]
    for index, name in enumerate(cutter.names):
        (tmp_path / "one.tflite").write_bytes(cutter.operator(index).content)
        assert [each.op for each in graph_of(tmp_path / "one.tflite").layers] == [cutter.ops[index]]
        (found,) = ran(tmp_path / "one.tflite", before[-1])
        assert np.array_equal(found, traced[name])
        before.append(traced[name])


def test_a_tensor_in_between_can_be_an_output_too(tmp_path: Path) -> None:
    cutter, given = Cutter(SPLIT.read_bytes()), random_input(SPLIT)
    piece = cutter.up_to(3, also=[1])
    (tmp_path / "cut.tflite").write_bytes(piece.content)
    assert [each.name for each in piece.outputs] == [cutter.names[3], cutter.names[1]]
    assert np.array_equal(ran(tmp_path / "cut.tflite", given)[0], ran(SPLIT, given)[0])


def test_constants_of_a_cut_file_are_aligned_and_unused_ones_left_out(tmp_path: Path) -> None:
    path = write_layers(tmp_path / "layers.tflite", 2, rows=1)
    content = Cutter(path.read_bytes()).operator(1).content
    model = litert.schema().Model.GetRootAs(content, 0)
    buffers = [model.Buffers(at) for at in range(model.BuffersLength())]
    filled = [each for each in buffers if each.DataLength()]
    assert len(filled) == 1
    (table,) = (each._tab for each in filled)
    assert table.Vector(table.Offset(4)) % ALIGNED_BYTES == 0


def test_an_operator_that_runs_other_graphs_is_not_cut_out(tmp_path: Path) -> None:
    def loop(graph: Any) -> None:
        code = graph.operatorCodes[graph.subgraphs[0].operators[0].opcodeIndex]
        code.builtinCode = code.deprecatedBuiltinCode = WHILE

    path = edited(TINY, loop, tmp_path / "loop.tflite")
    with pytest.raises(ConfigurationError, match="runs other graphs"):
        Cutter(path.read_bytes()).operator(0)


def other_weight(graph: Any) -> None:
    largest = max(graph.buffers, key=lambda each: 0 if each.data is None else len(each.data))
    largest.data = np.roll(largest.data, 1)


def other_names(graph: Any) -> None:
    for tensor in graph.subgraphs[0].tensors:
        tensor.name = b"other_" + (tensor.name or b"")


def other_output(graph: Any) -> None:
    graph.subgraphs[0].outputs = [int(graph.subgraphs[0].operators[0].outputs[0])]


@pytest.mark.parametrize(
    ("change", "same_structure", "same_weights"),
    [(other_weight, True, False), (other_names, True, True), (other_output, False, True)],
)
def test_what_differs_in_two_files_shows_in_their_hashes(
    change: Callable[[Any], None], same_structure: bool, same_weights: bool, tmp_path: Path
) -> None:
    before = graph_of(TINY)
    after = graph_of(edited(TINY, change, tmp_path / "other.tflite"))
    assert (before.structure_sha256 == after.structure_sha256) is same_structure
    assert (before.weights_sha256 == after.weights_sha256) is same_weights
    assert before.scales_sha256 == after.scales_sha256


def test_an_operator_is_listed_with_the_types_and_shapes_of_its_tensors() -> None:
    first = graph_of(SPLIT).layers[0]
    assert (first.op, first.macs, first.gives) == ("CONV_2D", 576, ("float32[1,4,4,4]",))
    assert first.takes == ("float32[1,8,8,1]", "float32[4,3,3,1]", "float32[4]")
