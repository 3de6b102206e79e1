"""Every command of the README is run, in order, in one folder."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from support.program import frill_bench

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
            program, *words = shlex.split(command)
            assert program == "frill-bench"
            done = frill_bench(*words, cwd=tmp_path, limit_s=240)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    finally:
        frill_bench("handset", "down", "try")
    assert (tmp_path / "report" / "index.html").is_file()
