"""The program onnx2tf, which writes an .onnx file as float32 TFLite; in its own environment.

It pins each of its libraries to one version, so it cannot be installed beside ours: ADR 10.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.core import atomic
from bench.core.errors import ConfigurationError, ConversionError, InfrastructureError

VARIABLE = "FRILL_BENCH_ONNX2TF"
VERSION = "2.6.9"  # that the tests and docs/evidence/real_models.md were made with
HOW_TO_INSTALL = (
    f"install it once in an environment of its own, with Python 3.12 or later: python3 -m venv "
    f"~/onnx2tf && ~/onnx2tf/bin/pip install onnx2tf=={VERSION}, and "
    f"export {VARIABLE}=~/onnx2tf/bin/onnx2tf; or convert the model from its framework"
)
_LIMIT_S = 900
_LAST_LINES = 12


def program() -> Path:
    """Returns the path of onnx2tf: of ``$FRILL_BENCH_ONNX2TF``, or on the PATH.

    Raises:
        ConfigurationError: it is not there.
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(Path(named).expanduser() if named else "onnx2tf")
    if found is None:
        where = f"{VARIABLE}={named}: no such program" if named else "onnx2tf is not installed"
        raise ConfigurationError(f"{where}; it converts .onnx files", hint=HOW_TO_INSTALL)
    return Path(found)


def version() -> str:
    """Returns the version of onnx2tf, or ``unknown``.

    Raises:
        ConfigurationError: it is not there.
    """
    # The package beside the program: asking the program takes it seconds to start.
    folder = program().resolve().parent.parent
    for found in folder.glob("lib/python*/site-packages/onnx2tf-*.dist-info"):
        return found.name.removeprefix("onnx2tf-").removesuffix(".dist-info")
    return "unknown"


def to_float32(source: Path, target: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Writes an .onnx file as a float32 .tflite file, with its inputs' shapes as they are.

    Args:
        shapes: of each input by its name.

    Raises:
        ConfigurationError: onnx2tf is not installed.
        ConversionError: it refused the model; names the operator where it does.
    """
    with tempfile.TemporaryDirectory(prefix="frill-bench-") as folder:
        copy = Path(folder) / "model.onnx"
        shutil.copyfile(source, copy)  # it simplifies the file in place
        command = [str(program()), "-i", str(copy), "-o", folder, "-n", "-kat", *shapes, "-ois"]
        command += [f"{name}:{','.join(map(str, shape))}" for name, shape in shapes.items()]
        done = _run(command, folder)
        made = sorted(Path(folder).glob("*_float32.tflite"))
        if done.returncode != 0 or not made:
            raise ConversionError(
                f"{source}: onnx2tf refused it: {_reason(done.stdout + done.stderr)}",
                hint="convert the model from its framework, or give a .tflite file",
            )
        with atomic.replacing(target) as partial:
            shutil.copyfile(made[0], partial)


def _run(command: Sequence[str], folder: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(
            f"onnx2tf did not end within {_LIMIT_S} s", hint="convert it from its framework"
        ) from error
    except OSError as error:
        raise InfrastructureError(
            f"{command[0]}: cannot be started: {error.strerror}", hint=HOW_TO_INSTALL
        ) from error


def _reason(text: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"ERROR|Error|not supported|unsupported", line)]
    return " ".join((errors or lines)[-_LAST_LINES:])[-400:]
