"""A sweep: the cases of a suite on one device with one tool, and the command of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from bench.core.errors import ConfigurationError
from bench.flow.device.derived import key_of
from bench.flow.device.requests import RunRequest, SideRequest
from bench.measure.conditions import HOST_LIMITS, Limits
from bench.plan.case import Case, Delegate, Mode, Runner
from bench.plan.device import DeviceRecord
from bench.plan.inputs import GivenInput
from bench.plan.order import Planned, Wants, plan, rounds
from bench.plan.suite import Suite
from bench.tool.flags import Cache, Flags, Program, program
from bench.tool.host import Tool, time_limit_s
from bench.tool.input_flags import Input

_RECOVERABLE_RUNS = (
    3  # the official tool's raw values can be computed from its statistics up to here
)
_WITH_CACHE = (Delegate.XNNPACK, Delegate.GPU, Delegate.NNAPI)
_TOKEN = 16  # characters of a cache's key
_OF_THE_INTERPRETER = (Delegate.XNNPACK, Delegate.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The cases of a suite on one device with one tool.

    Args:
        paths: SHA-256 of each file that the tool needs, to its path on this machine.
        seed: of the order of the processes.
        sides: of a gate whose sides are measured in different ways, the cases of each, which are
            among ``cases``.
        tools: by SHA-256, the tools that some cases are measured with instead of ``tool``.
        copies: by SHA-256 of a file, the copy that our runner measures because it has no flags for
            shapes and signatures.
        device_paths: the same files to their paths on the device; empty for this machine.
        library: path of the external delegate's library on the device.
        result_file: where the tool writes its result proto; ``None`` where it cannot.
        timeout_s: kill a process after this time, instead of a limit from its protocol.
        limits: a device state outside them makes a process invalid.
        caches: folder on the device for the delegates' caches; ``None`` for this machine.
        energy: whether the device's energy meter is read in the modes that need it.
    """

    name: str
    cases: tuple[Case, ...]
    paths: Mapping[str, Path]
    tool: Tool
    device: DeviceRecord
    seed: int
    sides: tuple[tuple[Case, ...], ...] = ()
    tools: Mapping[str, Tool] = field(default_factory=dict)
    copies: Mapping[str, Path] = field(default_factory=dict)
    device_paths: Mapping[str, PurePath] = field(default_factory=dict)
    library: PurePath | None = None
    result_file: PurePath | None = None
    timeout_s: float | None = None
    limits: Limits = HOST_LIMITS
    caches: PurePath | None = None
    energy: bool = False

    def planned(self) -> tuple[Planned, ...]:
        """Returns all planned processes, in order, without repeats."""
        return plan(self.cases, seed=self.seed)

    def rounds(self, wants: Wants) -> Iterator[Planned]:
        """Yields the processes that ``wants`` accepts, in order."""
        return rounds(self.cases, seed=self.seed, wants=wants)

    def command(self, case: Case) -> tuple[str, ...]:
        """Returns the command line of one process of ``case``.

        Raises:
            ConfigurationError: the tool cannot do what the case asks for.
        """
        protocol = case.protocol
        exact = protocol.num_runs <= _RECOVERABLE_RUNS and protocol.min_secs == 0
        exact = exact or protocol.mode.is_statistics
        if case.runner is not Runner.LITERT_PYTHON and not exact:
            raise ConfigurationError(
                "the official tool prints statistics only: the raw values of more "
                f"than {_RECOVERABLE_RUNS} runs cannot be computed from them",
                hint=f"at most --num-runs {_RECOVERABLE_RUNS} with --min-secs 0 (num_runs and "
                "min_secs of the suite's protocol); for more evidence --processes N, for one "
                "process of fifty runs --conventional",
            )
        if case.runner is Runner.LITERT_PYTHON and (
            case.delegate not in _OF_THE_INTERPRETER
            or protocol.mode in (Mode.OP_PROFILE, Mode.PEAK_MEMORY)
        ):
            raise ConfigurationError(
                f"the LiteRT runner does not support {case.delegate} in the mode {protocol.mode}",
                hint="give a build of the official tool: --benchmark-binary PATH",
            )
        if case.warm_cache and case.delegate not in _WITH_CACHE:
            raise ConfigurationError(
                f"delegate={case.delegate} has no cache that a process could write or read",
                hint="measure without --warm-cache, or with delegate xnnpack, gpu or nnapi (the "
                "virtual handset's tool has none of them)",
            )
        return self.tool_of(case).command(self.flags(case))

    def writing_command(self, case: Case) -> tuple[str, ...]:
        """Returns the command of the process that writes the cache of ``case``: one inference."""
        flags = replace(self.flags(case), num_runs=1, min_secs=0.0, result_file=None)
        flags = replace(flags, warmup_runs=0, warmup_min_secs=0.0, run_delay_s=-1.0)
        flags = replace(flags, enable_op_profiling=False, report_peak_memory_footprint=False)
        return self.tool_of(case).command(flags)

    def cache_of(self, case: Case) -> Cache | None:
        """Returns the cache that the processes of ``case`` read; ``None`` if they have none."""
        if not case.warm_cache or self.caches is None:
            return None
        token = case.cache_key[:_TOKEN]
        return Cache(folder=self.caches / f"cache-{token}", token=token)

    def tool_of(self, case: Case) -> Tool:
        """Returns the tool that ``case`` is measured with."""
        return self.tools.get(case.tool_sha256, self.tool)

    def limit_s(self, case: Case) -> float:
        """Returns the time after which a process of ``case`` is killed."""
        limit_s = time_limit_s(case.protocol.max_secs)
        # The user's --timeout is about what is measured, not about the probe between.
        return limit_s if case.protocol.mode is Mode.PROBE else self.timeout_s or limit_s

    def flags(self, case: Case) -> Flags:
        """Returns the flags of one process of ``case``."""
        protocol = case.protocol
        external = case.delegate is Delegate.EXTERNAL
        given = case.given_inputs if any(each.needs_flags for each in case.given_inputs) else ()
        return Flags(
            graph=self.copies.get(case.artifact_sha256) or self._path(case.artifact_sha256),
            inputs=tuple(self._input(case, each) for each in given),
            signature=case.signature.key if case.signature else "",
            signature_is_first=case.signature is None or case.signature.graph == 0,
            use_xnnpack=case.delegate is Delegate.XNNPACK,
            use_gpu=case.delegate is Delegate.GPU,
            use_nnapi=case.delegate is Delegate.NNAPI,
            external_delegate=self.library if external else None,
            external_delegate_options=case.library_options,
            require_full_delegation=case.full_delegation,
            enable_op_profiling=protocol.mode is Mode.OP_PROFILE,
            report_peak_memory_footprint=protocol.mode is Mode.PEAK_MEMORY,
            result_file=self.result_file,
            num_threads=case.threads,
            num_runs=protocol.num_runs,
            min_secs=protocol.min_secs,
            max_secs=protocol.max_secs,
            warmup_runs=protocol.warmup_runs,
            warmup_min_secs=protocol.warmup_min_secs,
            run_delay_s=protocol.run_delay_s,
            affinity=case.affinity,
            cache=self.cache_of(case),
        )

    def _path(self, sha256: str) -> PurePath:
        return self.device_paths.get(sha256, self.paths[sha256])

    def _input(self, case: Case, given: GivenInput) -> Input:
        limits = _range(given)
        values = given.values_sha256
        if limits is not None and case.runner is Runner.LITERT_PYTHON:
            values, limits = key_of(given), None
        path = None if values is None else self._path(values)
        return Input(name=given.name, shape=given.shape, path=path, value_range=limits)


def _range(given: GivenInput) -> tuple[float, float] | None:
    return None if given.low is None or given.high is None else (given.low, given.high)


def refuse_short_timeout(cases: Sequence[Case], timeout_s: float | None) -> None:
    """Checks that a process of every case can end within the user's ``--timeout``.

    Raises:
        ConfigurationError: one cannot.
    """
    longest = max((case.protocol for case in cases), key=lambda each: each.min_s, default=None)
    if timeout_s is None or longest is None or timeout_s > longest.min_s:
        return
    raise ConfigurationError(
        f"--timeout {timeout_s:g}: a process of the mode {longest.mode} warms up and measures for "
        f"at least {longest.min_s:g} s, and would be killed",
        hint=f"give more than {longest.min_s:g} s and the time to load the model, or leave out "
        "--timeout",
    )


def cases_of_sides(
    run: RunRequest,
    suite: Suite,
    tools: Mapping[Path | None, Tool],
    make: Callable[[Suite, Tool], tuple[Case, ...]],
) -> tuple[tuple[Case, ...], ...]:
    """Returns the cases of each side of a gate; of one side where all are measured alike.

    Args:
        tools: by the paths that sides name; ``None`` is the tool of all others.
        make: returns the cases of a suite that is measured with a tool.
    """
    sides = run.sides or (SideRequest(),)
    return tuple(make(side.suite(suite), tools[side.tool]) for side in sides)


def every(sides: Sequence[tuple[Case, ...]]) -> tuple[Case, ...]:
    """Returns the cases of all sides, each once."""
    return tuple(dict.fromkeys(case for side in sides for case in side))


def runner_of(tool: Tool) -> Runner:
    """Returns which runner a tool's cases belong to."""
    if tool.binary is None:
        return Runner.LITERT_PYTHON
    compiled = program(tool.known_flags) is Program.COMPILED_MODEL
    return Runner.COMPILED_MODEL if compiled else Runner.BENCHMARK_MODEL
