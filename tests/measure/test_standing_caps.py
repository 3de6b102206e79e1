"""Clocks that are capped although the device is cool: by a boost that is off, or by its maker."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.answers import Answering
from support.device_states import FINE, FIXED, HIDDEN, PINNED, QUIET, clock, sample, state

from bench.adb.state.reading import read_state
from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.core.device_state.state import Clock, Reading, State
from bench.core.device_state.telemetry import Telemetry
from bench.measure.conditions import ConditionKind, Limits, assess, is_cool
from bench.measure.validity import caveats_of

CAPTURES = Path(__file__).parent.parent / "data/phone_captures"
CPU = "/sys/devices/system/cpu"
BOOSTED = next(CAPTURES.glob("12-*")).read_text()
STEPS = "825600 1766400 2649600 2841600"


def clocks_of(text: str) -> tuple[Clock, ...]:
    return read_state(Answering({"files": text})).clocks


def with_steps(text: str, steps: str = STEPS) -> str:
    lines = [f"{CPU}/cpu{n}/cpufreq/scaling_available_frequencies:{steps}" for n in range(4, 8)]
    return text + "\n".join(lines)


def test_a_captured_boost_that_is_off_is_no_lowered_cap() -> None:
    little, big = clocks_of(BOOSTED)
    assert little.max_khz == Reading(value=1_766_400.0)
    assert big.cores == (4, 5, 6, 7)
    assert big.cap_khz == Reading(value=2_841_600.0)
    assert big.max_khz == Reading(unavailable="the phone shows the boost clocks alone")
    assert assess(state(clocks=(little, big)), Limits()) == ()


@pytest.mark.parametrize(
    ("text", "full_khz", "is_capped"),
    [
        (with_steps(BOOSTED), 2_841_600, False),
        (with_steps(BOOSTED, f"{STEPS} 2956800 "), 2_841_600, False),
        (with_steps(BOOSTED).replace("max_freq:2841600", "max_freq:2649600"), 2_841_600, True),
        (with_steps(BOOSTED).replace("max_freq:2841600", "max_freq:2956800"), 2_841_600, False),
        (  # several boosts
            with_steps(BOOSTED, "1766400 2649600").replace(
                "boost_frequencies:", "boost_frequencies:2841600 "
            ),
            2_649_600,
            False,
        ),
        (BOOSTED.replace("boost_frequencies:2956800", "boost_frequencies:"), 2_956_800, True),
        (  # a boost that is switched off is not in cpuinfo_max_freq of newer kernels
            with_steps(BOOSTED).replace("cpuinfo_max_freq:2956800", "cpuinfo_max_freq:2841600"),
            2_841_600,
            False,
        ),
    ],
)
def test_the_full_clock_is_the_highest_that_is_no_boost(
    text: str, full_khz: float, is_capped: bool
) -> None:
    big = clocks_of(text)[1]
    assert big.max_khz == Reading(value=float(full_khz))
    kinds = [each.kind for each in assess(state(clocks=(big,)), Limits())]
    assert kinds == ([ConditionKind.CAPPED_CLOCKS] if is_capped else [])


def samsung() -> State:
    """Returns the state in the capture of a capped phone, with the thermal part as it stands."""
    text = next(CAPTURES.glob("05-*")).read_text()
    lines = []
    for line in text.splitlines():
        if line.startswith("cores="):
            policy, cap, full = line.removeprefix("cores=").split(",")
            core = f"{CPU}/cpu{policy.removeprefix('policy')}/cpufreq"
            lines += [f"{core}/scaling_max_freq:{cap}", f"{core}/cpuinfo_max_freq:{full}"]
    return read_state(Answering({"thermal": text, "battery": text, "files": "\n".join(lines)}))


def test_a_captured_phone_that_is_hot_and_capped_without_a_status_is_unfit() -> None:
    hot = samsung()
    assert not is_cool(hot, Limits())
    found = assess(hot, Limits())
    assert {each.kind for each in found} == {ConditionKind.HOT, ConditionKind.CAPPED_CLOCKS}
    assert "cores 9 may reach 1824 MHz of 3207 MHz" in [each.evidence for each in found]


CAPPED = state(clocks=(clock(1.8e6),))
STANDS = Telemetry(before=CAPPED, after=CAPPED, caps_at_start_khz=((4, 1.8e6),), cool_at_start=True)


def test_a_cap_that_stands_on_a_cool_device_from_the_start_is_a_note() -> None:
    (caveat,) = caveats_of(STANDS, Limits(), PINNED)
    assert caveat == Caveat(
        kind=CaveatKind.CAP_STANDS,
        evidence="before the process: cores 4-5 may reach 1800 MHz of 2000 MHz",
    )
    assert caveat.effect is Effect.NOTE


@pytest.mark.parametrize(
    ("telemetry", "kinds"),
    [
        (replace(STANDS, cool_at_start=False), [CaveatKind.CAP_LOWERED]),  # as stored before, too
        (
            replace(STANDS, after=state(clocks=(clock(1.5e6),))),
            [CaveatKind.CAP_LOWERED, CaveatKind.CAP_STANDS],
        ),
        (
            replace(STANDS, samples=(sample(2.0, cap_khz=1.5e6),)),
            [CaveatKind.CAP_LOWERED, CaveatKind.CAP_STANDS],
        ),
        (replace(STANDS, before=QUIET, after=QUIET), []),
        (
            replace(STANDS, after=state(clocks=(clock(1.8e6),), thermal_status=Reading(value=2.0))),
            [CaveatKind.THROTTLED, CaveatKind.CAP_STANDS],
        ),
        (replace(FINE, caps_at_start_khz=((4, 2e6),), cool_at_start=True), []),
    ],
)
def test_a_cap_that_falls_later_discards_the_process(
    telemetry: Telemetry, kinds: list[CaveatKind]
) -> None:
    found = [each.kind for each in caveats_of(telemetry, Limits(), PINNED)]
    assert sorted(found) == sorted(kinds)


def test_a_cap_below_the_start_is_seen_although_the_full_clock_is_unknown() -> None:
    unknown = Reading(unavailable="the phone shows the boost clocks alone")

    def at(khz: float) -> State:
        return state(clocks=(replace(clock(khz), max_khz=unknown),))

    telemetry = replace(STANDS, before=at(1.8e6), after=at(1.8e6))
    assert caveats_of(telemetry, Limits(), PINNED) == ()
    (caveat,) = caveats_of(replace(telemetry, after=at(1.5e6)), Limits(), PINNED)
    assert caveat.kind is CaveatKind.CAP_LOWERED


def test_fixed_performance_holds_to_the_start_as_before() -> None:
    assert caveats_of(STANDS, Limits(), FIXED) == ()


@pytest.mark.parametrize(
    ("changed", "cool"),
    [
        ({}, True),
        ({"skin_temp_c": Reading(value=37.1)}, False),
        ({"skin_temp_c": Reading(value=35.0), "skin_light_c": Reading(value=36.0)}, False),
        ({"skin_temp_c": HIDDEN}, True),  # the battery is cool
        ({"skin_temp_c": HIDDEN, "battery_temp_c": Reading(value=38.0)}, False),
        ({"skin_temp_c": HIDDEN, "battery_temp_c": HIDDEN}, False),
        ({"thermal_status": HIDDEN}, False),
        ({"thermal_status": Reading(value=1.0)}, False),
        ({"thermal_overridden": Reading(value="true")}, False),
    ],
)
def test_a_device_is_cool_only_where_it_shows_it(
    changed: Mapping[str, Reading], cool: bool
) -> None:
    assert is_cool(state(**changed), Limits()) is cool
