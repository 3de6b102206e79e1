"""Reads a .tflite file in a process apart, so that no file can crash, block or fill this one."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bench.core import config
from bench.core.artifact import Format, Partitions, Role, Tensor
from bench.core.errors import ConfigurationError, ModelFileError

_MODULE = "models.tflite.examiner"
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One entry point of a file.

    Args:
        key: its name.
        subgraph: index of its graph; without a flag a runtime runs graph 0.
        names: its own name of each input, in the order of ``inputs``.
        inputs: the tensors of that graph.
    """

    key: str
    subgraph: int
    names: tuple[str, ...]
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteFile:
    """What a .tflite file holds.

    Args:
        inputs, outputs: of the first graph.
        parameters: elements of all constant tensors that an operator computes with.
        macs: multiply-accumulates of convolutions and dense layers for one inference at batch one.
        float_ops: operators that compute in float32, with their count; casts are not counted.
        signatures: in the file's order.
        partitions: how XNNPACK splits the graph here; ``None`` if LiteRT cannot allocate it as it
            is, because it needs an input shape or an operator first.
        missing_op: the custom operator that LiteRT lacks, if it does.
        sample_rate_hz: of the audio that it takes, by its metadata.
    """

    format: Format
    role: Role
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: int
    macs: int
    float_ops: dict[str, int]
    signatures: tuple[Signature, ...] = ()
    partitions: Partitions | None = None
    missing_op: str | None = None
    sample_rate_hz: int | None = None


def read(path: Path) -> TfliteFile:
    """Returns what the file holds, after LiteRT has loaded and allocated it.

    Raises:
        ModelFileError: the file is missing, not a model, truncated or damaged; or it crashes or
            blocks LiteRT.
        ConfigurationError: LiteRT is not installed.
    """
    with _LOCK:
        try:
            answer = _examiner(os.getpid()).ask(path)
        except OSError as error:  # it was killed from outside
            _examiner.cache_clear()
            raise ModelFileError(
                f"{path}: the process that reads it ended ({error})", hint="run again"
            ) from error
    if "file" in answer:
        return config.structure(answer["file"], TfliteFile, source=str(path))
    if ended := answer.get("ended"):
        raise ModelFileError(
            f"{path}: LiteRT {ended} while it loads it",
            hint="the file is damaged, or a runtime of another version made it: convert it again",
        )
    kind = ModelFileError if answer["is_file"] else ConfigurationError
    raise kind(str(answer["error"]), hint=str(answer["hint"]))


class _Examiner:
    """The process that reads files, one at a time, each in a child of its own."""

    def __init__(self) -> None:
        inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        paths = dict.fromkeys([str(_PACKAGE_ROOT), *filter(None, inherited)])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(paths),
                "OPENBLAS_NUM_THREADS": "1",  # it forks, so it has no threads
            },
            start_new_session=True,  # Ctrl-C is not for it: it ends with this process
        )
        atexit.register(self.close)

    def ask(self, path: Path) -> dict[str, object]:
        """Returns the answer about a file.

        Raises:
            OSError: the process has ended.
        """
        paths, answers = self._process.stdin, self._process.stdout
        if paths is None or answers is None:
            raise OSError("it has no pipes")
        paths.write(json.dumps(os.fsencode(path.absolute()).hex()).encode() + b"\n")
        paths.flush()
        line = answers.readline()
        if not line:
            self.close()
            raise OSError(f"status {self._process.returncode}")
        answer: dict[str, object] = json.loads(line)
        return answer

    def close(self) -> None:
        """Ends the process."""
        atexit.unregister(self.close)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()


@lru_cache(maxsize=1)
def _examiner(pid: int) -> _Examiner:
    return _Examiner()
