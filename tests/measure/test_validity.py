from dataclasses import replace

import pytest
from support.device_states import (
    FINE,
    FIXED,
    FREE,
    HIDDEN,
    PINNED,
    SUSTAINED,
    clock,
    sample,
    state,
    usage,
)

from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.core.device_state.state import Reading
from bench.core.device_state.telemetry import ClockTime, Telemetry
from bench.measure.conditions import HOST_LIMITS, Limits
from bench.measure.validity import caveats_of, once_each
from bench.plan.case import Case


def judged(telemetry: Telemetry, limits: Limits, case: Case = PINNED) -> tuple[Caveat, ...]:
    return caveats_of(telemetry, limits, case)


@pytest.mark.parametrize(
    ("telemetry", "expected"),
    [
        (
            replace(FINE, after=state(thermal_status=Reading(value=2.0))),
            Caveat(
                kind=CaveatKind.THROTTLED, evidence="after the process: thermal status moderate"
            ),
        ),
        (
            replace(FINE, before=state(thermal_overridden=Reading(value="true"))),
            Caveat(
                kind=CaveatKind.THERMAL_OVERRIDE,
                evidence="before the process: its thermal status was set by hand",
            ),
        ),
        (
            replace(FINE, after=state(battery_level_percent=Reading(value=24.0))),
            Caveat(
                kind=CaveatKind.BATTERY_LOW,
                evidence="after the process: battery at 24 %, below 25 %",
            ),
        ),
        (
            replace(FINE, before=state(low_power=Reading(value=1.0))),
            Caveat(kind=CaveatKind.BATTERY_LOW, evidence="before the process: battery saver is on"),
        ),
        (
            replace(FINE, after=state(screen=Reading(value="Asleep"))),
            Caveat(kind=CaveatKind.SCREEN_CHANGED, evidence="from Awake to Asleep"),
        ),
        (
            replace(
                FINE,
                before=state(screen=Reading(value="Asleep")),
                after=state(screen=Reading(value="Asleep")),
            ),
            Caveat(kind=CaveatKind.SCREEN_OFF, evidence="Asleep after the process"),
        ),
        (
            replace(FINE, before=state(screen=HIDDEN), after=state(screen=Reading(value="Dozing"))),
            Caveat(kind=CaveatKind.SCREEN_OFF, evidence="Dozing after the process"),
        ),
        (
            replace(FINE, after=state(clocks=(clock(1.5e6),))),
            Caveat(
                kind=CaveatKind.CAP_LOWERED,
                evidence="after the process: cores 4-5 may reach 1500 MHz of 2000 MHz",
            ),
        ),
        (
            replace(
                FINE, usage=usage(clocks=(ClockTime(cores=(4, 5), spent=((1e6, 0.3), (2e6, 0.7))),))
            ),
            Caveat(
                kind=CaveatKind.CLOCK_BELOW_CAP,
                evidence="cores 4-5 ran below 2000 MHz for 30% of 1.00 s",
            ),
        ),
        (
            replace(FINE, run_queue_wait_s=0.06),
            Caveat(
                kind=CaveatKind.CORE_STOLEN,
                evidence="it waited 60 ms for a core, 6% of its time",
            ),
        ),
        (
            replace(FINE, usage=usage(busy_s=Reading(value=1.3))),
            Caveat(
                kind=CaveatKind.CORE_STOLEN,
                evidence="others used 0.30 s of the 2.00 s of cores 4-5",
            ),
        ),
        (
            replace(
                FINE,
                after=state(thermal_status=HIDDEN, clocks=(), clocks_unavailable="no such file"),
            ),
            Caveat(
                kind=CaveatKind.STATE_HIDDEN,
                evidence="thermal status: Permission denied; clocks: no such file",
            ),
        ),
    ],
)
def test_each_state_has_its_caveat_with_evidence_in_units(
    telemetry: Telemetry, expected: Caveat
) -> None:
    assert judged(telemetry, Limits()) == (expected,)


def test_what_is_seen_within_a_process_is_judged_as_what_is_seen_around_it() -> None:
    fine = replace(FINE, samples=(sample(2.0), sample(4.1)))
    assert judged(fine, Limits()) == ()
    hot = (sample(2.0), sample(4.1, cap_khz=1.5e6, surface_c=38.24), sample(6.2, surface_c=39.0))
    assert judged(replace(FINE, samples=hot), Limits()) == (
        Caveat(
            kind=CaveatKind.THROTTLED,
            evidence="4.1 s into the process: battery or skin at 38.2 °C, above 37 °C",
        ),
        Caveat(
            kind=CaveatKind.CAP_LOWERED,
            evidence="4.1 s into the process: cores 4-5 may reach 1500 MHz of 2000 MHz",
        ),
    )
    assert judged(replace(FINE, samples=hot), HOST_LIMITS) == ()
    # Without a limit, and with what earlier versions stored, temperatures are not judged.
    warm = replace(FINE, samples=(sample(2.0, surface_c=60.0),))
    assert judged(warm, Limits(temp_c=None)) == ()


def test_within_a_process_the_skin_has_the_limit_of_the_phone_that_throttles_early() -> None:
    early = state(skin_light_c=Reading(value=36.0))
    warm = (sample(2.0, surface_c=34.5, skin_c=34.5), sample(4.1, surface_c=35.2, skin_c=34.0))
    telemetry = replace(FINE, before=early, after=early, samples=warm)
    assert judged(telemetry, Limits()) == (
        Caveat(
            kind=CaveatKind.THROTTLED,
            evidence="2.0 s into the process: skin at 34.5 °C, above 34 °C, "
            "2 °C below where it throttles",
        ),
    )
    late = state(skin_light_c=Reading(value=42.0))
    assert judged(replace(telemetry, before=late, after=late), Limits()) == ()
    assert judged(telemetry, Limits(temp_c=None)) == ()


def test_a_quiet_device_raises_no_caveat() -> None:
    assert judged(FINE, Limits()) == ()


def test_what_a_device_hides_is_not_held_against_it() -> None:
    dark = state(
        thermal_status=HIDDEN,
        thermal_overridden=HIDDEN,
        battery_level_percent=HIDDEN,
        screen=HIDDEN,
        low_power=HIDDEN,
    )
    telemetry = replace(
        FINE, before=dark, after=dark, usage=None, run_s=None, run_queue_wait_s=None
    )
    assert judged(telemetry, Limits()) == ()


def test_the_clocks_of_other_cores_count_for_nothing() -> None:
    other = state(clocks=(clock(), clock(5e5, cores=(0, 1))))
    assert judged(replace(FINE, after=other), Limits()) == ()


def test_fixed_clocks_are_held_to_what_they_were_when_the_session_began() -> None:
    pinned = state(clocks=(clock(1.5e6),))
    slow = usage(clocks=(ClockTime(cores=(4, 5), spent=((1e6, 0.5), (1.5e6, 0.5))),))
    telemetry = replace(FINE, before=pinned, after=pinned, caps_at_start_khz=((4, 1.5e6),))
    assert judged(telemetry, Limits(), FIXED) == ()
    (caveat,) = judged(replace(telemetry, usage=slow), Limits(), FIXED)
    assert caveat.kind is CaveatKind.CLOCK_BELOW_PIN
    assert caveat.effect is Effect.INVALIDATE
    lower = replace(telemetry, after=state(clocks=(clock(1.2e6),)), usage=None)
    assert [each.kind for each in judged(lower, Limits(), FIXED)] == [CaveatKind.CAP_LOWERED]


def test_ticks_are_too_coarse_for_a_short_process() -> None:
    short = usage(cpu_s=Reading(value=0.0), busy_s=Reading(value=0.1), cores_s=Reading(value=0.2))
    assert judged(replace(FINE, usage=short), Limits()) == ()


def test_without_pinning_others_may_have_the_other_cores() -> None:
    busy = replace(FINE, usage=usage(busy_s=Reading(value=2.0)))
    assert judged(busy, Limits(), FREE) == ()


def test_a_host_is_judged_by_nothing_of_this() -> None:
    worst = state(
        thermal_status=Reading(value=6.0),
        battery_level_percent=Reading(value=1.0),
        clocks=(clock(1.0),),
    )
    telemetry = replace(FINE, before=worst, after=worst, run_queue_wait_s=9.0)
    assert judged(telemetry, HOST_LIMITS) == ()


def test_heat_is_what_the_sustained_mode_measures() -> None:
    warm = state(thermal_status=Reading(value=1.0), clocks=(clock(1e6),))
    hot = replace(FINE, before=warm, after=warm, samples=(sample(2.0, surface_c=50.0),))
    assert judged(hot, Limits(), SUSTAINED) == ()
    assert [each.kind for each in judged(hot, Limits())] == [
        CaveatKind.THROTTLED, CaveatKind.CAP_LOWERED,
    ]  # fmt: skip


def test_a_process_may_end_warmer_than_the_next_one_may_begin() -> None:
    warm = replace(FINE, after=state(skin_temp_c=Reading(value=37.3)))
    assert judged(warm, Limits()) == ()


def test_a_process_without_snapshots_raises_no_caveat() -> None:
    assert judged(Telemetry(run_s=1.0, run_queue_wait_s=0.5), Limits()) == ()


def test_all_but_what_is_usual_on_phones_invalidates() -> None:
    notes = {CaveatKind.CLOCK_BELOW_CAP, CaveatKind.STATE_HIDDEN}
    kinds = {
        CaveatKind.THROTTLED, CaveatKind.THERMAL_OVERRIDE, CaveatKind.CAP_LOWERED,
        CaveatKind.CLOCK_BELOW_PIN, CaveatKind.CORE_STOLEN, CaveatKind.BATTERY_LOW,
        CaveatKind.SCREEN_CHANGED, *notes,
    }  # fmt: skip
    found = {kind: Caveat(kind=kind).effect for kind in kinds}
    assert {kind for kind, effect in found.items() if effect is Effect.NOTE} == notes
    assert set(found.values()) == {Effect.NOTE, Effect.INVALIDATE}


def test_the_caveats_of_many_processes_are_told_once_a_kind() -> None:
    low = Caveat(kind=CaveatKind.BATTERY_LOW, evidence="at 12 %, below 25 %")
    hot = Caveat(kind=CaveatKind.THROTTLED, evidence="thermal status light after the process")
    told = once_each([(low,), (), (hot, replace(low, evidence="at 11 %, below 25 %"))])
    assert told == (
        replace(low, evidence="in 2 of 3 processes, the first: at 12 %, below 25 %"),
        replace(
            hot, evidence="in 1 of 3 processes, the first: thermal status light after the process"
        ),
    )


@pytest.mark.parametrize(
    ("cpu_s", "busy_s", "case", "limits", "is_elsewhere"),
    [
        (1.0, 0.1, PINNED, Limits(), True),
        (1.0, 0.0, PINNED, Limits(), True),
        (1.0, 0.96, PINNED, Limits(), False),  # ticks are coarse
        (0.2, 0.0, PINNED, Limits(), False),  # too short to count
        (1.0, 0.1, FREE, Limits(), False),
        (1.0, 0.1, PINNED, HOST_LIMITS, False),
        (None, 0.1, PINNED, Limits(), False),
        (1.0, None, PINNED, Limits(), False),
    ],
)
def test_a_process_that_its_cores_did_not_run_was_moved_to_others(
    cpu_s: float | None, busy_s: float | None, case: Case, limits: Limits, is_elsewhere: bool
) -> None:
    used = {
        name: HIDDEN if value is None else Reading(value=value)
        for name, value in (("cpu_s", cpu_s), ("busy_s", busy_s))
    }
    found = judged(replace(FINE, usage=usage(**used)), limits, case)
    words = "cores 4-5 were busy for 0.10 s of its 1.00 s of CPU time"
    if is_elsewhere:
        (caveat,) = found
        assert caveat.kind is CaveatKind.RAN_ELSEWHERE and caveat.effect is Effect.INVALIDATE
        assert caveat.evidence == words.replace("0.10", f"{busy_s:.2f}")
    else:
        assert found == ()
