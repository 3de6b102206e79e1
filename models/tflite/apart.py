"""Runs .tflite files in processes apart, so that no file can crash, block or fill this one.

A process of ours (``examiner.py``) has LiteRT loaded and forks a child for each file, which takes
milliseconds. A file that ends its child is an error that names the file.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.core import config
from bench.core.errors import ConfigurationError, ModelFileError
from models.tflite import messages
from models.tflite.arrays import Floats
from models.tflite.litert import Operation

_MODULE = "models.tflite.examiner"
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_LOCK = threading.Lock()
DAMAGED = "the file is damaged, or a runtime of another version made it: convert it again"


def ask(request: dict[str, object], channel: socket.socket | None = None) -> dict[str, Any]:
    """Returns the answer of the process that has LiteRT loaded; starts it if need be.

    Args:
        request: of JSON's types.
        channel: an end of a pair of sockets, for the child that the request is for.

    Raises:
        OSError: the process was ended from outside; the next request starts another one.
    """
    with _LOCK:
        try:
            return _examiner(os.getpid()).ask(request, channel)
        except OSError:
            _examiner.cache_clear()
            raise


def hexadecimal(path: Path) -> str:
    """Returns a path as requests have it: the hex digits of its bytes."""
    return os.fsencode(path.absolute()).hex()


def raise_refusal(answer: dict[str, Any]) -> None:
    """Raises the error in an answer, if there is one."""
    if "error" in answer:
        kind = ModelFileError if answer["is_file"] else ConfigurationError
        raise kind(str(answer["error"]), hint=str(answer["hint"]))


class Model:
    """A .tflite file, allocated in a process of its own, that maps float arrays to float arrays.

    It computes bit by bit what ``litert.Model`` does; its process ends with it.

    Args:
        threads, delegate, shapes: as of ``litert.Model``.

    Raises:
        ModelFileError: the file is not a model, needs operators that LiteRT lacks, or crashes it.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        delegate: str = "xnnpack",
        shapes: Sequence[tuple[int, ...]] = (),
    ) -> None:
        self.path = path
        options = {"threads": threads, "delegate": delegate, "shapes": [list(s) for s in shapes]}
        self._child = _Child(path, options)
        shapes = self._child.about["input_shapes"]
        self._shapes = [tuple(int(n) for n in shape) for shape in shapes]

    def __call__(self, *inputs: NDArray[Any]) -> list[Floats]:
        """Returns all outputs, float32, for float ``inputs`` of the shapes the model has.

        An input whose shape differs from the allocated one resizes the model first.

        Raises:
            ModelFileError: it cannot run, not on these shapes, or crashes; it is of no use
                afterwards.
        """
        outputs = self._child.run(*inputs)
        self._shapes = [value.shape for value in inputs]
        return outputs

    def in_turn(self, inputs: Floats) -> list[Floats]:
        """Returns all outputs of one inference after the other, float32 [inferences, ...] each.

        What a file keeps inside between two inferences stays, as in calls one by one, and all go
        to its process in one message.

        Args:
            inputs: of a file with one input, float32 [inferences, *its shape]; at least one.

        Raises:
            ModelFileError: as of a call.
        """
        outputs = self._child.run(inputs, in_turn=True)
        self._shapes = [inputs.shape[1:]]
        return outputs

    def input_shapes(self) -> list[tuple[int, ...]]:
        """Returns the shape of each input as allocated."""
        return self._shapes


class Traced:
    """A .tflite file in a process of its own that gives every operator's result.

    Attributes:
        inputs, outputs, operations: as of ``litert.Traced``.

    Raises:
        ModelFileError: LiteRT cannot run the file.
    """

    def __init__(self, path: Path) -> None:
        self._child = _Child(path, {"traced": True})
        about = self._child.about
        self.inputs: tuple[str, ...] = tuple(about["inputs"])
        self.outputs: tuple[str, ...] = tuple(about["outputs"])
        self.operations = tuple(
            config.structure(each, Operation, source=str(path)) for each in about["operations"]
        )
        self._names: list[str] = about["names"]
        self._limits = dict(zip(self._names, about["limits"], strict=True))

    def limits(self, name: str) -> tuple[float, float, float] | None:
        """Returns what a quantised tensor can hold and its step; ``None`` if it is not one."""
        limits = self._limits[name]
        return None if limits is None else (limits[0], limits[1], limits[2])

    def __call__(self, *inputs: NDArray[Any]) -> dict[str, Floats]:
        """Returns each input and each operator's result by name, float32, as ``Model`` runs it."""
        return dict(zip(self._names, self._child.run(*inputs), strict=True))


class _Child:
    """A process that has one file allocated.

    Attributes:
        about: the file, as the process describes it.
    """

    def __init__(self, path: Path, options: dict[str, object]) -> None:
        self._path = path
        self._channel, theirs = socket.socketpair()
        self._close = weakref.finalize(self, self._channel.close)  # which ends the process
        with theirs:
            try:
                answer = ask({"run": hexadecimal(path), **options}, theirs)
            except OSError as error:
                raise _ended_outside(path, error) from error
        raise_refusal(answer)
        self._pid = answer["pid"]
        self.about, _ = self._answer("while it prepares it")

    def run(self, *inputs: NDArray[Any], in_turn: bool = False) -> list[Floats]:
        """Returns the arrays that the process answers inputs with."""
        with contextlib.suppress(OSError):  # of one that has ended: there is no answer either
            messages.send(self._channel, {"in_turn": in_turn}, inputs)
        return self._answer("while it runs it")[1]

    def _answer(self, when: str) -> tuple[dict[str, Any], list[Floats]]:
        try:
            answer, arrays = messages.receive(self._channel)
        except (EOFError, OSError) as error:
            raise self._crashed(when) from error
        raise_refusal(answer)
        return answer, arrays

    def _crashed(self, when: str) -> ModelFileError:
        self._close()
        try:
            ended = ask({"ended": self._pid})["ended"]
        except OSError as error:
            return _ended_outside(self._path, error)
        return ModelFileError(f"{self._path}: LiteRT {ended} {when}", hint=DAMAGED)


def _ended_outside(path: Path, error: OSError) -> ModelFileError:
    return ModelFileError(f"{path}: the process that reads it ended ({error})", hint="run again")


class _Examiner:
    """The process that has LiteRT loaded, asked one request at a time."""

    def __init__(self) -> None:
        inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        paths = dict.fromkeys([str(_PACKAGE_ROOT), *filter(None, inherited)])
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE],
                stdin=theirs.fileno(),
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

    def ask(self, request: dict[str, object], channel: socket.socket | None) -> dict[str, Any]:
        """Returns the answer to a request.

        Raises:
            OSError: the process has ended.
        """
        answers = self._process.stdout
        if answers is None:
            raise OSError("it has no pipe")
        line = json.dumps(request).encode() + b"\n"
        if channel is None:
            self._requests.sendall(line)
        else:  # a request is shorter than what a socket takes at once
            socket.send_fds(self._requests, [line], [channel.fileno()])
        answer = answers.readline()
        if not answer:
            self.close()
            raise OSError(f"status {self._process.returncode}")
        read: dict[str, Any] = json.loads(answer)
        return read

    def close(self) -> None:
        """Ends the process."""
        atexit.unregister(self.close)
        self._requests.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()


@lru_cache(maxsize=1)
def _examiner(pid: int) -> _Examiner:
    return _Examiner()
