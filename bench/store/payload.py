"""The JSON beside a stored process: its case, its telemetry and the limits it is assessed against.

Version 2 has the records as they are. Version 1, of earlier programs, had its own names, cores as
the kernel lists them, and load averages that were not used.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bench.core import config
from bench.core.artifact import Tensor
from bench.core.caveats import Caveat
from bench.core.device_state.cores import parse_cores
from bench.core.device_state.telemetry import Telemetry
from bench.measure.conditions import Limits
from bench.plan.case import Case, Mode
from bench.store.records import Invocation

VERSION = 2
_NO_STATES: dict[str, None] = {"before": None, "after": None}
_RENAMED = {"spent": "usage", "telemetry_s": "overhead_s"}
_UNUSED = ("load_before", "load_after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The part of a process that is stored as JSON; the fields are those of ``Invocation``.

    Args:
        result_base64: the proto that the tool wrote.
    """

    case: Case
    telemetry: Telemetry
    limits: Limits
    timeout_s: float | None = None
    result_base64: str | None = None

    @property
    def result(self) -> bytes | None:
        """The proto that the tool wrote."""
        return None if self.result_base64 is None else base64.b64decode(self.result_base64)


def payload_of(invocation: Invocation) -> dict[str, object]:
    """Returns the JSON of a process."""
    result = invocation.result
    payload: dict[str, object] = config.unstructure(
        Payload(
            case=invocation.case,
            telemetry=invocation.telemetry,
            limits=invocation.limits,
            timeout_s=invocation.timeout_s,
            result_base64=None if result is None else base64.b64encode(result).decode(),
        )
    )
    return payload


for _each in (Case, Limits, Tensor, Caveat):  # which many records repeat
    config.share(_each)


def read_payload(
    value: Mapping[str, Any],
    *,
    version: int,
    source: str,
    states_of: Collection[Mode] | None = None,
) -> Payload:
    """Returns the payload of a stored process's JSON.

    Args:
        states_of: the modes whose processes get the device's states before and after, which take
            longest to read; by default all.

    Raises:
        ConfigurationError: it is malformed.
    """
    present = dict(value) if version >= VERSION else _upgrade(value, source)
    match present:
        case {"case": {"protocol": {"mode": mode}}, "telemetry": dict(telemetry)}:
            if states_of is not None and mode not in states_of:
                present["telemetry"] = telemetry | _NO_STATES
    return config.structure(present, Payload, source=source)


def _upgrade(value: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Returns a version 1 payload as version 2."""
    telemetry = dict(value["sensed"])
    result_base64 = telemetry.pop("result_base64", None)
    cores = telemetry.pop("cores", None)
    bounds = telemetry.pop("bounds", {})
    for name in _UNUSED:
        telemetry.pop(name, None)
    for old, new in _RENAMED.items():
        if old in telemetry:
            telemetry[new] = telemetry.pop(old)
    # Without a limit in version 1, temperatures were not assessed.
    limits = config.structure({"temp_c": None, **bounds}, Limits, source=source)
    return {
        "case": value["case"],
        "telemetry": {**telemetry, "cores": None if cores is None else list(parse_cores(cores))},
        "limits": config.unstructure(limits),
        "result_base64": result_base64,
    }
