from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import ConfigurationError
from models.student import weights
from models.student.buildable import parse
from models.student.weights import Weights

TINY = "tiny_w0.5_keras3_gap_e16_unfused"


def test_kernels_are_kept_in_float16_and_vectors_in_full(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 4)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float32)
    huge = np.full((2, 2), 1e6, dtype=np.float32)
    kept = Weights(
        arrays={"a/0": kernel, "a/1": bias, "b/0": huge}, ranges=((-1.0, 2.0), (0.0, 6.0))
    )
    weights.save(tmp_path / "w.npz", kept)
    found = weights.load(tmp_path / "w.npz")
    assert found.ranges == kept.ranges
    assert (found.arrays["a/0"] == kernel.astype(np.float16)).all()
    assert (found.arrays["a/1"] == bias).all()
    assert (found.arrays["b/0"] == huge).all()  # beyond float16
    weights.save(tmp_path / "again.npz", found)
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "w.npz").read_bytes()


def test_a_file_of_no_weights_is_told(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"no")
    with pytest.raises(ConfigurationError, match="holds no weights"):
        weights.load(tmp_path / "w.npz")


def test_a_folder_without_a_students_weights_names_those_it_has(tmp_path: Path) -> None:
    path = tmp_path / f"{TINY}.npz"
    path.touch()
    with pytest.raises(ConfigurationError, match=f"it holds: {TINY}"):
        weights.find(parse("frill"), str(tmp_path))
    assert weights.find(parse(TINY), str(tmp_path)) == path
    assert weights.find(parse(f"{TINY}_dft"), str(tmp_path)) == path  # a front-end has none
    assert weights.find(parse(TINY), weights.RANDOM) is None
    assert weights.find(parse(TINY), weights.STARTER) is None  # it does not come with the project
    assert weights.find(parse("frontend-dft"), str(tmp_path)) is None


def test_fused_and_unfused_students_share_weights_unless_ranges_were_learned(
    tmp_path: Path,
) -> None:
    path = tmp_path / f"{TINY}.npz"
    path.touch()
    fused = TINY.replace("unfused", "fused")
    assert weights.find(parse(fused), str(tmp_path)) == path
    own = tmp_path / f"{fused}.npz"
    own.touch()
    assert weights.find(parse(fused), str(tmp_path)) == own
    (tmp_path / f"{TINY}_qat.npz").touch()
    with pytest.raises(ConfigurationError, match="holds no weights"):
        weights.find(parse(f"{fused}_qat"), str(tmp_path))
    with pytest.raises(ConfigurationError, match="holds no weights"):
        weights.find(parse(TINY.replace("unfused", "minimalistic")), str(tmp_path))
