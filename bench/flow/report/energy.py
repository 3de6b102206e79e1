"""The energy of a case, from the telemetry of its processes and the idle power of its session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from bench.core import config
from bench.core.device_state.energy import Energy
from bench.measure.energy import (
    IDLE_POWER,
    METERED,
    Amount,
    Draw,
    EnergyUse,
    Paced,
    draw_of,
    energy_use,
)
from bench.measure.outcome import Measured
from bench.measure.stopping import counts
from bench.plan.case import Case, Mode
from bench.store.records import Event, Invocation

_NONE_VALID = "no process that was valid"


def energy_of(
    invocations: Sequence[Invocation], events: Iterable[Event], *, hop_s: float | None
) -> EnergyUse | None:
    """Returns the energy of a case's valid processes; ``None`` if it was not asked for.

    Args:
        events: of their session.
        hop_s: of the file; ``None`` if it has none.
    """
    case = invocations[0].case
    if case.protocol.mode not in METERED or all(
        each.telemetry.energy is None for each in invocations
    ):
        return None
    paced: list[Paced] = []
    why = dict.fromkeys([_NONE_VALID])
    source = Energy()
    for each in invocations:
        energy, period_s = each.telemetry.energy, _period_s(each)
        if energy is None or period_s is None:
            continue
        draw = draw_of(energy, case.delegate)
        if isinstance(draw, Draw):
            source = energy
            paced.append(Paced(draw=draw, period_s=period_s))
        else:
            why[draw if energy.unavailable is None else _no_meter(draw, _plugged([each]))] = None
    plugged = _plugged(invocations)
    if not paced:
        return EnergyUse(plugged=plugged, hop_s=hop_s, unavailable=next(reversed(why)))
    return energy_use(
        paced,
        source=source,
        delegate=case.delegate,
        plugged=plugged,
        idle=_idle(events, case),
        hop_s=hop_s,
        streams=case.protocol.mode is Mode.STREAMING,
    )


def _period_s(invocation: Invocation) -> float | None:
    """Returns the mean time from one inference to the next of a valid process."""
    outcome, protocol = invocation.outcome, invocation.case.protocol
    if not isinstance(outcome, Measured) or not counts(outcome, protocol.mode):
        return None
    if protocol.mode is Mode.STREAMING:
        return protocol.run_delay_s + fmean(outcome.inference_us) / 1e6
    return None if outcome.statistics is None else outcome.statistics.avg_us / 1e6


def _no_meter(why: str, plugged: str | None) -> str:
    """Returns why there is no energy on a device without a meter, with why its battery is none."""
    if plugged is None:
        return why
    if plugged == "none":
        return f"{why}; the battery's counter is of the whole phone, so it does not stand in"
    return f"{why}; plugged in ({plugged}), the battery's counter is of no use either"


def _plugged(invocations: Iterable[Invocation]) -> str | None:
    states = [each.telemetry.after for each in invocations]
    sources = dict.fromkeys(state.plugged.text for state in states if state is not None)
    return ", ".join(filter(None, sources)) or None


def _idle(events: Iterable[Event], case: Case) -> Draw | None:
    """Returns what the rails gave while the device only waited; ``None`` if it is not known."""
    stored = [each.facts for each in events if each.kind == IDLE_POWER]
    if not stored:
        return None
    draw = draw_of(config.structure(stored[-1], Energy, source=IDLE_POWER), case.delegate)
    return draw if isinstance(draw, Draw) else None


def amount_columns(name: str, amount: Amount | None) -> dict[str, float | None]:
    """Returns the columns of an amount and its interval."""
    values = (None, None, None) if amount is None else (amount.value, amount.low, amount.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def energy_columns(by_mode: Mapping[Mode, EnergyUse | None], hop_s: float | None) -> dict[str, Any]:
    """Returns the columns of a row's energy, by that of the same case in other modes.

    Args:
        hop_s: of the row.
    """
    sustained, streamed = by_mode.get(Mode.SUSTAINED), by_mode.get(Mode.STREAMING)
    if streamed is not None and streamed.hop_s != hop_s:
        streamed = None
    rails = next((each.rails for each in (sustained, streamed) if each and each.rails), ())
    return {
        **amount_columns(
            "energy_j_per_inference", sustained.per_inference_j if sustained else None
        ),
        **amount_columns("energy_j_per_hour", streamed.per_hour_j if streamed else None),
        "energy_rails": ";".join(rails) or None,
    }
