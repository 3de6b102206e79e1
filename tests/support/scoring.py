"""``score`` on the default task set, with a cache of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.program import COMMAND

STUDENT = "small_w1.0_keras3_gap_e1024_unfused"
# Runs a command, waits for all that it started, also for what outlives it, and prints their CPU
# time last on stderr. Linux gives it the orphans (PR_SET_CHILD_SUBREAPER).
_COUNTED = """
import ctypes, os, resource, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
status = subprocess.call(sys.argv[1:])
try:
    while True:
        os.wait()
except ChildProcessError:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, file=sys.stderr)
sys.exit(status)
"""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What ``score --json`` printed, how long it took, and the CPU time of all its processes."""

    document: Mapping[str, Any]
    wall_s: float
    cpu_s: float = 0.0

    @property
    def scores(self) -> Any:
        return self.document["scores"]

    @property
    def embedded(self) -> Mapping[str, float]:
        """Clips, seconds of audio, and seconds that embedding them took."""
        found: Mapping[str, float] = self.document["embedded"]
        return found

    @property
    def audio_hours_per_minute(self) -> float:
        return self.embedded["audio_s"] / 60 / self.embedded["elapsed_s"]


def new_cache(folder: Path, audio: Path) -> Path:
    """Returns a cache that has the packaged audio and nothing else."""
    folder.mkdir()
    (folder / "audio").symlink_to(audio)
    return folder


def begin_score(zoo: Path, cache: Path, *words: str) -> "subprocess.Popen[str]":
    """Returns the program, started."""
    return subprocess.Popen(
        _command(zoo, cache, *words),
        env={**os.environ, "FRILL_BENCH_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _command(zoo: Path, cache: Path, *words: str) -> list[str]:
    database = cache / "r.db"
    return [*COMMAND, "score", STUDENT, "--zoo", str(zoo), "--db", str(database), "--json", *words]


def end_score(program: "subprocess.Popen[str]") -> Mapping[str, Any]:
    """Returns what the program printed once it has ended."""
    out, err = program.communicate()
    assert program.returncode == 0, err
    document: Mapping[str, Any] = json.loads(out)
    return document


def score(zoo: Path, cache: Path, *words: str, cores: int | None = None) -> Scored:
    """Returns what the program gave once it has ended, with its CPU time."""
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED, *_command(zoo, cache, *words)],
        env={**os.environ, "FRILL_BENCH_CACHE": str(cache)},
        capture_output=True,
        text=True,
        preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, range(cores)),
    )
    wall_s = time.perf_counter() - began_s
    assert done.returncode == 0, done.stderr
    cpu_s = float(done.stderr.splitlines()[-1])
    return Scored(document=json.loads(done.stdout), wall_s=wall_s, cpu_s=cpu_s)
