"""Makes the sweep of a phone: stages files and tool, and plans the cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from bench.adb.phone import Phone
from bench.adb.staging import place_of, stage
from bench.adb.state.facts import Facts
from bench.core.hashing import sha256_file
from bench.flow.device.requests import RunRequest
from bench.flow.device.sweep import Sweep, cases_of_sides, every, refuse_short_timeout, runner_of
from bench.flow.phone.discovery import affinity, cores_left_out
from bench.flow.phone.tool import PhoneTools, stage_tool
from bench.measure.conditions import Limits
from bench.plan.case import Case, Delegate
from bench.plan.device import DeviceRecord, Kind
from bench.plan.suite import ALL_CORES, BIG_CORES, Suite, cases
from bench.tool.elf import Elf, check
from bench.tool.host import Tool
from device_profiles.device_profile import Profile


def _phone_device(facts: Facts) -> DeviceRecord:
    return DeviceRecord(
        kind=Kind.PHONE,
        name=f"{facts.model} ({facts.serial})",
        model=" ".join(filter(None, (facts.manufacturer, facts.model))),
        cpu=facts.soc,
        cores=len(facts.cores) or None,
        os_build=facts.fingerprint,
        abi=facts.abis[0] if facts.abis else "unknown",
        boot_id=facts.boot_id,
        serial=facts.serial,
        virtual=facts.virtual,
        cores_left_out=cores_left_out(facts),
    )


def phone_sweep(
    phone: Phone,
    facts: Facts,
    profile: Profile,
    run: RunRequest,
    tools: PhoneTools,
    *,
    limits: Limits,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    models: bool = True,
) -> Sweep:
    """Returns the sweep of a suite on a phone, after staging and verifying its files.

    Args:
        on_progress: takes the bytes that are on the phone, and the total.
        models: copy models too; without them nothing can run, but the commands are known.

    Raises:
        ConfigurationError: the tool is for other phones, or does not support the suite.
        DeviceError: the phone has no room, or the tool does not start there.
        TransientDeviceError: the phone was lost.
    """
    binary = tools.binary_for(facts)
    suite = run.suite
    tool = _staged_tool(phone, binary, facts)
    if run.library is not None:
        _check(run.library, facts)
    library_sha256 = None if run.library is None else sha256_file(run.library)
    others: dict[Path | None, Tool] = {
        path: _staged_tool(phone, path, facts)
        for path in dict.fromkeys(side.tool for side in run.sides if side.tool is not None)
    }
    known = frozenset.intersection(*(each.known_flags for each in (tool, *others.values())))
    if run.delegates_are_default and "use_xnnpack" not in known:
        suite = replace(suite, delegates=(Delegate.NONE,))
    files = {target.sha256: target.path for target in run.targets}
    files |= run.value_files
    files |= {each.sha256: path for path, each in others.items() if path is not None}
    files[tool.sha256] = binary
    if run.library is not None and library_sha256 is not None:
        files[library_sha256] = run.library
    places = {sha256: place_of(phone, path, sha256) for sha256, path in files.items()}
    device = _phone_device(facts)

    def make(suite: Suite, tool: Tool) -> tuple[Case, ...]:
        return cases(
            suite,
            run.targets,
            device=device,
            runner=runner_of(tool),
            tool_sha256=tool.sha256,
            affinity=lambda threads: _affinity(suite, facts, profile, threads),
            library_sha256=library_sha256,
        )

    sides = cases_of_sides(run, suite, {None: tool, **others}, make)
    sweep = Sweep(
        name=suite.name,
        cases=every(sides),
        sides=sides if run.sides else (),
        paths=files,
        device_paths=places,
        library=places.get(library_sha256 or ""),
        result_file=PurePosixPath(phone.folder) / "result.pb"
        if "result_file_path" in known
        else None,
        tool=tool,
        tools={each.sha256: each for each in others.values()},
        device=device,
        seed=suite.seed,
        timeout_s=run.timeout_s,
        limits=limits,
        caches=PurePosixPath(phone.folder),
        energy=suite.energy,
    )
    refuse_short_timeout(sweep.cases, run.timeout_s)
    if models:
        stage(phone, files, on_progress=on_progress)
    return sweep


def _staged_tool(phone: Phone, binary: Path, facts: Facts) -> Tool:
    """Returns a tool on the phone, to which it is pushed only if it can start there."""
    elf = _check(binary, facts)
    return stage_tool(phone, binary, elf, api_level=facts.sdk)


def _check(path: Path, facts: Facts) -> Elf | None:
    return check(
        path, abis=facts.program_abis, page_bytes=facts.page_bytes or 0, api_level=facts.sdk
    )


def _affinity(suite: Suite, facts: Facts, profile: Profile, threads: int) -> str | None:
    if suite.affinity == ALL_CORES:
        return None
    if suite.affinity not in (None, BIG_CORES):
        return suite.affinity
    return affinity(facts, profile, threads) if facts.taskset else None
