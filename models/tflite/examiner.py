"""The process that reads .tflite files: each in a child with limits, which a bad file may kill.

    python -P -m models.tflite.examiner

It takes one path a line on stdin, as a JSON string of the hex digits of its bytes, and answers one
JSON line each on stdout: ``file``, or ``error`` with ``hint`` and ``is_file``, or how the child
``ended``.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path

from bench.core import config
from bench.core.errors import ConfigurationError, ModelFileError
from models.tflite import contents, litert

_CPU_LIMIT_S = 30  # of processor time, so that a busy machine changes nothing
_MEMORY_LIMIT_BYTES = 16 << 30
_TIMES_THE_FILE = 16
_FAILED = 70


def main() -> None:
    """Answers until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)  # native code prints what it likes
    try:
        litert.prepare()
    except ConfigurationError as error:
        for _ in sys.stdin.buffer:
            _answer(answers.fileno(), _error(error))
        return
    gc.freeze()  # what is imported is not copied in every child
    for line in sys.stdin.buffer:
        path = Path(os.fsdecode(bytes.fromhex(json.loads(line))))
        _write_all(answers.fileno(), _in_a_child(path) + b"\n")


def _in_a_child(path: Path) -> bytes:
    """Returns the answer of a child about a file, or how it ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = _FAILED
        try:
            os.close(reading)
            _limit(path)
            _answer(writing, _examine(path), end=b"")
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return answer if status == 0 else json.dumps({"ended": _ended(status)}).encode()


def _ended(status: int) -> str:
    if status == -signal.SIGXCPU or status == -signal.SIGKILL:
        return f"needs more than {_CPU_LIMIT_S} s of processor time, or too much memory,"
    if status < 0:
        return f"crashes ({signal.Signals(-status).name})"
    return f"ends with the status {status}"


def _limit(path: Path) -> None:
    size_bytes = path.stat().st_size if path.is_file() else 0
    memory = _MEMORY_LIMIT_BYTES + _TIMES_THE_FILE * size_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_LIMIT_S, _CPU_LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _examine(path: Path) -> dict[str, object]:
    try:
        return {"file": config.unstructure(contents.describe(path))}
    except ConfigurationError as error:
        return _error(error)
    except Exception as error:  # also memory that the limit refuses
        return _error(
            ModelFileError(
                f"{path}: cannot be read ({type(error).__name__}: {error})",
                hint="convert it again, or copy it again",
            )
        )


def _error(error: ConfigurationError) -> dict[str, object]:
    is_file = isinstance(error, ModelFileError)
    return {"error": error.message, "hint": error.hint, "is_file": is_file}


def _answer(descriptor: int, answer: dict[str, object], end: bytes = b"\n") -> None:
    _write_all(descriptor, json.dumps(answer, allow_nan=False).encode() + end)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


if __name__ == "__main__":
    main()
