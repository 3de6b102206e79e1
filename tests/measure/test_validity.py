from dataclasses import replace

import pytest

from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.core.state import Clock, ClockTime, Reading, Sample, Spent, State
from bench.measure.validity import OF_HOSTS, Around, Bounds, caveats_of, once_each

HIDDEN = Reading(unavailable="Permission denied")


def clock(cap_khz: float = 2e6, *, cores: tuple[int, ...] = (4, 5)) -> Clock:
    return Clock(
        cores=cores,
        governor=Reading(value="schedutil"),
        now_khz=Reading(value=1e6),
        cap_khz=Reading(value=cap_khz),
        max_khz=Reading(value=2e6),
    )


QUIET = State(
    battery_level_percent=Reading(value=80.0),
    battery_temp_c=Reading(value=28.0),
    battery_status=Reading(value="charging"),
    plugged=Reading(value="usb"),
    thermal_status=Reading(value=0.0),
    thermal_overridden=Reading(value="false"),
    skin_temp_c=Reading(value=30.0),
    cpu_temp_c=Reading(value=40.0),
    zones=(),
    zones_unavailable="Permission denied",
    clocks=(clock(),),
    clocks_unavailable=None,
    load=Reading(value=0.1),
    cpu_pressure_percent=Reading(value=0.0),
    memory_available_bytes=Reading(value=1e9),
    free_bytes=Reading(value=1e9),
    screen=Reading(value="Awake"),
    low_power=Reading(value=0.0),
)
SPENT = Spent(
    cpu_s=Reading(value=1.0),
    busy_s=Reading(value=1.1),
    cores_s=Reading(value=2.0),
    clocks=(ClockTime(cores=(4, 5), spent=((1e6, 0.05), (2e6, 0.95))),),
    clocks_unavailable=None,
)
FINE = Around(
    before=QUIET, after=QUIET, spent=SPENT, cores=(4, 5), run_s=1.0, wait_s=0.01, fixed_clock=False
)


def state(**changed: object) -> State:
    return replace(QUIET, **changed)  # type: ignore[arg-type]  # fields of State


def spent(**changed: object) -> Spent:
    return replace(SPENT, **changed)  # type: ignore[arg-type]  # fields of Spent


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (
            replace(FINE, after=state(thermal_status=Reading(value=2.0))),
            Caveat(kind=CaveatKind.THROTTLED, evidence="thermal status moderate after the process"),
        ),
        (
            replace(FINE, before=state(thermal_overridden=Reading(value="true"))),
            Caveat(kind=CaveatKind.THERMAL_OVERRIDE, evidence="before the process"),
        ),
        (
            replace(FINE, after=state(battery_level_percent=Reading(value=24.0))),
            Caveat(kind=CaveatKind.BATTERY_LOW, evidence="at 24 %, below 25 %"),
        ),
        (
            replace(FINE, before=state(low_power=Reading(value=1.0))),
            Caveat(kind=CaveatKind.BATTERY_LOW, evidence="battery saver is on"),
        ),
        (
            replace(FINE, after=state(screen=Reading(value="Asleep"))),
            Caveat(kind=CaveatKind.SCREEN_CHANGED, evidence="from Awake to Asleep"),
        ),
        (
            replace(FINE, after=state(clocks=(clock(1.5e6),))),
            Caveat(
                kind=CaveatKind.CAP_LOWERED, evidence="cores 4-5 may reach 1500 MHz of 2000 MHz"
            ),
        ),
        (
            replace(
                FINE, spent=spent(clocks=(ClockTime(cores=(4, 5), spent=((1e6, 0.3), (2e6, 0.7))),))
            ),
            Caveat(
                kind=CaveatKind.CLOCK_BELOW_CAP,
                evidence="cores 4-5 ran below 2000 MHz for 30% of 1.00 s",
            ),
        ),
        (
            replace(FINE, wait_s=0.06),
            Caveat(
                kind=CaveatKind.CORE_STOLEN,
                evidence="it waited 60 ms for a core, 6% of its time",
            ),
        ),
        (
            replace(FINE, spent=spent(busy_s=Reading(value=1.3))),
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
def test_each_state_has_its_doubt_with_evidence_in_units(around: Around, expected: Caveat) -> None:
    assert caveats_of(around, Bounds()) == (expected,)


def sample(at_s: float, *, cap_khz: float = 2e6, surface_c: float = 33.0) -> Sample:
    return Sample(
        at_s=at_s,
        clocks=(clock(cap_khz),),
        temp_c=Reading(value=70.0),
        surface_temp_c=Reading(value=surface_c),
    )


def test_what_is_seen_within_a_process_is_judged_as_what_is_seen_around_it() -> None:
    fine = replace(FINE, samples=(sample(2.0), sample(4.1)))
    assert caveats_of(fine, Bounds(temp_c=37.0)) == ()
    hot = (sample(2.0), sample(4.1, cap_khz=1.5e6, surface_c=38.24), sample(6.2, surface_c=39.0))
    assert caveats_of(replace(FINE, samples=hot), Bounds(temp_c=37.0)) == (
        Caveat(
            kind=CaveatKind.THROTTLED,
            evidence="battery or skin at 38.2 °C, above 37 °C, 4.1 s into the process",
        ),
        Caveat(
            kind=CaveatKind.CAP_LOWERED,
            evidence="cores 4-5 may reach 1500 MHz of 2000 MHz 4.1 s into the process",
        ),
    )
    assert caveats_of(replace(FINE, samples=hot), OF_HOSTS) == ()
    # Without a limit, and with what earlier versions stored, temperatures are not judged.
    warm = replace(FINE, samples=(sample(2.0, surface_c=60.0),))
    assert caveats_of(warm, Bounds()) == ()


def test_a_quiet_device_raises_no_doubt() -> None:
    assert caveats_of(FINE, Bounds()) == ()


def test_what_a_device_hides_is_not_held_against_it() -> None:
    dark = state(
        thermal_status=HIDDEN,
        thermal_overridden=HIDDEN,
        battery_level_percent=HIDDEN,
        screen=HIDDEN,
        low_power=HIDDEN,
    )
    around = replace(FINE, before=dark, after=dark, spent=None, run_s=None, wait_s=None)
    assert caveats_of(around, Bounds()) == ()


def test_the_clocks_of_other_cores_count_for_nothing() -> None:
    other = state(clocks=(clock(), clock(5e5, cores=(0, 1))))
    assert caveats_of(replace(FINE, after=other), Bounds()) == ()


def test_fixed_clocks_are_held_to_what_they_were_when_the_session_began() -> None:
    pinned = state(clocks=(clock(1.5e6),))
    slow = spent(clocks=(ClockTime(cores=(4, 5), spent=((1e6, 0.5), (1.5e6, 0.5))),))
    around = replace(
        FINE, before=pinned, after=pinned, fixed_clock=True, caps_at_start_khz={4: 1.5e6}
    )
    assert caveats_of(around, Bounds()) == ()
    (doubt,) = caveats_of(replace(around, spent=slow), Bounds())
    assert doubt.kind is CaveatKind.CLOCK_BELOW_PIN
    assert doubt.effect is Effect.INVALIDATE
    lower = replace(around, after=state(clocks=(clock(1.2e6),)), spent=None)
    assert [each.kind for each in caveats_of(lower, Bounds())] == [CaveatKind.CAP_LOWERED]


def test_ticks_are_too_coarse_for_a_short_process() -> None:
    short = spent(cpu_s=Reading(value=0.0), busy_s=Reading(value=0.1), cores_s=Reading(value=0.2))
    assert caveats_of(replace(FINE, spent=short), Bounds()) == ()


def test_without_pinning_others_may_have_the_other_cores() -> None:
    busy = replace(FINE, cores=(), spent=spent(busy_s=Reading(value=2.0)))
    assert caveats_of(busy, Bounds()) == ()


def test_a_host_is_judged_by_nothing_of_this() -> None:
    worst = state(
        thermal_status=Reading(value=6.0),
        battery_level_percent=Reading(value=1.0),
        clocks=(clock(1.0),),
    )
    around = replace(FINE, before=worst, after=worst, wait_s=9.0)
    assert caveats_of(around, OF_HOSTS) == ()


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


def test_the_doubts_of_many_processes_are_told_once_a_kind() -> None:
    low = Caveat(kind=CaveatKind.BATTERY_LOW, evidence="at 12 %, below 25 %")
    hot = Caveat(kind=CaveatKind.THROTTLED, evidence="thermal status light after the process")
    told = once_each([(low,), (), (hot, replace(low, evidence="at 11 %, below 25 %"))])
    assert told == (
        replace(low, evidence="in 2 of 3 processes, the first: at 12 %, below 25 %"),
        replace(
            hot, evidence="in 1 of 3 processes, the first: thermal status light after the process"
        ),
    )
