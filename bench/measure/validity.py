"""Validity of processes: caveats by their telemetry, never by their latency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bench.core import units
from bench.core.caveats import Caveat, CaveatKind
from bench.core.device_state.cores import list_cores
from bench.core.device_state.state import AWAKE
from bench.core.device_state.telemetry import Telemetry, Usage
from bench.measure.conditions import (
    ClockRule,
    Condition,
    ConditionKind,
    Limits,
    assess,
    assess_sample,
    hides_heat_and_clocks,
)
from bench.plan.case import Case, Mode

_ELSEWHERE_RATIO = 0.5
_MIN_CORE_S = 0.3  # the least time per core, because the kernel counts in hundredths of a second
_CAVEATS = {
    ConditionKind.THROTTLED: CaveatKind.THROTTLED,
    ConditionKind.HOT: CaveatKind.THROTTLED,
    ConditionKind.STATUS_MADE_UP: CaveatKind.THERMAL_OVERRIDE,
    ConditionKind.LOW_BATTERY: CaveatKind.BATTERY_LOW,
    ConditionKind.BATTERY_SAVER: CaveatKind.BATTERY_LOW,
    ConditionKind.CAPPED_CLOCKS: CaveatKind.CAP_LOWERED,
    ConditionKind.STANDING_CAP: CaveatKind.CAP_STANDS,
}


def caveats_of(telemetry: Telemetry, limits: Limits, case: Case) -> tuple[Caveat, ...]:
    """Returns the caveats of a process; none if no states were read.

    A value that a device hides does not raise a caveat.
    """
    if telemetry.before is None or telemetry.after is None:
        return ()
    limits = _limits_in(case.protocol.mode, limits)
    cores = (telemetry.cores or ()) if case.affinity is not None else ()
    at_start_khz = dict(telemetry.caps_at_start_khz)
    clock_rule = ClockRule(
        cores=cores,
        pinned_khz=at_start_khz if case.fixed_performance else None,
        standing_khz=at_start_khz if telemetry.cool_at_start else {},
    )
    return (
        *_conditions(telemetry, limits, clock_rule),
        *_screen(telemetry),
        *_below_cap(telemetry, limits, clock_rule),
        *_interference(telemetry, limits, cores),
        *_elsewhere(telemetry.usage, limits, cores),
        *_hidden(telemetry, limits),
    )


def once_each(processes: Sequence[Sequence[Caveat]]) -> tuple[Caveat, ...]:
    """Returns one caveat per kind; its evidence has the number of processes and the first one's."""
    by_kind: dict[CaveatKind, list[Caveat]] = {}
    for caveats in processes:
        for caveat in caveats:
            by_kind.setdefault(caveat.kind, []).append(caveat)
    return tuple(
        Caveat(
            kind=kind,
            evidence=f"in {len(caveats)} of {len(processes)} processes, the first: "
            f"{caveats[0].evidence}",
        )
        for kind, caveats in by_kind.items()
    )


def _limits_in(mode: Mode, limits: Limits) -> Limits:
    match mode:
        case Mode.SUSTAINED:
            # That mode measures the effect of heat.
            return replace(
                limits, thermal_status=None, cap_ratio=None, below_cap_ratio=None, temp_c=None
            )
        case Mode.STREAMING | Mode.COLD:
            # These measure with clocks that fell in the pause, or have not risen yet.
            return replace(limits, below_cap_ratio=None)
        case _:
            return limits


def _conditions(telemetry: Telemetry, limits: Limits, clock_rule: ClockRule) -> Iterator[Caveat]:
    """Yields a caveat per kind; a repeated condition is given once, at its first moment."""
    evidence: dict[CaveatKind, dict[object, str]] = {}
    for moment, conditions in _moments(telemetry, limits, clock_rule):
        for condition in conditions:
            caveat_kind, subject = _CAVEATS[condition.kind], (condition.kind, condition.cores)
            texts = evidence.setdefault(caveat_kind, {})
            texts.setdefault(subject, f"{moment}: {condition.evidence}")
    for kind in dict.fromkeys(_CAVEATS.values()):
        if kind in evidence:
            yield Caveat(kind=kind, evidence="; ".join(evidence[kind].values()))


def _moments(
    telemetry: Telemetry, limits: Limits, clock_rule: ClockRule
) -> Iterator[tuple[str, Iterable[Condition]]]:
    # The temperature limit does not apply here: a run cools down to exactly that limit before a
    # process, which warms the device, and so would never be valid.
    for moment, state in (("before", telemetry.before), ("after", telemetry.after)):
        if state is not None:
            conditions = assess(state, replace(limits, temp_c=None), clock_rule)
            yield f"{moment} the process", conditions
    light_c = telemetry.before.skin_light_c.number if telemetry.before is not None else None
    for sample in telemetry.samples:
        conditions = assess_sample(sample, limits, clock_rule, skin_light_c=light_c)
        yield f"{sample.at_s:.1f} s into the process", conditions


def _screen(telemetry: Telemetry) -> Iterator[Caveat]:
    before, after = (
        state.screen.text if state is not None else None
        for state in (telemetry.before, telemetry.after)
    )
    if before and after and before != after:
        yield Caveat(kind=CaveatKind.SCREEN_CHANGED, evidence=f"from {before} to {after}")
    elif after and after != AWAKE:
        yield Caveat(kind=CaveatKind.SCREEN_OFF, evidence=f"{after} after the process")


def _below_cap(telemetry: Telemetry, limits: Limits, clock_rule: ClockRule) -> Iterator[Caveat]:
    if limits.below_cap_ratio is None or telemetry.usage is None or telemetry.after is None:
        return
    caps_khz = {clock.cores: clock.cap_khz.number for clock in telemetry.after.clocks}
    evidence = []
    for clock in telemetry.usage.clocks:
        cap_khz = caps_khz.get(clock.cores)
        whole_s = sum(seconds for _, seconds in clock.spent)
        below_s = sum(seconds for khz, seconds in clock.spent if khz < (cap_khz or 0))
        if cap_khz is None or not clock_rule.covers(clock.cores):
            continue
        if below_s > limits.below_cap_ratio * whole_s:
            evidence.append(
                f"cores {list_cores(clock.cores)} ran below {units.clock(cap_khz)} for "
                f"{below_s / whole_s:.0%} of {whole_s:.2f} s"
            )
    if evidence:
        pinned = clock_rule.pinned_khz is not None
        kind = CaveatKind.CLOCK_BELOW_PIN if pinned else CaveatKind.CLOCK_BELOW_CAP
        yield Caveat(kind=kind, evidence="; ".join(evidence))


def _interference(telemetry: Telemetry, limits: Limits, cores: tuple[int, ...]) -> Iterator[Caveat]:
    evidence = [*_core_wait(telemetry, limits), *_core_sharing(telemetry.usage, limits, cores)]
    if evidence:
        yield Caveat(kind=CaveatKind.CORE_STOLEN, evidence="; ".join(evidence))


def _core_wait(telemetry: Telemetry, limits: Limits) -> Iterator[str]:
    run_s, wait_s = telemetry.run_s, telemetry.run_queue_wait_s
    if limits.wait_ratio is None or not run_s or wait_s is None:
        return
    ratio = wait_s / (run_s + wait_s)
    if ratio > limits.wait_ratio:
        yield f"it waited {wait_s * 1e3:.0f} ms for a core, {ratio:.0%} of its time"


def _core_sharing(usage: Usage | None, limits: Limits, cores: tuple[int, ...]) -> Iterator[str]:
    if limits.others_ratio is None or not cores or usage is None:
        return
    cpu_s, busy_s, cores_s = usage.cpu_s.number, usage.busy_s.number, usage.cores_s.number
    if cpu_s is None or busy_s is None or cores_s is None:
        return
    if cores_s < _MIN_CORE_S * len(cores):
        return
    others_s = busy_s - cpu_s
    if others_s > limits.others_ratio * cores_s:
        yield f"others used {others_s:.2f} s of the {cores_s:.2f} s of cores {list_cores(cores)}"


def _elsewhere(usage: Usage | None, limits: Limits, cores: tuple[int, ...]) -> Iterator[Caveat]:
    """Yields the caveat of a process that used more CPU time than its pinned cores were busy.

    A kernel that isolates a core moves its processes away and leaves their mask as it was.
    """
    if limits.others_ratio is None or not cores or usage is None:
        return
    cpu_s, busy_s = usage.cpu_s.number, usage.busy_s.number
    if cpu_s is None or busy_s is None or cpu_s < _MIN_CORE_S:
        return
    if busy_s < _ELSEWHERE_RATIO * cpu_s:
        yield Caveat(
            kind=CaveatKind.RAN_ELSEWHERE,
            evidence=f"cores {list_cores(cores)} were busy for {busy_s:.2f} s of its "
            f"{cpu_s:.2f} s of CPU time",
        )


def _hidden(telemetry: Telemetry, limits: Limits) -> Iterator[Caveat]:
    after = telemetry.after
    if (limits.thermal_status is None and limits.cap_ratio is None) or after is None:
        return
    if hides_heat_and_clocks(after):
        yield Caveat(
            kind=CaveatKind.STATE_HIDDEN,
            evidence=f"thermal status: {after.thermal_status.unavailable}; "
            f"clocks: {after.clocks_unavailable}",
        )
