"""Makes bench/flow/phone/probe.tflite, which is committed; needs ai-edge-litert, no TensorFlow.

Dense layers, one after the other, that share one matrix: 12.6 MFLOP in a file of 7 kB, which takes
the fastest core of a phone 0.1 ms or more. The matrix is orthogonal, so values keep their size.
"""

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

PROBE = Path(__file__).parents[2] / "bench" / "flow" / "probe.tflite"
ROWS, WIDTH, LAYERS = 192, 32, 32


def tensor(name: str, shape: tuple[int, int], buffer: int = 0) -> schema.TensorT:
    return schema.TensorT(
        name=name, shape=list(shape), type=schema.TensorType.FLOAT32, buffer=buffer
    )


def layer(index: int) -> schema.OperatorT:
    return schema.OperatorT(
        opcodeIndex=0,
        inputs=[index, LAYERS + 1, -1],
        outputs=[index + 1],
        builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
        builtinOptions=schema.FullyConnectedOptionsT(),
    )


def probe() -> bytes:
    matrix = np.ones((1, 1))
    while len(matrix) < WIDTH:  # Hadamard's, by Sylvester's construction
        matrix = np.block([[matrix, matrix], [matrix, -matrix]]) / np.sqrt(2)
    weights = np.frombuffer(matrix.astype("<f4").tobytes(), dtype=np.uint8)
    graph = schema.SubGraphT(
        tensors=[
            *(tensor(str(index), (ROWS, WIDTH)) for index in range(LAYERS + 1)),
            tensor("matrix", (WIDTH, WIDTH), buffer=1),
        ],
        inputs=[0],
        outputs=[LAYERS],
        operators=[layer(index) for index in range(LAYERS)],
        name="probe",
    )
    code = schema.BuiltinOperator.FULLY_CONNECTED
    model = schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code)],
        subgraphs=[graph],
        buffers=[schema.BufferT(), schema.BufferT(data=weights)],
        description="times a phone that hides its heat and clocks",
    )
    builder = flatbuffers.Builder(16_384)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    PROBE.write_bytes(probe())
