"""Every command of the README is run in bash as it stands, in order, in one folder."""

import configparser
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.program import NO_SERVER, frill_bench

from bench.handset.running import Running

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ACTIVATE = "source .venv/bin/activate"
# Lines of a block, or in backticks within a line.
COMMAND = re.compile(
    r"^\$ ((?:.*\\\n)*.+)$|`((?:make|pip|(?:\.venv/bin/)?frill-bench) [^`\n]+)`", re.MULTILINE
)
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")  # tests/cli/test_docs.py reads these


def commands() -> list[str]:
    return [block or inline for block, inline in COMMAND.findall(README)]


def to_run() -> list[str]:
    others = [each for each in commands() if not each.startswith(("make ", "pip "))]
    return [each for each in others if not PLACEHOLDER.search(each)]


def test_the_two_make_commands_are_there_and_what_they_run_is_tested_here() -> None:
    assert commands()[:2] == ["make demo", "make test"]
    assert {each for each in commands() if each.startswith("make ")} == {"make demo", "make test"}
    for target, runs in (("demo", "frill-bench demo --out demo"), ("test", "-m pytest")):
        shown = subprocess.run(
            ["make", "--dry-run", "--always-make", target],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert runs in shown.stdout


def test_what_pip_installs_is_there() -> None:
    [command] = [each for each in commands() if each.startswith("pip ")]
    _, _, _, what, _, constraints = shlex.split(command)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert what.removeprefix(".[").removesuffix("]") in setup["options.extras_require"]
    assert (ROOT / constraints).is_file()


def test_the_environment_is_activated_before_the_first_command_that_is_in_it() -> None:
    first = next(each for each in to_run() if each.startswith("frill-bench"))
    assert to_run().index(ACTIVATE) < to_run().index(first)


def test_the_pictures_are_there_small_and_described() -> None:
    pictures = [ROOT / name for name in re.findall(r'(?:src|srcset)="([^"]+)"', README)]
    assert len(pictures) == 2
    assert sum(path.stat().st_size for path in pictures) < 200_000
    assert re.search(r'<img [^>]*alt="[^"]{80,}"', README)


def typed(command: str, folder: Path, phone: Running) -> None:
    """Runs a command as a newcomer types it who has activated the environment."""
    environ = {**os.environ, **NO_SERVER}
    words = command.split()
    if words[1] == "run" and not {"--host", "-s"} & set(words):
        environ["ANDROID_SERIAL"] = phone.serial  # its user has a phone on a cable
    done = subprocess.run(
        ["bash", "-c", f"{ACTIVATE}\n{command}"],
        cwd=folder, env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.journey
@pytest.mark.audio
@pytest.mark.handset
@pytest.mark.zoo
@pytest.mark.timeout(1800)
def test_every_other_command_runs_as_it_stands(
    tmp_path: Path, audio_root: Path, official_binary: Path, handset: Running
) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    log = ROOT / "tests" / "data" / "benchmark_logs" / "67_tf2.14.1_three_runs_recommended.txt"
    (tmp_path / "benchmark.txt").write_bytes(log.read_bytes())
    (tmp_path / "model.tflite").write_bytes((ROOT / "tests" / "data" / "tiny.tflite").read_bytes())
    (suite,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "nightly.yaml").write_text(suite)
    assert len(to_run()) >= 22
    try:
        for command in to_run():
            typed(command, tmp_path, handset)
    finally:
        frill_bench("handset", "down", "try")
    assert (tmp_path / "report" / "index.html").is_file()
