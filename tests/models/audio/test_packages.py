import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bench.core.errors import InfrastructureError
from models.audio import packages

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")


def test_every_package_is_pinned_and_credited() -> None:
    catalogue = packages.catalogue()
    assert len(catalogue.audio) == 10
    for package in catalogue.audio:
        assert package.licence
        assert package.attribution
        assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in package.versions.values())


def test_without_apt_the_error_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureError, match="apt-get is not on this machine") as caught:
        packages.fetch(tmp_path / "audio")
    assert "audio of your own" in caught.value.hint


def test_audio_that_was_not_fetched_is_an_error_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="frill-bench data fetch"):
        packages.packaged_files(tmp_path)


@pytest.fixture
def stand_in_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_tone: Any) -> Path:
    """Puts an apt-get before the real one that hands out packages made here; returns its log."""
    debs, programs, log = tmp_path / "debs", tmp_path / "bin", tmp_path / "apt.log"
    debs.mkdir()
    programs.mkdir()
    for package in packages.catalogue().audio:
        tree = tmp_path / "trees" / package.name
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(
            f"Package: {package.name}\nVersion: 9.9\nArchitecture: all\n"
            "Maintainer: nobody <nobody@example.org>\nDescription: made for a test\n"
        )
        write_tone(tree / "usr" / "share" / "silence" / "1.wav")
        write_tone(tree / "usr" / "share" / "beep.wav")
        write_tone(tree / "usr" / "share" / "word.wav", seconds=0.5)
        for archive in package.archives:
            (tree / archive).parent.mkdir(parents=True)
            with zipfile.ZipFile(tree / archive, "w") as inner:
                inner.write(tree / "usr" / "share" / "word.wav", "sound/zipped.wav")
        subprocess.run(
            ["dpkg-deb", "--build", "-Znone", tree, debs / f"{package.name}_9.9_all.deb"],
            check=True,
            capture_output=True,
        )
    script = programs / "apt-get"
    script.write_text(
        f'#!/bin/sh\necho "$*" >> {log}\n'
        f'case "$*" in *download*) for word; do cp {debs}/"$word"_*.deb . 2>&-; done;; esac\n'
        "exit 0\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return log


@needs_dpkg
def test_a_package_that_is_not_pinned_is_refused_unless_accepted(
    tmp_path: Path, stand_in_apt: Path
) -> None:
    root = tmp_path / "audio"
    with pytest.raises(InfrastructureError, match=r"version 9\.9 is not pinned") as caught:
        packages.fetch(root)
    assert "--accept-new" in caught.value.hint
    assert packages.manifest(root) is None

    found = packages.fetch(root, accept_new=True)
    assert {package.version for package in found.packages} == {"9.9"}
    assert [package.clips for package in found.packages] == [1] * 9 + [2]
    assert found.packages[0].duration_s == pytest.approx(0.5)
    assert "ufoai-sound/sound/zipped.wav" in packages.packaged_files(root)
    assert not [path for path in root.iterdir() if path.name.startswith(".fetch")]

    shutil.rmtree(root / "gcin-voice")  # what was accepted once is not asked for again
    assert packages.fetch(root) == found


@needs_dpkg
def test_apt_keeps_its_state_below_the_cache(tmp_path: Path, stand_in_apt: Path) -> None:
    root = tmp_path / "audio"
    packages.fetch(root, accept_new=True)
    for line in stand_in_apt.read_text().splitlines():
        assert f"Dir::State={root}" in line
        assert f"Dir::Cache={root}" in line
        assert "APT::Sandbox::User=root" in line


@needs_dpkg
def test_what_apt_complains_of_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "apt-get"
    script.write_text("#!/bin/sh\necho 'E: Temporary failure resolving' >&2\nexit 100\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InfrastructureError, match="Temporary failure resolving"):
        packages.fetch(tmp_path / "audio")


@pytest.mark.audio
def test_the_packaged_audio_is_complete_and_a_second_fetch_runs_no_program(
    audio_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found = packages.fetch()
    assert sum(package.clips for package in found.packages) == 6_626
    assert sum(package.duration_s for package in found.packages) / 60 == pytest.approx(218, abs=1)
    files = packages.packaged_files(audio_root)
    assert len(files) == 6_626
    assert not [name for name in files if "/silence/" in name]


@pytest.mark.audio
def test_the_packaged_model_is_there(real_model: packages.ModelFiles) -> None:
    assert real_model.embedding.stat().st_size == 1_451_440
    assert real_model.frontend.stat().st_size == 1_126_052
