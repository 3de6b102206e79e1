"""Ours beside ``litert-cli benchmark --android``: the same handset, models, tool and flags.

Theirs is a process a model; ours measures the twenty in one run, each in its own process of the
tool. Both find their files on the phone already.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.phone_sweeps import SPLIT
from support.reach import Boot, Serving
from support.required import required

from bench.core.paths import cache_dir

VERSION = "0.2.1"
MODELS = 20
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def litert() -> Path:
    """Returns their program, in an environment of its own that is kept in the user's cache."""
    folder = cache_dir() / "tests" / f"litert-cli-{VERSION}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [*pip, f"litert-cli=={VERSION}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode and not required("litert-cli"):
                pytest.skip(f"litert-cli cannot be installed: {done.stderr[-300:]}")
            assert done.returncode == 0, done.stderr
        (folder / "whole").touch()
    return folder / "bin" / "litert"


def timed(sweep: Callable[[], None]) -> float:
    started_s = time.monotonic()
    sweep()
    return time.monotonic() - started_s


@pytest.mark.evidence
@pytest.mark.timeout(400)
def test_a_sweep_of_twenty_is_faster_than_theirs(
    boot_phone: Boot, adb_server: Serving, official_binary: Path, litert: Path, tmp_path: Path
) -> None:
    phone = boot_phone(properties={"ro.product.cpu.abi": "arm64-v8a"})
    models = [tmp_path / f"model{number}.tflite" for number in range(MODELS)]
    for number, path in enumerate(models):
        path.write_bytes(SPLIT.read_bytes() + bytes([number]))
    home = tmp_path / "home"
    seeded = home / ".cache" / "litert-cli" / "binaries" / "arm64-v8a"
    seeded.mkdir(parents=True)
    shutil.copy(official_binary, seeded / "benchmark_model")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "adb").symlink_to(adb_server.binary)
    environ = {
        **os.environ, **adb_server.environ, "HOME": str(home), "ANDROID_SERIAL": phone.serial,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cache_dir().parent), "FRILL_BENCH_CACHE": str(cache_dir()),
    }  # fmt: skip
    adb_server.connect(phone.serial)
    flags = ["--num-runs=3", "--warmup-runs=3", "--min-secs=0", "--warmup-min-secs=0"]

    def theirs() -> None:
        for path in models:
            done = subprocess.run(
                [str(litert), "benchmark", str(path), "--android", "--cpu", *flags],
                cwd=tmp_path, env=environ, capture_output=True, text=True,
            )  # fmt: skip
            # It shows the other tool's lines only, and fails where the tool does.
            assert done.returncode == 0, done.stdout + done.stderr
            assert "Executing benchmark on device" in done.stdout

    (tmp_path / "suite.yaml").write_text(
        "name: twenty\nmodels: ['*.tflite']\ndelegates: [none]\n"
        "protocol: {processes: 1, warmup_min_secs: 0}\n"
    )

    def ours() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "bench", "run", "suite.yaml", "--json",
             "--benchmark-binary", str(official_binary)],
            cwd=tmp_path, env=environ, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode in (0, 4), done.stderr  # 4: a model below the tool's resolution
        assert len(json.loads(done.stdout)["sessions"][0]["cases"]) == MODELS

    sweeps = {"theirs": theirs, "ours": ours}
    for sweep in sweeps.values():
        sweep()  # now all files are on the phone
    rounds = [{name: timed(sweep) for name, sweep in sweeps.items()} for _ in range(3)]
    walls_s = {name: min(each[name] for each in rounds) for name in sweeps}
    assert walls_s["ours"] < walls_s["theirs"], rounds
    print(f"{MODELS} models: {walls_s}")  # noqa: T201 - shown by -s
