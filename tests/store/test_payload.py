"""What earlier versions stored of a process is read and judged as it was then."""

from dataclasses import replace
from typing import Any

import pytest
from support.device_states import FINE, PINNED, QUIET, clock, sample, state

from bench.core import config
from bench.core.caveats import CaveatKind
from bench.core.device_state.state import Reading
from bench.core.device_state.telemetry import Telemetry
from bench.measure.conditions import HOST_LIMITS, Limits
from bench.measure.validity import caveats_of
from bench.store.payload import VERSION, Payload, read_payload

# The names of version 1.
BOUNDS = (
    "thermal_status", "thermal_override", "battery_percent", "cap_ratio", "below_cap_ratio",
    "wait_ratio", "others_ratio", "temp_c",
)  # fmt: skip


def old(telemetry: Telemetry, *, cores: str | None = "4-5", **bounds: object) -> dict[str, Any]:
    """Returns what version 1 stored of a process."""
    stored = config.unstructure(telemetry)
    stored["spent"], stored["telemetry_s"] = stored.pop("usage"), stored.pop("overhead_s")
    stored |= {"cores": cores, "load_before": 1.5, "load_after": None, "result_base64": "AP8="}
    limits = config.unstructure(replace(Limits(), **bounds))  # type: ignore[arg-type]  # fields of it
    stored["bounds"] = {name: limits[name] for name in BOUNDS}
    return {"case": config.unstructure(PINNED), "sensed": stored}


def read(value: dict[str, Any]) -> Payload:
    return read_payload(value, version=1, source="x")


def kinds(payload: Payload) -> list[CaveatKind]:
    caveats = caveats_of(payload.telemetry, payload.limits, payload.case)
    return [caveat.kind for caveat in caveats]


def test_a_process_of_version_1_is_the_same_record() -> None:
    payload = read(old(FINE, cores="4-5", temp_c=37.0))
    assert payload == Payload(
        case=PINNED, telemetry=FINE, limits=Limits(), timeout_s=None, result_base64="AP8="
    )
    assert payload.result == b"\0\xff"
    assert read(old(FINE, cores=None)).telemetry.cores is None
    assert read(old(FINE, cores="")).telemetry.cores == ()


HOT = state(thermal_status=Reading(value=1.0), clocks=(clock(1.5e6),))


@pytest.mark.parametrize(
    ("telemetry", "bounds", "expected"),
    [
        (FINE, {}, []),
        (replace(FINE, after=HOT), {}, [CaveatKind.THROTTLED, CaveatKind.CAP_LOWERED]),
        (replace(FINE, after=HOT), {"thermal_status": 1, "cap_ratio": 0.6}, []),
        (replace(FINE, after=HOT), {"thermal_status": None, "cap_ratio": None}, []),
        (replace(FINE, samples=(sample(2.0, surface_c=50.0),)), {"temp_c": None}, []),
        (replace(FINE, samples=(sample(2.0, surface_c=50.0),)), {}, [CaveatKind.THROTTLED]),
        (replace(FINE, after=replace(QUIET, skin_temp_c=Reading(value=50.0))), {}, []),
    ],
)
def test_the_limits_of_version_1_decide_about_its_processes(
    telemetry: Telemetry, bounds: dict[str, object], expected: list[CaveatKind]
) -> None:
    assert kinds(read(old(telemetry, **bounds))) == expected


def test_what_the_first_programs_stored_is_read_and_raises_no_caveat() -> None:
    sensed = {"run_s": 0.2, "run_queue_wait_s": None, "load_before": 1.5, "load_after": 0.0}
    payload = read({"case": config.unstructure(PINNED), "sensed": sensed})
    assert payload.telemetry == Telemetry(run_s=0.2)
    assert kinds(payload) == []


def test_samples_without_a_surface_and_limits_without_a_temperature_are_read() -> None:
    value = old(replace(FINE, samples=(sample(2.0, surface_c=50.0),)))
    del value["sensed"]["samples"][0]["surface_temp_c"]
    del value["sensed"]["bounds"]["temp_c"]
    payload = read(value)
    assert payload.telemetry.samples[0].surface_temp_c.unavailable
    assert payload.limits.temp_c is None
    assert kinds(payload) == []


def test_the_newest_version_comes_back_as_it_went_in() -> None:
    payload = Payload(case=PINNED, telemetry=FINE, limits=HOST_LIMITS, timeout_s=0.5)
    stored = config.unstructure(payload)
    assert read_payload(stored, version=VERSION, source="x") == payload
