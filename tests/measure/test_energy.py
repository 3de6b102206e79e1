"""Energy out of readings, against numbers that are worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bench.core.device_state.energy import Energy, MeterWay, Rail
from bench.core.errors import ConfigurationError
from bench.measure.energy import (
    Amount,
    Draw,
    EnergyUse,
    Paced,
    counted_rails,
    draw_of,
    energy_use,
)
from bench.plan.case import Delegate
from bench.plan.suite import Suite


def rail(
    name: str, subsystem: str, watts: Sequence[float], *, sampling_hz: float | None = 125
) -> Rail:
    """Returns a rail that is read every two seconds and gives that power in between."""
    points = [(5_000.0, 7e6)]
    for power_w in watts:
        at_ms, energy_uws = points[-1]
        points.append((at_ms + 2_000, energy_uws + 2e6 * power_w))
    return Rail(name=name, subsystem=subsystem, sampling_hz=sampling_hz, points=tuple(points))


def read(*rails: Rail) -> Energy:
    return Energy(way=MeterWay.FILES, rails=rails)


BIG = rail("S2M_VDD_CPUCL2", "CPU(BIG)", (1.0, 2.0))
MEMORY = rail("S1M_VDD_MIF", "MIF", (0.25, 0.25))
GRAPHICS = rail("S2S_VDD_G3D", "GPU", (0.5, 0.5))
SCREEN = rail("VSYS_PWR_DISPLAY", "Display", (0.8, 0.8))


def draw(*watts: float) -> Draw:
    found = draw_of(read(rail("S2M_VDD_CPUCL2", "CPU(BIG)", watts)), Delegate.XNNPACK)
    assert isinstance(found, Draw)
    return found


def used(*draws: Draw, streams: bool = False, idle: Draw | None = None) -> EnergyUse:
    return energy_use(
        [Paced(draw=each, period_s=0.004) for each in draws],
        source=read(BIG),
        delegate=Delegate.XNNPACK,
        plugged="usb",
        idle=idle,
        hop_s=0.96,
        streams=streams,
    )


def test_the_power_is_that_of_processor_and_memory_between_the_first_and_the_last_reading() -> None:
    found = draw_of(read(BIG, MEMORY, GRAPHICS, SCREEN), Delegate.XNNPACK)
    assert isinstance(found, Draw)
    assert (found.power_w, found.windows_w) == (1.75, (1.25, 2.25))
    # A period of 8 ms and a clock of 1 ms, of 4 s.
    assert found.inexact_ratio == pytest.approx(0.009 / 4)


def test_a_delegates_hardware_counts_where_it_runs_the_graph() -> None:
    rails = (BIG, MEMORY, GRAPHICS, SCREEN)
    assert counted_rails(rails, Delegate.XNNPACK) == (BIG, MEMORY)
    assert counted_rails(rails, Delegate.GPU) == (BIG, MEMORY, GRAPHICS)


@pytest.mark.parametrize(
    ("energy", "why"),
    [
        (Energy(unavailable="no meter"), "no meter"),
        (read(SCREEN), "the meter counts no rail of the processor"),
        (
            read(replace(BIG, points=BIG.points[:1])),
            "its processes were too short for two readings of the meter",
        ),
        (read(rail("C", "CPU", (0.0, 0.0))), "the meter's counters did not move"),
        (read(rail("C", "CPU", (-1.0,))), "the meter's clock or its counters went backwards"),
        (
            read(replace(BIG, points=((2.0, 1.0), (2.0, 9.0)))),
            "the meter's clock or its counters went backwards",
        ),
    ],
)
def test_readings_without_a_power_say_why(energy: Energy, why: str) -> None:
    assert draw_of(energy, Delegate.NONE) == why


def test_an_inference_takes_the_power_for_its_time_and_an_hour_has_one_at_each_hop() -> None:
    found = used(draw(1.0, 1.0), draw(2.0, 2.0), draw(3.0, 3.0))
    assert found.per_inference_j is not None
    assert found.per_inference_j.value == pytest.approx(0.008)
    assert found.per_hour_j is not None
    assert found.per_hour_j.value == pytest.approx(0.008 * 3750)
    assert (found.processes, found.windows, found.plugged) == (3, 6, "usb")
    # Three processes have no interval, their six windows have: the lowest and the highest, and
    # 9 ms of the meter's 4 s.
    assert found.power_w == Amount(
        value=2.0, low=pytest.approx(0.99775), high=pytest.approx(3.00675)
    )


def test_six_processes_have_an_interval_of_their_own() -> None:
    found = used(*(draw(0.5 * watts, 1.5 * watts) for watts in (1, 2, 3, 4, 5, 6)))
    assert found.power_w is not None
    assert found.power_w.low == pytest.approx(1 * (1 - 0.00225))
    assert found.power_w.high == pytest.approx(6 * (1 + 0.00225))


def test_two_windows_give_a_value_without_an_interval() -> None:
    assert used(draw(1.0, 2.0)).power_w == Amount(value=1.5)


def test_a_streams_inference_is_what_the_rails_gave_above_their_idle_power() -> None:
    idle = draw(*[1.0] * 6)
    found = used(draw(*[1.5] * 6), streams=True, idle=idle)
    assert found.per_inference_j is not None
    assert found.per_hour_j is not None
    assert found.idle_w is not None
    assert found.per_inference_j.value == pytest.approx(0.5 * 0.004)
    inexact = 0.009 / 12
    assert found.per_inference_j.low == pytest.approx(0.004 * (1.5 * (1 - inexact) - (1 + inexact)))
    assert found.per_hour_j.value == pytest.approx(1.5 * 0.004 * 3750)
    assert found.idle_w.value == 1.0
    unknown = used(draw(1.5, 1.5), streams=True)
    assert (unknown.per_inference_j, unknown.idle_w) == (None, None)
    assert unknown.per_hour_j is not None


def test_energy_without_a_mode_that_it_is_read_in_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="neither is asked for") as refused:
        Suite(name="s", models=("*",), energy=True)
    assert refused.value.hint == "add --streaming or --sustained MIN"
