"""Int8 files of students in quantisation-aware training."""

from pathlib import Path
from typing import Any

from bench.core.artifact import Format
from models.student.spec import StudentSpec
from models.tflite.quantise import quantise
from support.lazy import Lazy

qat, export = Lazy("models.network.qat"), Lazy("models.network.export")


def export_int8(model: Any, spec: StudentSpec, path: Path) -> None:
    """Writes a student as full int8 on its learned ranges, and its float32 source beside it."""
    source = path.with_name(f"{path.stem}.float32.tflite")
    export.write_float32(qat.plain(model, spec), source, name=spec.name)
    quantise(source, path, Format.INT8, ranges=qat.ranges(model))
