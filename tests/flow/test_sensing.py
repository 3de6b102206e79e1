from dataclasses import replace

import pytest

from bench.core import config
from bench.core.caveats import CaveatKind
from bench.core.state import Clock, Reading, Sample, State
from bench.flow.measure.sensing import environment_caveats
from bench.measure.validity import OF_HOSTS, Bounds
from bench.plan.case import Case, Delegate, Mode, Protocol, Runner
from bench.store.records import Invocation, Sensed

UNKNOWN = Reading(unavailable="not asked")
HOT = State(
    battery_level_percent=Reading(value=80.0),
    battery_temp_c=UNKNOWN,
    battery_status=UNKNOWN,
    plugged=UNKNOWN,
    thermal_status=Reading(value=1.0),
    thermal_overridden=UNKNOWN,
    skin_temp_c=UNKNOWN,
    cpu_temp_c=UNKNOWN,
    zones=(),
    zones_unavailable="not asked",
    clocks=(
        Clock(
            cores=(0, 1),
            governor=UNKNOWN,
            now_khz=UNKNOWN,
            cap_khz=Reading(value=1e6),
            max_khz=Reading(value=2e6),
        ),
    ),
    clocks_unavailable=None,
    load=UNKNOWN,
    cpu_pressure_percent=UNKNOWN,
    memory_available_bytes=UNKNOWN,
    free_bytes=UNKNOWN,
    screen=UNKNOWN,
    low_power=UNKNOWN,
)
SENSED = Sensed(
    run_s=1.0, run_queue_wait_s=0.0, load_before=None, load_after=None, before=HOT, after=HOT
)


def invocation(sensed: Sensed, mode: Mode = Mode.BACK_TO_BACK) -> Invocation:
    return Invocation(
        session_id="s",
        case=Case(
            artifact_sha256="a",
            device="d",
            runner=Runner.BENCHMARK_MODEL,
            tool_sha256="t",
            delegate=Delegate.NONE,
            threads=1,
            protocol=Protocol(mode=mode),
        ),
        ordinal=0,
        model="m",
        command=("tool",),
        started_at="2026-01-01T00:00:00+00:00",
        wall_s=1.0,
        exit_status=0,
        timed_out=False,
        stdout="",
        stderr="",
        sensed=sensed,
    )


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        (Mode.BACK_TO_BACK, [CaveatKind.THROTTLED, CaveatKind.CAP_LOWERED]),
        (Mode.SUSTAINED, []),
    ],
)
def test_heat_spoils_a_process_unless_it_is_what_is_measured(
    mode: Mode, kinds: list[CaveatKind]
) -> None:
    assert [each.kind for each in environment_caveats(invocation(SENSED, mode))] == kinds


def test_heat_within_a_sustained_process_is_what_is_measured() -> None:
    within = Sample(at_s=2.0, clocks=HOT.clocks, temp_c=UNKNOWN, surface_temp_c=Reading(value=50.0))
    sensed = replace(SENSED, samples=(within,), bounds=Bounds(temp_c=37.0))
    assert environment_caveats(invocation(sensed, Mode.SUSTAINED)) == ()
    throttled, _ = environment_caveats(invocation(sensed))
    assert "thermal status light before, light after the process; battery or skin at 50.0 °C" in (
        throttled.evidence
    )


def test_samples_of_earlier_versions_are_loaded_and_their_surface_is_unknown() -> None:
    new = config.unstructure(replace(SENSED, samples=(Sample(at_s=2, clocks=(), temp_c=UNKNOWN),)))
    del new["samples"][0]["surface_temp_c"]
    del new["bounds"]["temp_c"]
    (old,) = config.structure(new, Sensed, source="x").samples
    assert old.surface_temp_c.unavailable


def test_the_bounds_are_kept_with_the_process_and_decide() -> None:
    kept = config.structure(config.unstructure(SENSED), Sensed, source="x")
    assert kept == SENSED
    assert kept.bounds == Bounds()
    assert environment_caveats(invocation(replace(kept, bounds=OF_HOSTS))) == ()
    (doubt,) = environment_caveats(
        invocation(replace(kept, bounds=Bounds(thermal_status=1, cap_ratio=0.6)))
    )
    assert doubt.kind is CaveatKind.CAP_LOWERED


def test_what_earlier_versions_stored_is_loaded_and_raises_no_doubt() -> None:
    old = {"run_s": 0.2, "run_queue_wait_s": None, "load_before": 1.5, "load_after": 0.0}
    sensed = config.structure(old, Sensed, source="x")
    assert sensed.before is None
    assert environment_caveats(invocation(sensed)) == ()
