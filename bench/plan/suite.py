"""Suites: measurement plans in YAML, and the cases that they give."""

from __future__ import annotations

import fnmatch
import glob
import math
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import assert_never

from bench.core import config
from bench.core.artifact import Artifact, Format, check_visible, manifests
from bench.core.errors import ConfigurationError, ModelFileError
from bench.core.hashing import sha256_file
from bench.plan.case import PROFILED, Case, Delegate, Mode, Protocol, Runner
from bench.plan.device import DeviceRecord
from bench.plan.inputs import ChosenSignature, GivenInput, InputFlags, parse

GATE = "frill-bench gate"  # the suite name of gates' sessions, which reports leave out
ALL_CORES = "all"
BIG_CORES = "big"
# A sustained curve has a point per slice: at least so many slices, none longer than this.
_SLICE_S = 10.0
_SLICES = 12
_METERED_S = 10.0  # of a stream, so that a meter is read several times in each process
_MAGIC = b"TFL3"  # at byte 4 of every TFLite flatbuffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A measurement plan.

    Args:
        models: names or patterns of the zoo's artifacts (``NAME`` or ``NAME.FORMAT``, with ``*``
            and ``?``), or paths of .tflite files relative to the suite's file.
        formats: only these formats of the zoo's artifacts; empty for all.
        delegates, threads: each delegate is measured with each number of threads.
        affinity: mask of cores as ``taskset`` takes it, ``all``, or ``big`` for the fastest cores
            of a phone that suffice for the threads; by default ``big`` on phones, ``all`` on hosts.
        external_delegate: library of the delegate ``external``. A suite names it; it is loaded only
            if the command line gives its path.
        external_delegate_options: its options, as ``key:value;key2:value2``.
        require_full_delegation: a delegate that leaves a node is a failure.
        fixed_performance: phones are in Android's fixed performance mode.
        warm_cache: on phones a first process writes the delegate's cache, which all others may
            read: XNNPACK's packed weights, or the programs of the GPU or of NNAPI.
        op_profile, peak_memory: also run each case once for its time by operator, and once for its
            memory, in separate processes that do not count for the latency.
        conventional: also run each case with benchmark_model's defaults, one process of 50 runs.
        streaming: also time each case with a pause of the model's hop before each inference.
        cold: also time the first inference of new processes.
        sustained_min: also run each case at the end without a pause for this time, in minutes.
        energy: read a phone's energy meter while it streams or is sustained.
        input_shape, input_value_range, input_value_file, signature: as the flags of these names;
            files are relative to the suite's file.
        seed: seed of the order of the processes.
    """

    name: str
    models: tuple[str, ...]
    formats: tuple[Format, ...] = ()
    delegates: tuple[Delegate, ...] = (Delegate.XNNPACK,)
    threads: tuple[int, ...] = (1,)
    affinity: str | None = None
    external_delegate: str | None = None
    external_delegate_options: str = ""
    require_full_delegation: bool = False
    fixed_performance: bool = False
    warm_cache: bool = False
    op_profile: bool = False
    peak_memory: bool = False
    conventional: bool = False
    streaming: bool = False
    cold: bool = False
    sustained_min: float = 0.0
    energy: bool = False
    input_shape: tuple[str, ...] = ()
    input_value_range: tuple[str, ...] = ()
    input_value_file: tuple[str, ...] = ()
    signature: str | None = None
    protocol: Protocol = field(default_factory=Protocol)
    seed: int = 1

    def __post_init__(self) -> None:
        for key, entries in (
            ("models", self.models),
            ("delegates", self.delegates),
            ("threads", self.threads),
        ):
            if not entries:
                raise ConfigurationError(f"{key}: is empty", hint=f"give {key} an entry")
        if Delegate.UNKNOWN in self.delegates:
            raise ConfigurationError(
                "delegates: unknown is that of an imported log",
                hint="name one that a tool can be asked for",
            )
        if min(self.threads) < 1:
            raise ConfigurationError(
                f"threads: {min(self.threads)} is below 1", hint="count threads from 1"
            )
        if self.affinity is not None:
            check_affinity(self.affinity)
        if not (math.isfinite(self.sustained_min) and self.sustained_min >= 0):
            raise ConfigurationError(
                f"sustained_min: {self.sustained_min:g} is not a duration",
                hint="give minutes, from 0",
            )
        if (Delegate.EXTERNAL in self.delegates) != (self.external_delegate is not None):
            raise ConfigurationError(
                "external_delegate: the delegate external and its library need each other",
                hint="give both, or neither",
            )
        if self.energy and not (self.streaming or self.sustained_min):
            raise ConfigurationError(
                "energy: is read in the modes streaming and sustained, and neither is asked for",
                hint="add --streaming or --sustained MIN",
            )
        self.inputs()  # raises what is wrong with them

    def inputs(self, beside: Path = Path()) -> InputFlags:
        """Returns what it gives the inputs of its models.

        Args:
            beside: the folder that paths of files are relative to.
        """
        try:
            asked = parse(
                shapes=self.input_shape,
                ranges=self.input_value_range,
                files=self.input_value_file,
                signature=self.signature,
            )
        except ConfigurationError as error:  # it names the flag
            flag, _, rest = error.message.partition(" ")
            key = flag.removeprefix("--").replace("-", "_")
            raise ConfigurationError(f"{key} {rest}", hint=error.hint) from error
        return replace(asked, files={name: beside / path for name, path in asked.files.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A file to be timed, and its manifest where it has one.

    Args:
        given_inputs, signature: as of its cases.
    """

    path: Path
    sha256: str
    artifact: Artifact | None
    given_inputs: tuple[GivenInput, ...] = ()
    signature: ChosenSignature | None = None

    @property
    def name(self) -> str:
        """Its name in tables."""
        if self.artifact is None:
            return self.path.stem
        return f"{self.artifact.name}.{self.artifact.format}"


def host_suite() -> Suite:
    """Returns the suite that ``run --host`` uses when none is given."""
    return _load_packaged("host.yaml")


def phone_suite() -> Suite:
    """Returns the suite that ``run`` uses on phones when none is given."""
    return _load_packaged("phone.yaml")


def _load_packaged(name: str) -> Suite:
    with resources.as_file(resources.files("bench.plan.suites").joinpath(name)) as path:
        return config.load(path, Suite)


def bare_target(path: Path) -> Target:
    """Returns a .tflite file, with the manifest beside it if there is one.

    Raises:
        ConfigurationError: the file does not exist, or is not the one of its manifest.
        ModelFileError: it is not a TFLite model.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(8)[4:]
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="check the path") from error
    check_visible(path.name, "file")
    if magic != _MAGIC:
        raise ModelFileError(f"{path}: not a TFLite model", hint="give a .tflite file")
    sha256 = sha256_file(path)
    manifest = path.with_suffix(".json")
    if not manifest.is_file():
        return Target(path=path, sha256=sha256, artifact=None)
    artifact = config.load(manifest, Artifact)
    if artifact.sha256 != sha256:
        raise ConfigurationError(
            f"{path}: its SHA-256 begins {sha256[:12]}, its manifest has {artifact.sha256[:12]}",
            hint="convert it again, or remove the manifest beside it",
        )
    return Target(path=path, sha256=sha256, artifact=artifact)


def zoo_targets(folder: Path) -> tuple[Target, ...]:
    """Returns all artifacts of a zoo folder, sorted by name; none if it does not exist.

    Raises:
        ConfigurationError: a file is missing, or is not the one of its manifest.
    """
    paths = [manifest.with_suffix(".tflite") for manifest in manifests(folder)]
    for path in paths:
        if not path.is_file():
            raise ConfigurationError(
                f"{path}: no such file, but {path.stem}.json exists",
                hint="convert or add it again, or remove the manifest",
            )
    return tuple(map(bare_target, paths))


def select(suite: Suite, zoo: Sequence[Target], *, beside: Path) -> tuple[Target, ...]:
    """Returns the files that the suite selects, each once; relative paths start at ``beside``.

    Raises:
        ConfigurationError: a name or pattern does not match, or a file is unusable.
    """
    selected: dict[str, Target] = {}
    for word in suite.models:
        targets = tuple(_matches(word, suite, zoo, beside))
        if not targets:
            names = [target.name for target in zoo]
            raise ConfigurationError(
                f"suite {suite.name}: no artifact fits {word!r}{config.near(word, names)}",
                hint="make artifacts with frill-bench convert, give their folder with --zoo DIR, "
                "or give files with --model",
            )
        for target in targets:
            selected.setdefault(target.sha256, target)
    return tuple(selected.values())


def _matches(word: str, suite: Suite, zoo: Sequence[Target], beside: Path) -> Iterator[Target]:
    if word.endswith(".tflite"):
        pattern = str(beside / word)
        # Path.glob refuses absolute patterns.
        names = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
        yield from (bare_target(Path(name)) for name in names)
        return
    for target in zoo:
        artifact = target.artifact
        if artifact is None or (suite.formats and artifact.format not in suite.formats):
            continue
        if any(fnmatch.fnmatchcase(name, word) for name in (artifact.name, target.name)):
            yield target


def cases(
    suite: Suite,
    targets: Sequence[Target],
    *,
    device: DeviceRecord,
    runner: Runner,
    tool_sha256: str,
    affinity: Callable[[int], str | None] = lambda threads: None,
    library_sha256: str | None = None,
) -> tuple[Case, ...]:
    """Returns the cases: every target with every delegate, number of threads and mode.

    Args:
        affinity: returns the mask of cores for a number of threads; ``None`` for all cores.
        library_sha256: of the external delegate's library.

    Raises:
        ConfigurationError: a target has no hop, which streaming needs.
    """
    timed = tuple(
        Case(
            artifact_sha256=target.sha256,
            device=device.key,
            runner=runner,
            tool_sha256=tool_sha256,
            delegate=delegate,
            threads=threads,
            affinity=affinity(threads),
            protocol=suite.protocol,
            given_inputs=target.given_inputs,
            signature=target.signature,
            full_delegation=suite.require_full_delegation and delegate is not Delegate.NONE,
            fixed_performance=suite.fixed_performance,
            warm_cache=suite.warm_cache,
            library_sha256=library_sha256 if delegate is Delegate.EXTERNAL else None,
            library_options=suite.external_delegate_options
            if delegate is Delegate.EXTERNAL
            else "",
        )
        for target in targets
        for delegate in dict.fromkeys(suite.delegates)
        for threads in dict.fromkeys(suite.threads)
    )
    hops_s = {target.sha256: _hop_s(target) for target in targets} if suite.streaming else {}
    return timed + tuple(
        replace(case, protocol=in_mode(suite, mode, hops_s.get(case.artifact_sha256, 0.0)))
        for mode, is_selected in (
            (Mode.CONVENTIONAL, suite.conventional),
            (Mode.OP_PROFILE, suite.op_profile),
            (Mode.PEAK_MEMORY, suite.peak_memory),
            (Mode.STREAMING, suite.streaming),
            (Mode.COLD, suite.cold),
            (Mode.SUSTAINED, suite.sustained_min > 0),
        )
        for case in timed
        if is_selected
    )


def in_mode(suite: Suite, mode: Mode, hop_s: float = 0.0) -> Protocol:
    """Returns the protocol of a suite in another mode; ``hop_s`` is for streaming."""
    protocol = replace(suite.protocol, mode=mode)
    match mode:
        case Mode.CONVENTIONAL:
            once = replace(_once(protocol), num_runs=50, min_secs=1.0)
            return replace(once, warmup_runs=1, warmup_min_secs=0.5)  # the official tool's defaults
        case Mode.OP_PROFILE:  # enough for an interval, where so many are measured
            return replace(_once(protocol), processes=min(protocol.processes, PROFILED))
        case Mode.PEAK_MEMORY:
            return _once(protocol)
        case Mode.STREAMING:
            least_s = _METERED_S if suite.energy else 0.0
            warmup_s = max(protocol.warmup_min_secs, min(least_s, protocol.max_secs))
            return replace(protocol, run_delay_s=hop_s, warmup_min_secs=warmup_s)
        case Mode.COLD:
            return replace(protocol, num_runs=1, min_secs=0, warmup_runs=0, warmup_min_secs=0)
        case Mode.SUSTAINED:
            total_s = 60 * suite.sustained_min
            slice_s = min(_SLICE_S, total_s / _SLICES)
            return replace(
                _once(protocol),
                processes=math.ceil(total_s / slice_s),
                num_runs=1,
                min_secs=slice_s,
                max_secs=max(protocol.max_secs, 2 * slice_s),
                warmup_runs=1,
                warmup_min_secs=0,
            )
        case Mode.BACK_TO_BACK | Mode.BLOCK | Mode.OUTPUT_CHECK | Mode.PROBE:
            return protocol
        case _:
            assert_never(mode)


def _once(protocol: Protocol) -> Protocol:
    return replace(protocol, processes=1, ci_width=None, max_processes=None)


def _hop_s(target: Target) -> float:
    hop_s = None if target.artifact is None else target.artifact.hop_s
    if not hop_s:
        raise ConfigurationError(
            f"{target.path}: it has no hop, which the streaming mode needs",
            hint="add it to the zoo: frill-bench zoo add FILE --hop-s S",
        )
    return hop_s


def check_affinity(text: str) -> None:
    """Checks that a text is an affinity: a mask of cores, ``big`` or ``all``.

    Raises:
        ConfigurationError: it is not.
    """
    is_mask = set(text) <= set(string.hexdigits) and bool(text.strip("0"))
    if text not in (ALL_CORES, BIG_CORES) and not is_mask:
        raise ConfigurationError(
            f"affinity: {text!r} is not a hex mask of at least one core, such as f0",
            hint="write the mask as taskset takes it, such as f0, or big or all",
        )
