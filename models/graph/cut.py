"""Files that are cut out of a .tflite file: one operator, or the graph up to an operator.

The pieces compute with the same constants and scales; names, shapes and options stay, metadata are
left out. A file with signatures has one, because runtimes give delegates other graphs of a file
without.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.artifact import Tensor
from bench.core.errors import ConfigurationError
from models.graph.packed import packed
from models.tflite import litert
from models.tflite.contents import dtype_of, is_constant, names_of_operators, tensor_of

# Operators that run other graphs by their index, or share state with other operators.
_TIED = ("CALL", "CALL_ONCE", "IF", "WHILE", "STABLEHLO_", "VAR_HANDLE", "READ_VARIABLE",
         "ASSIGN_VARIABLE", "HASHTABLE")  # fmt: skip
_NOT_NUMBERS = ("string", "resource", "variant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file that was cut out of another.

    Args:
        content: of the file.
        outputs: its output tensors, in order.
    """

    content: bytes
    outputs: tuple[Tensor, ...]


class Cutter:
    """Cuts pieces out of the main graph of one file.

    Attributes:
        ops: the type of each operator, in order.
        names: the name of each operator's first output.
        fixed: the operators that compute with constants only.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        graph = litert.read_graph(content)
        main = graph.subgraphs[0]
        codes = names_of_operators(graph)
        self._operators: list[Any] = list(main.operators)
        self._tensors: list[Any] = list(main.tensors)
        self._inputs = _indices(main.inputs)
        self._outputs = _indices(main.outputs)
        self._constant = {at for at, one in enumerate(main.tensors) if is_constant(graph, one)}
        self.ops = tuple(codes[each.opcodeIndex] for each in self._operators)
        self.names = tuple(self._name(each) for each in self._operators)
        self.fixed = self._fixed()

    def _name(self, operator: Any) -> str:
        outputs = _indices(operator.outputs)
        return tensor_of(self._tensors[outputs[0]]).name if outputs else ""

    def _fixed(self) -> frozenset[int]:
        """Returns the operators that compute with constants only."""
        moving = {*self._inputs, *(at for at, one in enumerate(self._tensors) if one.isVariable)}
        fixed = set()
        for index, operator in enumerate(self._operators):
            alone = not self.ops[index].startswith(_TIED)
            if alone and moving.isdisjoint(_indices(operator.inputs)):
                fixed.add(index)
            else:
                moving.update(_indices(operator.outputs))
        return frozenset(fixed)

    def whole(self) -> Piece:
        """Returns the file itself."""
        outputs = tuple(tensor_of(self._tensors[at]) for at in self._outputs)
        return Piece(content=self._content, outputs=outputs)

    def operator(self, index: int) -> Piece:
        """Returns a file with one operator, and what computes its constants.

        Raises:
            ConfigurationError: it runs other graphs, or shares state with other operators.
        """
        op = self.ops[index]
        if op.startswith(_TIED):
            raise ConfigurationError(
                f"operator {index} {op} runs other graphs or shares state, so it cannot be alone",
                hint="give the whole model in an issue",
            )
        operator = self._operators[index]
        kept = [*self._producers(_indices(operator.inputs)), index]
        made = {at for each in kept for at in _indices(self._operators[each].outputs)}
        taken = [
            at
            for at in dict.fromkeys(_indices(operator.inputs))
            if at >= 0 and at not in self._constant | made and not self._tensors[at].isVariable
        ]
        return self._piece(kept, taken, _indices(operator.outputs))

    def up_to(self, last: int, *, also: Iterable[int] = ()) -> Piece:
        """Returns a file with all operators up to ``last``, with all inputs of the graph.

        Its outputs are what later operators take, and results of the graph; so little else changes.

        Args:
            also: operators whose first result is an output too.
        """
        made = [
            at
            for index in range(last + 1)
            if index not in self.fixed
            for at in _indices(self._operators[index].outputs)
        ]
        later = {at for each in self._operators[last + 1 :] for at in _indices(each.inputs)}
        wanted = {*later, *self._outputs, *_indices(self._operators[last].outputs)}
        wanted.update(_indices(self._operators[each].outputs)[0] for each in also)
        order = [at for at in dict.fromkeys(self._outputs) if at in made]
        order += [at for at in dict.fromkeys(made) if at in wanted and at not in order]
        numbers = [at for at in order if dtype_of(self._tensors[at]) not in _NOT_NUMBERS]
        return self._piece(range(last + 1), self._inputs, numbers)

    def _producers(self, tensors: Sequence[int]) -> list[int]:
        """Returns the operators that compute those of the tensors that depend on constants only."""
        found: list[int] = []
        for index in sorted(self.fixed):
            if set(_indices(self._operators[index].outputs)) & set(tensors):
                inputs = _indices(self._operators[index].inputs)
                found += [each for each in self._producers(inputs) if each not in found]
                found.append(index)
        return found

    def _piece(self, kept: Sequence[int], inputs: Sequence[int], outputs: Sequence[int]) -> Piece:
        graph = litert.read_graph(self._content)  # a tree of its own, which is changed below
        main = graph.subgraphs[0]
        operators = [main.operators[index] for index in kept]
        used = dict.fromkeys(at for at in (*inputs, *outputs) if at >= 0)
        for each in operators:
            for part in (each.inputs, each.outputs, each.intermediates):
                used.update(dict.fromkeys(at for at in _indices(part) if at >= 0))
        place = {at: number for number, at in enumerate(sorted(used))}
        for each in operators:
            for name in ("inputs", "outputs", "intermediates"):
                if (part := getattr(each, name)) is not None:
                    setattr(each, name, [place.get(at, -1) for at in _indices(part)])
        main.operators = operators
        main.tensors = [main.tensors[at] for at in sorted(used)]
        main.inputs = [place[at] for at in inputs]
        main.outputs = [place[at] for at in outputs]
        graph.signatureDefs = [_signature(main)] if graph.signatureDefs else None
        graph.metadata = graph.metadataBuffer = None
        if not any(self.ops[index].startswith(_TIED) for index in kept):
            graph.subgraphs = [main]
        described = tuple(tensor_of(self._tensors[at]) for at in outputs)
        return Piece(content=packed(graph, self._content), outputs=described)


def _signature(main: Any) -> Any:
    schema = litert.schema()
    entry = schema.SignatureDefT()
    entry.signatureKey, entry.subgraphIndex = b"serving_default", 0
    for side, name in (("inputs", b"input"), ("outputs", b"output")):
        tensors = []
        for at, index in enumerate(getattr(main, side)):
            tensor = schema.TensorMapT()
            tensor.name, tensor.tensorIndex = b"%s_%d" % (name, at), index
            tensors.append(tensor)
        setattr(entry, side, tensors)
    return entry


def _indices(values: Any) -> list[int]:
    return [] if values is None else [int(each) for each in values]
