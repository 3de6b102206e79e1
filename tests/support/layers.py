"""Small real TFLite files whose work is known: equal dense layers, one after the other."""

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

WIDTH = 128


def write_layers(path: Path, count: int, *, rows: int = 192) -> Path:
    """Returns a file with so many layers; what the n-th puts out, from 1, is called ``dense_n``."""
    code = schema.BuiltinOperator.FULLY_CONNECTED
    matrix = np.linalg.qr(np.random.default_rng(1).normal(size=(WIDTH, WIDTH)))[0]  # keeps sizes
    weights = np.frombuffer(matrix.astype("<f4").tobytes(), dtype=np.uint8)
    names = ["input", *(f"dense_{number}" for number in range(1, count + 1))]
    graph = schema.SubGraphT(
        tensors=[*(_tensor(name, rows) for name in names), _tensor("matrix", WIDTH, buffer=1)],
        inputs=[0],
        outputs=[count],
        operators=[_layer(number, matrix=count + 1) for number in range(count)],
        name="layers",
    )
    model = schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code)],
        subgraphs=[graph],
        buffers=[schema.BufferT(), schema.BufferT(data=weights)],
    )
    builder = flatbuffers.Builder(100_000)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _tensor(name: str, rows: int, buffer: int = 0) -> schema.TensorT:
    return schema.TensorT(
        name=name, shape=[rows, WIDTH], type=schema.TensorType.FLOAT32, buffer=buffer
    )


def _layer(number: int, *, matrix: int) -> schema.OperatorT:
    return schema.OperatorT(
        opcodeIndex=0,
        inputs=[number, matrix, -1],
        outputs=[number + 1],
        builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
        builtinOptions=schema.FullyConnectedOptionsT(),
    )
