"""Reads version 1 of a gate's log, which stored names, caveats and facts as texts; never writes it.

Each function returns a plain record in the form of version 2. Invalid values are left as they are,
and the types of version 2 refuse them.
"""

from __future__ import annotations

from typing import Any

from bench.core.errors import ConfigurationError

VERSION = 1

_RULE = {
    "looks": "analyses",
    "condemning_shares": "rejection_shares",
    "processes_per_arm": "processes_per_side",
}
_OBSERVED = {"tool": "tool_sha256", "baseline_tool": "baseline_tool_sha256", "cores": "affinity"}
_ALL_CORES = "all"
_REASONS = {"guards-never-satisfied": "environment-unstable"}


def upgrade(kind: str, record: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Returns a record of version 1 in the form of version 2.

    Args:
        record: without its version and kind.
        where: its file and line.

    Raises:
        ConfigurationError: it cannot be a record of version 1.
    """
    try:
        if kind == "opened":
            return _upgrade_opened(record)
        if "model" in record:
            return {**record, "model": _split_key(record["model"])}
        if kind == "closed":
            return {**record, "reason": _REASONS.get(record["reason"], record["reason"])}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{where}: is not a record of version {VERSION} ({type(error).__name__}: {error})",
            hint="restore the log from where it was saved",
        ) from error
    return record


def _upgrade_opened(record: dict[str, Any]) -> dict[str, Any]:
    device = record["device"]
    cores = device.get("cores")
    unmeasured = record.get("unmeasured", {}).items()
    return {
        **record,
        "rule": {_RULE.get(name, name): value for name, value in record["rule"].items()},
        "device": {
            **device,
            "cores": None if cores is None else int(cores),
            "virtual": device.get("virtual") == "yes",
            "boot_id": None,
        },
        "models": [_upgrade_pair(dict(pair)) for pair in record["models"]],
        "unmeasured": [{"model": _split_key(key), "verdict": why} for key, why in unmeasured],
    }


def _upgrade_pair(pair: dict[str, Any]) -> dict[str, Any]:
    observed = {_OBSERVED.get(name, name): value for name, value in pair["observed"].items()}
    caveats = observed.pop("caveats", "").split()
    if observed["affinity"] == _ALL_CORES:
        del observed["affinity"]
    model = {"name": pair.pop("name"), "format": pair.pop("format")}
    return {
        **pair,
        "model": model,
        "observed": {**observed, "threads": int(observed["threads"])},
        "caveats": [{"kind": kind} for kind in caveats],
    }


def _split_key(key: str) -> dict[str, str]:
    name, _, format = key.rpartition(" ")
    return {"name": name, "format": format}
