"""What an int8 file computes does not depend on the processor: CI runs this with other kernels."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.int8_files import export_int8
from support.lazy import Lazy, needs_tensorflow
from support.required import required

from models.convert import fidelity
from models.student.spec import Activation, Size, StudentSpec

pytestmark = [pytest.mark.zoo, pytest.mark.processor, needs_tensorflow]
keras = Lazy("keras")
build, qat = Lazy("models.network.build"), Lazy("models.network.qat")

Floats = NDArray[np.float32]
ROOT = Path(__file__).parents[2]
SPEC = StudentSpec(size=Size.TINY, width=0.5, embedding_size=48, activation=Activation.UNFUSED)
EMBED = (
    "import sys, pathlib, numpy; from models.convert import fidelity; "
    "file, inputs, outputs = map(pathlib.Path, sys.argv[1:]); "
    "numpy.save(outputs, fidelity.embeddings(file, numpy.load(inputs)))"
)


@dataclass(frozen=True)
class Exported:
    """A student in fake quantisation, its int8 file, and patches for both."""

    aware: Any
    int8: Path
    patches: Floats


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    coarse = np.random.default_rng(3).normal(scale=2, size=(40, 24, 16, 1))
    patches = coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.float32)
    student = build.build_student(SPEC, seed=1)
    for layer in student.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as is, next to nothing comes out
            layer.moving_variance.assign(keras.ops.full_like(layer.moving_variance, 0.14))
    aware = qat.quantisation_aware(SPEC, student, patches)
    int8 = tmp_path_factory.mktemp("processors") / "student.int8.tflite"
    export_int8(aware, SPEC, int8)
    return Exported(aware, int8, patches)


def test_fake_quantisation_computes_what_the_int8_file_does(exported: Exported) -> None:
    trained_for = exported.aware(exported.patches).numpy()
    computed = fidelity.embeddings(exported.int8, exported.patches)
    assert np.ptp(trained_for, axis=0).min() > 0
    assert computed == pytest.approx(trained_for, abs=1e-6 * float(np.abs(trained_for).max()))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates older x86-64 processors")
@pytest.mark.parametrize("processor", ["Nehalem", "SandyBridge"])  # SSE4.2, AVX
def test_an_older_processor_computes_the_same_to_the_bit(
    exported: Exported, tmp_path: Path, processor: str
) -> None:
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        if required("processors"):
            pytest.fail("no qemu-x86_64")
        pytest.skip("no qemu-x86_64: apt-get install qemu-user")
    inputs, outputs = tmp_path / "inputs.npy", tmp_path / "outputs.npy"
    np.save(inputs, exported.patches)
    arguments = [EMBED, str(exported.int8), str(inputs), str(outputs)]
    command = [emulator, "-cpu", processor, sys.executable, "-P", "-c", *arguments]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert np.array_equal(np.load(outputs), fidelity.embeddings(exported.int8, exported.patches))
