"""What ``doctor`` says of a phone's state is what a run on it does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from support.device_states import FINE, FREE, HIDDEN, QUIET, clock, state

from bench.adb.state.facts import Facts
from bench.core.device_state.state import Reading, State
from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import UnfitError
from bench.flow.checks.machine import Level
from bench.flow.checks.phone import Verdict, examine_phone, worth
from bench.flow.device.device import Contact
from bench.flow.phone.readiness import Readiness, limits_of
from bench.measure.conditions import (
    Limits,
    Response,
    assess,
    caps_of,
    in_words,
    is_cool,
    unready,
    when_forced,
)
from bench.measure.validity import caveats_of
from device_profiles.device_profile import Battery, Cooldown, Profile

FACTS = Facts(
    serial="R58N",
    manufacturer="Google",
    model="Pixel",
    codename=None,
    soc="Tensor",
    abis=("arm64-v8a",),
    sdk=34,
    release="14",
    fingerprint="f",
    boot_id="b",
    cores=(0, 1, 2, 3, 4, 5),
    clusters=(),
    allowed_cores=(0, 1, 2, 3, 4, 5),
    page_bytes=4096,
    memory_bytes=None,
    taskset=True,
    virtual=False,
)
STATE_CHECKS = ("heat", "battery", "battery saver", "clocks")


def readings(*values: float | str) -> some.SearchStrategy[Reading]:
    return some.sampled_from([HIDDEN, *(Reading(value=value) for value in values)])


profiles = some.builds(
    Profile,
    name=some.just("any"),
    source=some.just("test"),
    cooldown=some.builds(
        Cooldown,
        max_temp_c=some.sampled_from([33.0, 37.0, 45.0]),
        thermal_status=some.integers(0, 2),
        timeout_s=some.just(0.0),
    ),
    battery=some.builds(Battery, min_level=some.sampled_from([10, 25, 60])),
)
states = some.builds(
    replace,
    some.just(QUIET),
    thermal_status=readings(0.0, 1.0, 2.0, 3.0, 6.0),
    thermal_overridden=readings("true", "false"),
    battery_temp_c=readings(20.0, 33.0, 33.1, 37.0, 37.1, 46.0),
    skin_temp_c=readings(20.0, 33.0, 37.0, 40.0, 46.0),
    battery_level_percent=readings(0.0, 9.0, 10.0, 24.0, 25.0, 59.0, 100.0),
    low_power=readings(0.0, 1.0),
    clocks=some.sampled_from([(), (clock(),), (clock(1.5e6),), (clock(2.5e6), clock(1e6))]),
    clocks_unavailable=some.just("Permission denied"),
)


def starts(state: State, limits: Limits, messages: list[str]) -> bool:
    """Returns whether a run starts at once on a phone in this state."""
    readiness = Readiness("R58N", lambda: state, limits, Contact(on_message=messages.append))
    try:
        readiness.require()
    except UnfitError:
        return False
    return not messages


@given(state=states, profile=profiles)
def test_doctor_says_ok_if_and_only_if_a_run_starts_at_once_and_keeps_its_processes(
    state: State, profile: Profile
) -> None:
    limits = limits_of(profile)
    levels = {
        finding.check: finding.level
        for finding in examine_phone(FACTS, state, profile)
        if finding.check in STATE_CHECKS
    }
    messages: list[str] = []
    starts_at_once = starts(state, limits, messages)
    assert starts_at_once is (Level.PROBLEM not in levels.values())
    telemetry = Telemetry(
        before=state,
        after=state,
        caps_at_start_khz=tuple(caps_of(state).items()),
        cool_at_start=is_cool(state, limits),
    )
    kept = not [
        caveat for caveat in caveats_of(telemetry, limits, FREE) if caveat.kind != "state_hidden"
    ]
    is_fine = not {Level.PROBLEM, Level.WARNING} & set(levels.values())
    assert is_fine is (starts_at_once and kept)
    if starts_at_once and not kept:
        assert levels["clocks"] is Level.WARNING
    waits = [message for message in messages if message.startswith("too hot")]
    refusals = [each for each in assess(state, limits) if each.response is Response.REFUSE]
    assert bool(waits) is (not starts_at_once and not refusals)


@given(state=states, profile=profiles)
def test_a_forced_run_starts_at_once_and_keeps_its_processes(
    state: State, profile: Profile
) -> None:
    limits, messages = limits_of(profile), list[str]()
    contact = Contact(on_message=messages.append)
    readiness = Readiness("R58N", lambda: state, limits, contact, force=True)
    readiness.require()
    assert [message.partition(":")[0] for message in messages] == (
        ["unfit, measured anyway"] if unready(assess(state, limits)) else []
    )
    telemetry = Telemetry(before=state, after=state)
    assert caveats_of(telemetry, when_forced(limits), FREE) == ()


def test_a_warm_phone_that_shows_no_thermal_status_is_not_ok() -> None:
    warm = state(battery_temp_c=Reading(value=33.0), skin_temp_c=Reading(value=40.0))
    profile = Profile(name="any", source="test")
    findings = {each.check: each for each in examine_phone(FACTS, warm, profile)}
    assert findings["heat"].level is Level.PROBLEM
    assert findings["heat"].found == (
        "skin at 40.0 °C, above 37 °C (status none, battery 33.0 °C, skin 40.0 °C, cpu 40.0 °C; "
        "run waits up to 600 s for it to cool down)"
    )
    assert worth(findings.values(), virtual=False).verdict is Verdict.NOT_USABLE


def test_a_phone_whose_status_is_hidden_is_never_ok_for_its_temperatures_alone() -> None:
    hiding = state(thermal_status=Reading(unavailable="its thermal HAL is not ready"))
    findings = examine_phone(FACTS, hiding, Profile(name="any", source="test"))
    (heat,) = [each for each in findings if each.check == "heat"]
    assert heat.level is Level.NOTE
    assert heat.found == (
        "battery 28.0 °C, skin 30.0 °C, cpu 40.0 °C; status hidden: its thermal HAL is not ready"
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"battery_level_percent": 24.0}, "battery at 24 %, below 25 %"),
        ({"low_power": 1.0}, "battery saver is on"),
        (
            {"thermal_overridden": "true", "thermal_status": 3.0},
            "its thermal status was set by hand; thermal status severe",
        ),
        ({"thermal_status": 1.0}, "thermal status light"),
        ({"skin_temp_c": 37.1}, "skin at 37.1 °C, above 37 °C"),
        ({"thermal_status": None, "battery_temp_c": 40.0}, "battery at 40.0 °C, above 37 °C"),
        ({"thermal_status": None, "battery_level_percent": None, "low_power": None}, ""),
    ],
)
def test_conditions_are_in_words_with_units(
    changed: dict[str, float | str | None], words: str
) -> None:
    values = {
        name: HIDDEN if value is None else Reading(value=value) for name, value in changed.items()
    }
    assert in_words(unready(assess(state(**values), Limits()))) == words


def test_the_state_of_a_fine_process_has_no_conditions() -> None:
    assert FINE.before is not None
    assert assess(FINE.before, Limits()) == ()


def test_doctor_announces_the_note_that_a_run_gives() -> None:
    capped, profile = state(clocks=(clock(1.8e6),)), Profile(name="any", source="test")
    found = {each.check: each for each in examine_phone(FACTS, capped, profile)}
    assert found["clocks"].level is Level.WARNING
    assert "rows have a note" in found["clocks"].found
    hot = replace(capped, thermal_status=HIDDEN)
    found = {each.check: each for each in examine_phone(FACTS, hot, profile)}
    assert "processes on them are discarded" in found["clocks"].found
    assert worth(found.values(), virtual=False).verdict is Verdict.WITH_CAVEATS
