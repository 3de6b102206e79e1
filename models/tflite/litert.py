"""The one door to the LiteRT interpreter for the zoo: runs a .tflite file on arrays."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Partitions
from bench.core.errors import ConfigurationError, ModelFileError
from bench.core.partitions import Node, left_to_the_cpu, partitions
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra
from models.tflite.native_output import STDERR, redirected
from models.tflite.raw_tensors import dequantised, quantised

# Two threads at once would restore each other's stderr.
_STDERR_LOCK = threading.Lock()
_UNRESOLVED = re.compile(r"unresolved custom op: (\S+?)\.?\s")


def runtime() -> str:
    """Returns the interpreter's name and version, such as ``ai-edge-litert 2.3.0``."""
    return f"ai-edge-litert {version('ai-edge-litert')}"


class Model:
    """A .tflite file, allocated, that maps float arrays to float arrays.

    Quantised inputs and outputs are converted by their scale and zero point.

    Args:
        threads: CPU threads.
        delegate: ``xnnpack`` or ``none``.
        shapes: of its inputs; those of the file by default. Some files have none that can be
            allocated.
        keep_all: keeps each operator's result, for ``Traced``.

    Raises:
        ModelFileError: the file is not a model, or needs operators that LiteRT lacks.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        delegate: str = "xnnpack",
        shapes: Sequence[tuple[int, ...]] = (),
        keep_all: bool = False,
    ) -> None:
        module = _module()
        resolver = module.OpResolverType.AUTO
        if delegate == "none":
            resolver = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        elif delegate != "xnnpack":
            raise ConfigurationError(f"unknown delegate {delegate!r}", hint="use xnnpack or none")
        try:
            with _quiet():
                self._interpreter = module.Interpreter(
                    model_path=str(path),
                    num_threads=threads,
                    experimental_op_resolver_type=resolver,
                    experimental_preserve_all_tensors=keep_all,
                )
                details = self._interpreter.get_input_details() if shapes else []
                for detail, shape in zip(details, shapes, strict=True):
                    if tuple(detail["shape"]) != shape:
                        self._interpreter.resize_tensor_input(detail["index"], shape)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _cannot_run(path, error) from error
        self.path = path

    def __call__(self, *inputs: NDArray[Any]) -> list[Floats]:
        """Returns all outputs, float32, for float ``inputs`` of the shapes the model has.

        An input whose shape differs from the allocated one resizes the model first.

        Raises:
            ModelFileError: it cannot run, or not on these shapes; it is of no use afterwards.
        """
        details = self._interpreter.get_input_details()
        self._resize(details, [value.shape for value in inputs])
        for detail, value in zip(details, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], _to_model(value, detail))
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise _cannot_run(self.path, error) from error
        return [
            _to_float(self._interpreter.get_tensor(detail["index"]), detail)
            for detail in self._interpreter.get_output_details()
        ]

    def _resize(self, details: list[dict[str, Any]], shapes: list[tuple[int, ...]]) -> None:
        changed = False
        for detail, shape in zip(details, shapes, strict=True):
            if tuple(detail["shape"]) != shape:
                self._interpreter.resize_tensor_input(detail["index"], shape)
                changed = True
        if not changed:
            return
        try:
            with _quiet():
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise _cannot_run(self.path, error) from error

    def input_shapes(self) -> list[tuple[int, ...]]:
        """Returns the shape of each input as allocated."""
        return [tuple(int(n) for n in d["shape"]) for d in self._interpreter.get_input_details()]

    def signature(self) -> tuple[str, tuple[str, ...]]:
        """Returns the key of the first signature and its inputs' names, in the graph's order.

        Raises:
            ModelFileError: the file has no signature.
        """
        order = [int(each["index"]) for each in self._interpreter.get_input_details()]
        for key in self._interpreter.get_signature_list():
            details = self._interpreter.get_signature_runner(key).get_input_details()
            names = {int(detail["index"]): str(name) for name, detail in details.items()}
            return str(key), tuple(names[index] for index in order)
        raise ModelFileError(f"{self.path}: has no signature", hint="export it from a Keras model")

    def partitions(self) -> Partitions:
        """Returns how XNNPACK split the graph."""
        return partitions(self._nodes())

    def left(self) -> list[int]:
        """Returns the graph's operators that XNNPACK did not take, by their number."""
        return left_to_the_cpu(self._nodes())

    def dynamic(self) -> list[int]:
        """Returns the operators with a result whose size is known only while the graph runs.

        Such a result has no memory once the others have theirs; of a model with ``keep_all``.
        """
        return [
            number
            for number, node in enumerate(self._nodes())
            if not all(map(self._has_memory, node.outputs))
        ]

    def _has_memory(self, tensor: int) -> bool:
        try:
            self._interpreter.tensor(tensor)()
        except ValueError:
            return False
        return True

    def _nodes(self) -> list[Node]:
        return [
            Node(
                op=str(each["op_name"]),
                inputs=tuple(int(n) for n in each["inputs"]),
                outputs=tuple(int(n) for n in each["outputs"]),
            )
            for each in self._interpreter._get_ops_details()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One result of an operator of a graph, by the names of its tensors.

    Args:
        inputs: tensors that it takes, constants among them.
        output: the result.
        is_float: whether that is float32.
        constant: whether it has nothing to do with the graph's inputs.
        limits: the least and greatest value that a quantised result can hold, and its step.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    is_float: bool
    constant: bool
    limits: tuple[float, float, float] | None


class Traced:
    """A .tflite file that gives every operator's result, by the built-in kernels.

    Attributes:
        inputs, outputs: names of the graph's own tensors.
        operations: in the graph's order; a name that comes twice is there once, the first time.

    Raises:
        ModelFileError: LiteRT cannot run the file.
    """

    def __init__(self, path: Path) -> None:
        self._model = Model(path, delegate="none", keep_all=True)
        self._interpreter = self._model._interpreter
        self._details = {
            int(each["index"]): each for each in self._interpreter.get_tensor_details()
        }
        self.inputs = tuple(d["name"] for d in self._interpreter.get_input_details())
        self.outputs = tuple(d["name"] for d in self._interpreter.get_output_details())
        self._indices = {d["name"]: int(d["index"]) for d in self._interpreter.get_input_details()}
        self.operations = self._operations()

    def _operations(self) -> tuple[Operation, ...]:
        operations: list[Operation] = []
        reached = set(self._indices.values())
        for each in self._interpreter._get_ops_details():
            inputs = [int(n) for n in each["inputs"] if int(n) in self._details]
            outputs = [int(n) for n in each["outputs"]]
            constant = not reached.intersection(inputs)
            if not constant:
                reached.update(outputs)
            for detail in (self._details[n] for n in outputs if n in self._details):
                if detail["name"] in self._indices:
                    continue
                self._indices[detail["name"]] = int(detail["index"])
                operations.append(
                    Operation(
                        op=str(each["op_name"]),
                        inputs=tuple(self._details[n]["name"] for n in inputs),
                        output=detail["name"],
                        is_float=np.dtype(detail["dtype"]) == np.float32,
                        constant=constant,
                        limits=self.limits(detail["name"]),
                    )
                )
        return tuple(operations)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all that a call gives, in its order."""
        return tuple(self._indices)

    def limits(self, name: str) -> tuple[float, float, float] | None:
        """Returns what a quantised tensor can hold and its step; ``None`` if it is not one."""
        detail = self._details[self._indices[name]]
        scale, zero_point = detail["quantization"]
        dtype = np.dtype(detail["dtype"])
        if not scale or not np.issubdtype(dtype, np.integer):
            return None
        ends = np.iinfo(dtype)
        low, high = (scale * (end - zero_point) for end in (ends.min, ends.max))
        return float(low), float(high), float(scale)

    def __call__(self, *inputs: NDArray[Any]) -> dict[str, Floats]:
        """Returns each input and each operator's result by name, float32, as ``Model`` runs it."""
        self._model(*inputs)
        return {
            name: _to_float(self._interpreter.get_tensor(index), self._details[index])
            for name, index in self._indices.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocated:
    """What came of allocating a file as it is.

    Args:
        partitions: how XNNPACK splits it; ``None`` if it cannot be allocated.
        left: the operators that XNNPACK does not take, by their number.
        missing_op: the custom operator that stopped it.
    """

    partitions: Partitions | None
    left: tuple[int, ...] = ()
    missing_op: str | None = None


def allocate(path: Path) -> Allocated:
    """Returns what comes of allocating a file, which may need an input shape first."""
    try:
        model = Model(path)
    except ModelFileError as error:
        found = _UNRESOLVED.search(str(error.__cause__))
        return Allocated(partitions=None, missing_op=found[1] if found else None)
    return Allocated(partitions=model.partitions(), left=tuple(model.left()))


def prepare() -> None:
    """Imports LiteRT, so that it need not be done for each file.

    Raises:
        ConfigurationError: it is not installed.
    """
    schema()


def load(path: Path) -> object:
    """Returns LiteRT's interpreter of a file, not yet allocated; raises LiteRT's own errors."""
    with _quiet():
        return _module().Interpreter(model_path=str(path))


def read_graph(content: bytes) -> Any:
    """Returns a .tflite file's flatbuffer as LiteRT's own ``ModelT`` object tree."""
    return schema().ModelT.InitFromPackedBuf(content, 0)


def schema() -> Any:
    """Returns the module of LiteRT's own classes of a .tflite file's flatbuffer."""
    _module()
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def in_order(content: bytes, inputs: Sequence[str]) -> bytes:
    """Returns a .tflite file's flatbuffer with inputs and outputs in the order of its source.

    TensorFlow's converter gives several of them in any order. Only the lists of them change:
    writing the whole tree again would lose the alignment of the weights.

    Args:
        inputs: their names in the signature; it names outputs ``output_0``, ``output_1`` ...
    """
    changed = bytearray(content)
    model = schema().Model.GetRootAs(changed, 0)
    signature, main = model.SignatureDefs(0), model.Subgraphs(0)
    sides = (
        (main.InputsAsNumpy(), signature.Inputs, signature.InputsLength(), list(inputs)),
        (main.OutputsAsNumpy(), signature.Outputs, signature.OutputsLength(), None),
    )
    for indices, entry, count, names in sides:
        entries = [entry(at) for at in range(count)]
        by_name = {each.Name().decode(): each.TensorIndex() for each in entries}
        names = names or [f"output_{at}" for at in range(count)]
        indices[:] = [by_name[name] for name in names]  # a view of ``changed``
    return bytes(changed)


def names_of(enumeration: str) -> dict[int, str]:
    """Returns the name of each code of the schema's ``BuiltinOperator`` or ``TensorType``."""
    codes = vars(getattr(schema(), enumeration))
    return {value: name for name, value in codes.items() if isinstance(value, int)}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps LiteRT's native messages off stderr; its exceptions contain the reason."""
    with _STDERR_LOCK, redirected(Path(os.devnull), STDERR):
        yield


def _module() -> Any:
    with from_extra("host", "ai-edge-litert"):
        from ai_edge_litert import interpreter
    return interpreter


def _cannot_run(path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{path}: LiteRT cannot run it: {' '.join(str(error).split())[:300]}",
        hint="frill-bench zoo add FILE shows what it is",
    )


def _to_model(value: NDArray[Any], detail: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(detail["dtype"])
    if not np.issubdtype(dtype, np.integer) or not detail["quantization"][0]:
        return value.astype(dtype)
    return quantised(value, dtype, *detail["quantization"])


def _to_float(value: NDArray[Any], detail: dict[str, Any]) -> Floats:
    scale, zero_point = detail["quantization"]
    if np.issubdtype(value.dtype, np.integer) and scale:
        return dequantised(value, scale, zero_point)
    return value.astype(np.float32)
