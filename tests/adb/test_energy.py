"""The energy meter of a phone, read from its files or from perfetto."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from support.patience import PATIENCE_S
from support.rails import PIXEL_6, FakeMeter
from support.reach import direct

from bench.adb.batch import Answer
from bench.adb.phone import FOLDER, Phone
from bench.adb.state.energy import TRACE, EnergyMeter, find_meter, rails_of_trace
from bench.adb.state.watch import Watch
from bench.core.device_state.energy import Energy, MeterWay, Rail
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
    watch = Watch(phone=phone, groups=((0,),), counters=True, state_limit_s=PATIENCE_S, meter=meter)
    energy = watch.run(["sleep", f"{seconds:g}"], limit_s=PATIENCE_S).telemetry.energy
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


def test_rails_that_nobody_may_read_are_a_gap_with_both_reasons(
    handset: Running, phone: Phone
) -> None:
    with FakeMeter(handset, readable=False, served=False):
        meter = find_meter(phone)
    assert meter == EnergyMeter(
        unavailable="adb's shell may not read its rails (Permission denied), and perfetto: "
        "it printed nothing"
    )


def test_a_phone_without_rails_says_so(phone: Phone) -> None:
    meter = find_meter(phone)
    assert meter.way is None
    assert meter.unavailable == "the phone shows no energy meter (Pixels from 6 on have one)"
    assert energy_while(phone, meter, seconds=0.1) == Energy(unavailable=meter.unavailable)


# As a Pixel 6 printed them (google/oboe, tools of 2021), below the paths of grep.
PIXEL_6_FIRST = """\
t=349894
CH0(T=349894)[S10M_VDD_TPU], 5578756
CH1(T=349894)[VSYS_PWR_MODEM], 29110940
CH2(T=349894)[VSYS_PWR_RFFE], 3166046
CH3(T=349894)[S2M_VDD_CPUCL2], 30203502
CH4(T=349894)[S3M_VDD_CPUCL1], 23377533
CH5(T=349894)[S4M_VDD_CPUCL0], 46356942
CH6(T=349894)[S5M_VDD_INT], 10771876
CH7(T=349894)[S1M_VDD_MIF], 21091363
"""


def test_what_a_pixel_6_printed_is_read_as_it_is_meant() -> None:
    lines = [
        f"/sys/bus/iio/devices/iio:device0/energy_value:{line}"
        for line in PIXEL_6_FIRST.splitlines()
    ]
    rail = Rail(name="S2M_VDD_CPUCL2", subsystem="CPU(BIG)")
    meter = EnergyMeter(way=MeterWay.FILES, rails=(rail,))
    energy = meter.energy({}, {}, [Answer(text="\r\n".join(lines), exit_status=0)])
    assert energy.rails == (replace(rail, points=((349_894.0, 30_203_502.0),)),)


# Of a trace: one packet, with power_rails (field 40) of one rail and a counter above 32 bits.
PACKET = (
    b"\x0a\x2c" b"\xc2\x02\x29"
    b"\x0a\x19" b"\x08\x03" b"\x12\x0eS2M_VDD_CPUCL2" b"\x1a\x03CPU" b"\x20\x7d"
    b"\x12\x0c" b"\x08\x03" b"\x10\xc6\xad\x15" b"\x18\x80\xf4\xf6\xc3\x0b"
)  # fmt: skip


def test_a_trace_is_read_by_perfettos_message_and_a_cut_one_up_to_the_cut() -> None:
    assert rails_of_trace(PACKET) == [
        Rail(
            name="S2M_VDD_CPUCL2",
            subsystem="CPU",
            sampling_hz=125.0,
            points=((349_894.0, 3_095_247_360.0),),
        )
    ]
    unknown = b"\x0a\x02\x40\x01" + b"\x12\x00" + b"\x1d\x00\x00\x00\x00"
    (rail,) = rails_of_trace(unknown + PACKET + PACKET[:20])
    assert rail.points == ((349_894.0, 3_095_247_360.0),)
    for cut in range(len(PACKET)):
        rails_of_trace(PACKET[:cut])
    assert rails_of_trace(b"perfetto: no such data source") == []
