"""The process that reads and runs .tflite files: each in a child with limits, which it may kill.

    python -P -m models.tflite.examiner

Its stdin is a socket with one JSON object per line; it answers one JSON line each on stdout.
``read``: a path as the hex digits of its bytes, and whether to read it ``closely``; the answer is
``file``, or ``error`` with ``hint`` and ``is_file``, or how the child ``ended``. ``run``: a path,
and a socket with it; the answer is the ``pid`` of a child that runs the file and talks through that
socket. ``ended``: such a pid; the answer is how it ``ended``.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.core import config
from bench.core.errors import ConfigurationError, ModelFileError
from models.tflite import contents, litert, messages
from models.tflite.arrays import Floats

_CPU_LIMIT_S = 30  # of processor time, so that a busy machine changes nothing
_CPU_LIMIT_OF_A_CALL_S = 600  # of up to 32 windows by a large model on a slow machine
_MEMORY_LIMIT_BYTES = 16 << 30
_TIMES_THE_FILE = 16
_FAILED = 70
_REQUEST_BYTES = 1 << 16


class _Models:
    """The children that run files."""

    def __init__(self) -> None:
        self._statuses: dict[int, int | None] = {}

    def start(self, request: dict[str, Any], channel: int, answers: int) -> dict[str, object]:
        """Returns the pid of a new child."""
        pid = os.fork()
        if pid == 0:
            status = _FAILED
            try:
                os.close(answers)  # the other side has to see when this process's parent ends
                os.close(0)
                with socket.socket(fileno=channel) as own:
                    _serve(own, _path(request["run"]), request)
                status = 0
            finally:
                os._exit(status)
        self._statuses[pid] = None
        return {"pid": pid}

    def ended(self, pid: int) -> dict[str, object]:
        """Returns how a child ended, once it has."""
        status = self._statuses.pop(pid, _FAILED)
        if status is None:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return {"ended": _ended(status, _CPU_LIMIT_OF_A_CALL_S)}

    def reap(self) -> None:
        """Takes note of children that have ended."""
        for pid in [pid for pid, status in self._statuses.items() if status is None]:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self._statuses[pid] = os.waitstatus_to_exitcode(status)


def main() -> None:
    """Answers until stdin ends."""
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)  # native code prints what it likes
    try:
        litert.prepare()
    except ConfigurationError as error:
        for _, channel in _requests():
            if channel is not None:
                os.close(channel)
            _answer(answers, _error(error))
        return
    gc.freeze()  # what is imported is not copied in every child
    models = _Models()
    for request, channel in _requests():
        models.reap()
        if channel is not None:
            _answer(answers, models.start(request, channel, answers))
            os.close(channel)
        elif "ended" in request:
            _answer(answers, models.ended(int(request["ended"])))
        else:
            _write_all(
                answers,
                _in_a_child(_path(request["read"]), closely=bool(request["closely"])) + b"\n",
            )


def _requests() -> Iterator[tuple[dict[str, Any], int | None]]:
    """Yields each request, and the descriptor of the socket that came with it."""
    with socket.socket(fileno=0) as stream:
        line, channel = b"", None
        while True:
            part, descriptors, _, _ = socket.recv_fds(stream, _REQUEST_BYTES, 1)
            if not part:
                return
            line, channel = line + part, descriptors[0] if descriptors else channel
            if line.endswith(b"\n"):
                yield json.loads(line), channel
                line, channel = b"", None


def _path(digits: str) -> Path:
    return Path(os.fsdecode(bytes.fromhex(digits)))


def _serve(channel: socket.socket, path: Path, options: dict[str, Any]) -> None:
    """Runs a file for the other end of a socket until that is closed."""
    _limit(path, _CPU_LIMIT_S)
    try:
        model, about = _loaded(path, options)
        messages.send(channel, about)
        while True:
            header, inputs = messages.receive(channel)
            _limit_cpu(_CPU_LIMIT_OF_A_CALL_S)
            if header.get("in_turn"):
                messages.send(channel, {}, _in_turn(model, inputs[0]))
                continue
            messages.send(channel, {}, _values(model(*inputs)))
    except EOFError:
        return
    except ConfigurationError as error:
        messages.send(channel, _error(error))
    except Exception as error:  # also memory that the limit refuses
        messages.send(channel, _error(_unexpected(path, "cannot be run", error)))


def _in_turn(model: litert.Model | litert.Traced, inputs: Floats) -> list[Floats]:
    """Returns all outputs of one inference after the other, float32 [inferences, ...] each."""
    outputs = [_values(model(each)) for each in inputs]
    return [np.stack(values) for values in zip(*outputs, strict=True)]


def _values(outputs: list[Floats] | dict[str, Floats]) -> list[Floats]:
    return list(outputs.values()) if isinstance(outputs, dict) else outputs


def _loaded(
    path: Path, options: dict[str, Any]
) -> tuple[litert.Model | litert.Traced, dict[str, Any]]:
    """Returns a model, and what the other side needs to know of it."""
    if not options.get("traced"):
        model = litert.Model(
            path,
            threads=options["threads"],
            delegate=options["delegate"],
            shapes=[tuple(each) for each in options["shapes"]],
        )
        return model, {"input_shapes": model.input_shapes()}
    traced = litert.Traced(path)
    names = list(traced.names)
    return traced, {
        "inputs": traced.inputs,
        "outputs": traced.outputs,
        "operations": config.unstructure(traced.operations),
        "names": names,
        "limits": [traced.limits(name) for name in names],
    }


def _in_a_child(path: Path, *, closely: bool) -> bytes:
    """Returns the answer of a child about a file, or how it ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = _FAILED
        try:
            os.close(reading)
            _limit(path, _CPU_LIMIT_S)
            _answer(writing, _examine(path, closely=closely), end=b"")
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return answer if status == 0 else json.dumps({"ended": _ended(status, _CPU_LIMIT_S)}).encode()


def _ended(status: int, limit_s: int) -> str:
    if status == -signal.SIGXCPU or status == -signal.SIGKILL:
        return f"needs more than {limit_s} s of processor time, or too much memory,"
    if status < 0:
        return f"crashes ({signal.Signals(-status).name})"
    return f"ends with the status {status}"


def _limit(path: Path, cpu_s: int) -> None:
    size_bytes = path.stat().st_size if path.is_file() else 0
    memory = _MEMORY_LIMIT_BYTES + _TIMES_THE_FILE * size_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_cpu(cpu_s)


def _limit_cpu(more_s: int) -> None:
    """Lets this process compute for so much longer."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + more_s
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _examine(path: Path, *, closely: bool) -> dict[str, object]:
    try:
        return {"file": config.unstructure(contents.describe(path, closely=closely))}
    except ConfigurationError as error:
        return _error(error)
    except Exception as error:  # also memory that the limit refuses
        return _error(_unexpected(path, "cannot be read", error))


def _unexpected(path: Path, what: str, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{path}: {what} ({type(error).__name__}: {error})",
        hint="convert it again, or copy it again",
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
