"""Int8 files of students in quantisation-aware training."""

from pathlib import Path

import keras

from bench.core.artifact import Format
from models.network import qat
from models.network.export import write_float32
from models.student.spec import StudentSpec
from models.tflite.quantise import quantise


def export_int8(model: keras.Model, spec: StudentSpec, path: Path) -> None:
    """Writes a student as full int8 on its learned ranges, and its float32 source beside it."""
    source = path.with_name(f"{path.stem}.float32.tflite")
    write_float32(qat.plain(model, spec), source, name=spec.name)
    quantise(source, path, Format.INT8, ranges=qat.ranges(model))
