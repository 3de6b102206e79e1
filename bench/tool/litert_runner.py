"""Times one .tflite file on the LiteRT interpreter: a process of its own, with the official flags.

    python -P -m bench.tool.litert_runner --graph=m.tflite --num_threads=1 --num_runs=3 --min_secs=0

It keeps the rules of the official ``benchmark_model``: flags only as ``--name=value``, booleans
only ``true|false|1|0``, ``num_runs`` and ``warmup_runs`` are minima beside their seconds, no run
starts after ``max_secs`` of a phase, inputs are copied before each run outside the timed part. It
differs where the official tool misleads: an unknown or repeated flag ends it, and every raw value
is printed. It prints one JSON line on stdout, an error too, and exits 0 or 1.
"""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

# Else NumPy begins with a thread for each core, beside the one that is timed.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from bench.core.hashing import sha256_file
from bench.core.partitions import Node, partitions

TOOL = "frill-bench-litert-runner"
SCHEMA_VERSION = 1
_INPUT_SEED = 7
# Half-open ranges of the official tool's inputs, by kind and by dtype.
_FLOAT_RANGE = (-0.5, 0.5)
_INT_RANGES = {"uint8": (0, 255), "int8": (-127, 128)}
_INT_RANGE = (0, 100)


class RunnerError(Exception):
    """What goes into the JSON line as ``error``."""


@dataclass(slots=True, kw_only=True)
class Options:
    """The flags, with the official tool's defaults.

    Args:
        use_xnnpack: ``None`` (not given) leaves the choice to the runtime, which applies it.
        input_layer_value_files: tensor name to a file of exactly its raw bytes.
        run_delay: seconds slept before each run but a phase's first; not timed.
    """

    graph: str = ""
    num_threads: int = -1
    num_runs: int = 50
    min_secs: float = 1.0
    max_secs: float = 150.0
    warmup_runs: int = 1
    warmup_min_secs: float = 0.5
    run_delay: float = -1.0
    use_xnnpack: bool | None = None
    input_layer_value_files: dict[str, str] = field(default_factory=dict)
    output_filepath: str = ""
    dry_run: bool = False


def _boolean(text: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text in ("true", "1")


def _value_files(text: str) -> dict[str, str]:
    found = {}
    for item in text.split(","):
        match = re.fullmatch(r"((?:[^:]|::)+):([^:].*)", item)
        if match is None:
            raise ValueError(item)
        found[match[1].replace("::", ":")] = match[2]
    return found


_READERS: dict[str, Callable[[str], object]] = {
    "graph": str,
    "num_threads": int,
    "num_runs": int,
    "min_secs": float,
    "max_secs": float,
    "warmup_runs": int,
    "warmup_min_secs": float,
    "run_delay": float,
    "use_xnnpack": _boolean,
    "input_layer_value_files": _value_files,
    "output_filepath": str,
    "dry_run": _boolean,
}


def parse(arguments: Sequence[str]) -> Options:
    """Returns the options that ``--name=value`` arguments give.

    Raises:
        RunnerError: an argument is unknown, repeated or malformed, or there is no graph.
    """
    options = Options()
    seen: set[str] = set()
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not equals or name not in _READERS:
            raise RunnerError(f"unknown flag {argument!r}: flags are --name=value")
        if name in seen:
            raise RunnerError(f"flag --{name} is given twice")
        seen.add(name)
        try:
            setattr(options, name, _READERS[name](value))
        except ValueError as error:
            raise RunnerError(f"flag --{name} cannot be {value!r}") from error
    if not options.graph:
        raise RunnerError("no model: give --graph=FILE.tflite")
    if options.num_threads == 0 or options.num_threads < -1:
        raise RunnerError("flag --num_threads is a positive number, or -1 for the runtime's choice")
    return options


class Interpreter:
    """A loaded and allocated graph with its inputs ready; ``init_us`` is what that took."""

    def __init__(self, options: Options) -> None:
        try:
            from ai_edge_litert import interpreter as litert
        except ImportError as error:
            raise RunnerError("ai-edge-litert is not installed") from error
        if not Path(options.graph).is_file():
            raise RunnerError(f"no such model: {options.graph}")
        resolver = litert.OpResolverType.AUTO
        if options.use_xnnpack is False:
            resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        threads = None if options.num_threads == -1 else options.num_threads
        try:
            start_ns = time.perf_counter_ns()
            self._litert = litert.Interpreter(
                model_path=options.graph,
                num_threads=threads,
                experimental_op_resolver_type=resolver,
            )
            self._litert.allocate_tensors()
            self.init_us = (time.perf_counter_ns() - start_ns) / 1000
        except (ValueError, RuntimeError) as error:
            raise RunnerError(
                f"cannot load {options.graph}: {' '.join(str(error).split())}"
            ) from error
        details = self._litert.get_input_details()
        self._inputs = list(_inputs(details, options.input_layer_value_files))

    def run(self) -> tuple[float, float]:
        """Returns the wall time and this thread's CPU time of one inference, both in us."""
        for index, value in self._inputs:
            self._litert.set_tensor(index, value)
        cpu_ns = time.thread_time_ns()
        wall_ns = time.perf_counter_ns()
        try:
            self._litert.invoke()
        except (ValueError, RuntimeError) as error:
            raise RunnerError(f"inference failed: {' '.join(str(error).split())}") from error
        wall_ns = time.perf_counter_ns() - wall_ns
        return wall_ns / 1000, (time.thread_time_ns() - cpu_ns) / 1000

    def outputs(self) -> bytes:
        """Returns the raw bytes of all output tensors, one after the other."""
        details = self._litert.get_output_details()
        return b"".join(self._litert.get_tensor(detail["index"]).tobytes() for detail in details)

    def nodes(self) -> list[Node]:
        """Returns all nodes, the replaced ones and the delegate's."""
        return [
            Node(
                op=str(op["op_name"]),
                inputs=tuple(int(tensor) for tensor in op["inputs"]),
                outputs=tuple(int(tensor) for tensor in op["outputs"]),
            )
            for op in self._litert._get_ops_details()
        ]


def _inputs(
    details: list[dict[str, Any]], files: dict[str, str]
) -> Iterator[tuple[int, NDArray[Any]]]:
    unknown = set(files) - {str(detail["name"]) for detail in details}
    if unknown:
        raise RunnerError(f"the model has no input named {sorted(unknown)[0]!r}")
    random = np.random.default_rng(_INPUT_SEED)
    for detail in details:
        shape = tuple(int(size) for size in detail["shape"])
        dtype = np.dtype(detail["dtype"])
        name = str(detail["name"])
        if name in files:
            yield int(detail["index"]), _from_file(Path(files[name]), shape, dtype)
        else:
            yield int(detail["index"]), _random(random, name, shape, dtype)


def _from_file(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunnerError(f"cannot read the input file {path}: {error.strerror}") from error
    wanted_bytes = int(np.prod(shape)) * dtype.itemsize
    if len(content) != wanted_bytes:
        raise RunnerError(f"{path} has {len(content)} bytes, the input takes {wanted_bytes}")
    return np.frombuffer(content, dtype).reshape(shape)


def _random(
    random: np.random.Generator, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    if dtype.kind == "f":
        return random.uniform(*_FLOAT_RANGE, shape).astype(dtype)
    if dtype.kind in "iu":
        return random.integers(*_INT_RANGES.get(dtype.name, _INT_RANGE), shape).astype(dtype)
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(dtype)
    raise RunnerError(f"input {name!r} is {dtype}: give its bytes with --input_layer_value_files")


def _phase(
    interpreter: Interpreter, *, runs: int, min_s: float, max_s: float, delay_s: float
) -> tuple[list[float], list[float]]:
    wall_us: list[float] = []
    cpu_us: list[float] = []
    start_s = time.perf_counter()
    elapsed_s = 0.0
    while (len(wall_us) < runs or elapsed_s < min_s) and elapsed_s <= max_s:
        if delay_s > 0 and wall_us:
            time.sleep(delay_s)
        wall, cpu = interpreter.run()
        wall_us.append(wall)
        cpu_us.append(cpu)
        elapsed_s = time.perf_counter() - start_s
    return wall_us, cpu_us


def _peak_mb() -> float | None:
    # Not ru_maxrss: Linux carries the launcher's peak over exec. VmHWM starts anew.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(match[1]) / 1024 if match else None


def _memory_mb(*, start: float | None, init: float | None, end: float | None) -> dict[str, float]:
    # As the official tool: init and overall are growth of the peak; peak is the whole process.
    if start is None or init is None or end is None:
        return {}
    return {"init": init - start, "overall": end - start, "peak": end}


def _runtime() -> str:
    from ai_edge_litert import __version__  # asking the distribution takes 40 ms

    return f"ai-edge-litert {__version__}"


def _scheduling() -> dict[str, float | int | None]:
    running_us: float | None = None
    waiting_us: float | None = None
    try:
        counters = [
            [int(word) for word in path.read_text(encoding="ascii").split()]
            for path in Path("/proc/self/task").glob("*/schedstat")
        ]
        running_us = sum(each[0] for each in counters) / 1000
        waiting_us = sum(each[1] for each in counters) / 1000
    except (OSError, IndexError):
        pass  # a kernel without schedstat: unknown is null
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "run_queue_wait_us": waiting_us,
        "run_us": running_us,
        "voluntary_switches": usage.ru_nvcsw,
        "involuntary_switches": usage.ru_nivcsw,
    }


def measure(options: Options) -> dict[str, object]:
    """Returns what the JSON line says of one good run."""
    start_mb = _peak_mb()
    interpreter = Interpreter(options)
    init_mb = _peak_mb()
    warmup: list[float] = []
    wall: list[float] = []
    cpu: list[float] = []
    if not options.dry_run:
        gc.disable()
        limits = {"max_s": options.max_secs, "delay_s": options.run_delay}
        warmup, _ = _phase(
            interpreter, runs=options.warmup_runs, min_s=options.warmup_min_secs, **limits
        )
        wall, cpu = _phase(interpreter, runs=options.num_runs, min_s=options.min_secs, **limits)
        gc.enable()
    scheduling = _scheduling()
    memory_mb = _memory_mb(start=start_mb, init=init_mb, end=_peak_mb())
    if options.output_filepath:
        Path(options.output_filepath).write_bytes(interpreter.outputs())
    taken = partitions(interpreter.nodes())
    return {
        "tool": TOOL,
        "schema_version": SCHEMA_VERSION,
        "runtime": _runtime(),
        "graph": options.graph,
        "graph_sha256": sha256_file(Path(options.graph)),
        "num_threads": options.num_threads,
        "delegate": "xnnpack" if taken.partitions else "none",
        "nodes_total": taken.nodes_total,
        "nodes_delegated": taken.nodes_delegated,
        "partitions": taken.partitions,
        "dry_run": options.dry_run,
        "num_runs": options.num_runs,
        "init_us": interpreter.init_us,
        "warmup_us": warmup,
        "inference_us": wall,
        "cpu_us": cpu,
        "memory_mb": memory_mb,
        **scheduling,
    }


def _print(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")


def main() -> NoReturn:
    """Measures by ``sys.argv``, prints the JSON line, exits."""
    try:
        _print(measure(parse(sys.argv[1:])))
    except (RunnerError, OSError) as error:
        _print({"tool": TOOL, "schema_version": SCHEMA_VERSION, "error": str(error)})
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
