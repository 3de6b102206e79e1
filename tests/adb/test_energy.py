"""The energy meter of a phone, read from its files or from perfetto."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from support.rails import PIXEL_6, FakeMeter
from support.reach import direct

from bench.adb.phone import FOLDER, Phone
from bench.adb.state.energy import TRACE, EnergyMeter, find_meter
from bench.adb.state.watch import Watch
from bench.core.device_state.energy import Energy, MeterWay
from bench.handset.running import Running
from bench.measure.energy import Draw, draw_of
from bench.plan.case import Delegate

NAMES = [rail.name for rails in PIXEL_6.values() for rail in rails]


@pytest.fixture
def phone(handset: Running) -> Iterator[Phone]:
    with closing(direct(handset.serial)) as found:
        found.ask(f"mkdir -p {FOLDER}")
        yield found


def energy_while(phone: Phone, meter: EnergyMeter, *, seconds: float) -> Energy:
    watch = Watch(phone=phone, groups=((0,),), counters=True, state_limit_s=5.0, meter=meter)
    energy = watch.run(["sleep", f"{seconds:g}"], limit_s=20).telemetry.energy
    assert energy is not None
    return energy


def drawn(energy: Energy) -> Draw:
    draw = draw_of(energy, Delegate.XNNPACK)
    assert isinstance(draw, Draw), draw
    return draw


def test_the_files_that_the_shell_may_read_give_the_power_of_each_rail(
    handset: Running, phone: Phone
) -> None:
    with FakeMeter(handset):
        meter = find_meter(phone)
        energy = energy_while(phone, meter, seconds=4.4)
    assert meter.way is MeterWay.FILES
    assert [rail.name for rail in meter.rails] == NAMES
    assert meter.rails[2].subsystem == "CPU(BIG)"
    assert meter.rails[2].sampling_hz == 125
    assert {len(rail.points) for rail in energy.rails} == {2}
    assert drawn(energy).power_w == pytest.approx(1.75, rel=0.001)
    # A period of 8 ms of the meter and 1 ms of its clock, of some 2 s.
    assert drawn(energy).inexact_ratio == pytest.approx(0.009 / 2, rel=0.1)


def test_where_the_files_are_roots_perfetto_reads_the_same_counters(
    handset: Running, phone: Phone
) -> None:
    with FakeMeter(handset, readable=False):
        meter = find_meter(phone)
        energy = energy_while(phone, meter, seconds=4.2)
    assert meter.way is MeterWay.PERFETTO
    assert [rail.name for rail in meter.rails] == NAMES
    assert meter.rails[2].subsystem == "CPU(BIG)"
    assert {len(rail.points) for rail in energy.rails} <= {2, 3}
    assert drawn(energy).power_w == pytest.approx(1.75, rel=0.01)
    assert phone.shell(f"ls {TRACE}").exit_status
    assert phone.shell("pgrep -f '[p]erfetto'").stdout == b""


def test_a_phone_without_rails_says_so(phone: Phone) -> None:
    meter = find_meter(phone)
    assert meter.way is None
    assert meter.unavailable == "the phone shows no energy meter (Pixels from 6 on have one)"
    assert energy_while(phone, meter, seconds=0.1) == Energy(unavailable=meter.unavailable)
