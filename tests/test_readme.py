"""Every command of the README is run, in order, in one folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def test_the_two_make_commands_are_there_and_what_they_run_is_tested_here() -> None:
    assert commands()[:2] == ["make demo", "make test"]
    for target, runs in (("demo", "frill-bench demo --out demo"), ("test", "-m pytest")):
        shown = subprocess.run(
            ["make", "--dry-run", "--always-make", target],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert runs in shown.stdout


def frill_bench(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    assert words[0] == "frill-bench"
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", *words[1:]],
        cwd=cwd, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


@pytest.mark.audio
@pytest.mark.handset
@pytest.mark.zoo
def test_every_other_command_runs_as_it_stands(
    tmp_path: Path, audio_root: Path, official_binary: Path
) -> None:
    log = ROOT / "tests" / "data" / "benchmark_logs" / "67_tf2.14.1_three_runs_recommended.txt"
    (tmp_path / "benchmark.txt").write_bytes(log.read_bytes())
    (suite,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "nightly.yaml").write_text(suite)
    assert len(commands()) >= 16
    try:
        for command in commands()[2:]:
            done = frill_bench(command, tmp_path)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    finally:
        frill_bench("frill-bench handset down try", tmp_path)
    assert (tmp_path / "report" / "index.html").is_file()
