"""Four workers of Dask, one of them killed while it works: the scores of one machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.patience import wait_until
from support.program import frill_bench
from support.scoring import STUDENT, begin_score, end_score, new_cache, score
from support.tables import write_table

from bench.core import config
from bench.core.hashing import sha256_file

distributed: Any = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.evidence,
    pytest.mark.audio,
    pytest.mark.zoo,
    pytest.mark.timeout(3_600),
]

WORKERS = 4


@contextmanager
def running(*words: str, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Yields a program of Dask, which ends with the block."""
    program = subprocess.Popen(
        [sys.executable, "-m", *words], env={**os.environ, **environ}, stderr=subprocess.DEVNULL
    )
    try:
        yield program
    finally:
        program.kill()
        program.wait()


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """Yields the address of a scheduler."""
    about = folder / "scheduler.json"
    words = ("--port", "0", "--no-dashboard", "--scheduler-file", str(about))
    with running("distributed.cli.dask_scheduler", *words):
        wait_until(lambda: about.is_file() and about.read_text().rstrip().endswith("}"))
        yield config.load(about, dict[str, Any])["address"]


def worker(
    address: str, name: str, folder: Path, **environ: str
) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """Returns a worker of a scheduler, a process with one thread."""
    words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name)
    local = ("--local-directory", str(folder))
    return running("distributed.cli.dask_worker", address, *words, *local, **environ)


def test_a_worker_converts_to_the_same_files(tmp_path: Path, audio_root: Path) -> None:
    words = ("convert", "tiny_w0.5_keras3_gap_e512_unfused")
    frill_bench(*words, "--zoo", "here", cwd=tmp_path, status=0)
    with scheduler(tmp_path) as address, worker(address, "worker0", tmp_path):
        frill_bench(*words, "--zoo", "there", "--scheduler", address, cwd=tmp_path, status=0)
    here, there = (
        {path.name: sha256_file(path) for path in (tmp_path / name).glob("*.tflite")}
        for name in ("here", "there")
    )
    assert len(here) == 4
    assert here == there


def test_a_killed_worker_costs_its_piece_and_changes_no_score(
    tmp_path: Path, audio_root: Path
) -> None:
    zoo = tmp_path / "zoo"
    frill_bench("convert", STUDENT, "--formats", "float32", "--zoo", zoo, status=0)
    alone = score(zoo, new_cache(tmp_path / "alone", audio_root))
    cache = new_cache(tmp_path / "cluster", audio_root)
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        workers = {
            name: stack.enter_context(worker(address, name, tmp_path, FRILL_BENCH_CACHE=str(cache)))
            for name in (f"worker{number}" for number in range(WORKERS))
        }  # fmt: skip
        client = stack.enter_context(distributed.Client(address, set_as_default=False))
        client.wait_for_workers(WORKERS)
        program = begin_score(zoo, cache, "--scheduler", address)
        stack.callback(program.kill)

        def kept() -> int:
            files = (cache / "embeddings").rglob("*.rows")
            return sum("log-mel" not in str(path) for path in files)

        wait_until(lambda: kept() > 20)
        names = {about["name"]: each for each, about in client.scheduler_info()["workers"].items()}
        wait_until(lambda: len(client.processing()[names["worker2"]]) > 0)
        workers["worker2"].send_signal(signal.SIGKILL)
        at = kept()
        document = end_score(program)
        left = len(client.scheduler_info()["workers"])
    pieces = kept()
    assert left == WORKERS - 1
    assert document["scores"] == alone.scores
    assert document["embedded"]["clips"] == alone.embedded["clips"]
    both = (alone.document, document)
    write_table(
        "scoring-cluster",
        f"`score {STUDENT} --task-set default --scheduler tcp://...` with {WORKERS} workers of "
        "Dask, one of them ended by `kill -9` while it had a piece, beside the same command on "
        "this machine alone (`make evidence`).",
        ["", "alone", "cluster"],
        [
            ["workers at the end", "", f"{left} of {WORKERS}"],
            ["pieces kept when it was killed, and at the end", "", f"{at} and {pieces}"],
            ["clips embedded", *(f"{each['embedded']['clips']:,}" for each in both)],
            ["mean", *(f"{each['scores'][0]['mean']:.6f}" for each in both)],
            ["all values, intervals and answers", "", "the same"],
        ],
    )
