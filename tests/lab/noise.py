"""Latencies of simulated devices whose truth is known, with the noise of phones and hosts.

All levels are logarithms: a device's slow states add to what its processes cost, processes differ,
and so do the inferences in one. No phone was measured for these; figures are from what is published
and from judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

INFERENCE_S = 0.020
_DRIFT_PROCESSES = 60  # over which drift forgets
_RAMP_PROCESSES = 80
_DIP_INFERENCES = 8  # that a dip of the clock lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A state that comes and goes.

    Args:
        on, off: chance of each at every step.
        slowdown: what it costs, as a share.
        varying: it costs 0.3 to 1.7 times that, each time anew.
    """

    on: float
    off: float
    slowdown: float
    varying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """Clocks that rise when a process begins.

    Args:
        slowdown: what the first moment costs; each process 0.7 to 1.3 times that.
        over_s: after which it is 1 / e of that.
    """

    slowdown: float
    over_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of device.

    Args:
        drift: SD of a slow autoregression over processes.
        process, inference: SD of either.
        slow_share, slowdown: of processes that land on a slow core or page layout.
        dip_share, dip: of inferences in dips of the clock.
        spike_share, spike: of inferences with a spike, and its mean.
        ramp: what warming up costs in the end.
        throttle, neighbour: states that last some processes.
        session: SD between sessions, shared by all that is measured in one.
        rise: of the clocks; without it they are up at once.
    """

    drift: float
    process: float
    inference: float
    spike_share: float
    spike: float
    session: float
    slow_share: float = 0.0
    slowdown: float = 0.0
    dip_share: float = 0.0
    dip: float = 0.0
    ramp: float = 0.0
    throttle: Switch | None = None
    neighbour: Switch | None = None
    rise: Rise | None = None


def _phone(
    *,
    drift: float = 0.010,
    slow_share: float = 0.05,
    slowdown: float = 0.08,
    ramp: float = 0.0,
    throttle: Switch | None = None,
) -> Profile:
    return Profile(
        drift=drift, process=0.010, inference=0.015, spike_share=0.010, spike=0.30, session=0.020,
        slow_share=slow_share, slowdown=slowdown, dip_share=0.15, dip=0.08,
        ramp=ramp, throttle=throttle,
    )  # fmt: skip


PROFILES: Mapping[str, Profile] = {
    # Rooted, clocks locked.
    "locked": Profile(
        drift=0.002, process=0.004, inference=0.008, spike_share=0.003, spike=0.30, session=0.005
    ),
    # Unrooted, pinned to big cores, cool.
    "phone": _phone(),
    # It warms up, and the kernel steps its clocks down now and then.
    "hot": _phone(
        drift=0.012, ramp=0.05, throttle=Switch(on=1 / 80, off=1 / 30, slowdown=0.15)
    ),
    # Three in ten processes on a slower core.
    "bimodal": _phone(slow_share=0.30, slowdown=0.12),
    # A shared host with a neighbour that comes and goes.
    "noisyhost": Profile(
        drift=0.020, process=0.015, inference=0.030, spike_share=0.030, spike=0.50, session=0.060,
        slow_share=0.05, slowdown=0.08,
        neighbour=Switch(on=1 / 6, off=1 / 3, slowdown=0.25, varying=True),
    ),
}  # fmt: skip


# A process starts 30 % slow, and is nearly as fast as it gets after half a second.
RISING = Rise(slowdown=0.30, over_s=0.1)


# Nothing changes but the device, as badly as it can: levels of consecutive processes.
ADVERSARIES: Mapping[str, Callable[[np.random.Generator, int, int], Floats]] = {
    "a ramp of +20 %": lambda rng, rows, n: np.tile(np.linspace(0, 0.2, n), (rows, 1)),
    "a sine of 10 %, period 7": lambda rng, rows, n: (
        0.1 * np.sin(2 * np.pi * (np.arange(n) / 7 + rng.random((rows, 1)))).astype(np.float64)
    ),
    "a step of +25 % somewhere": lambda rng, rows, n: np.where(
        np.arange(n) >= rng.integers(0, n, (rows, 1)), 0.22, 0.0
    ),
    "a random walk of 3 % a process": lambda rng, rows, n: np.cumsum(
        rng.normal(0, 0.03, (rows, n)), axis=-1
    ),
    "Cauchy spikes": lambda rng, rows, n: 0.02 * np.abs(rng.standard_cauchy((rows, n))),
    "the second of a pair +10 %": lambda rng, rows, n: np.tile(
        0.095 * (np.arange(n) % 2), (rows, 1)
    ),
}


def median(levels: Floats) -> Floats:
    """Returns the median of each process's inferences, an odd number of them."""
    middle = levels.shape[-1] // 2
    return np.asarray(np.partition(levels, middle, axis=-1)[..., middle])


def minimum(levels: Floats) -> Floats:
    """Returns the fastest of each process's inferences."""
    return np.asarray(levels.min(axis=-1))


def device(rng: np.random.Generator, profile: Profile, rows: int, processes: int) -> Floats:
    """Returns a device's level at each of consecutive processes: float64 [rows, processes]."""
    keep = np.exp(-1 / _DRIFT_PROCESSES)
    steps = rng.normal(0, profile.drift, (processes, rows))
    steps[1:] *= np.sqrt(1 - keep**2)
    for here, before in zip(steps[1:], steps, strict=False):
        here += keep * before
    level = steps.T
    if profile.ramp:
        since = rng.uniform(0, 300, (rows, 1)) + np.arange(processes)
        level = level + profile.ramp * (1 - np.exp(-since / _RAMP_PROCESSES))
    for switch in (profile.throttle, profile.neighbour):
        if switch:
            cost = np.log1p(switch.slowdown) * _states(rng, switch.on, switch.off, rows, processes)
            level = level + (rng.uniform(0.3, 1.7, cost.shape) * cost if switch.varying else cost)
    return level


def processes(
    rng: np.random.Generator,
    profile: Profile,
    level: Floats,
    *,
    inferences: int,
    warmup_s: float = 0.15,
) -> Floats:
    """Returns the log latency of each inference: float64 [..., inferences].

    Args:
        level: float64 [...], of each process before it differs from others.
        warmup_s: before the first of them, in which the clocks rise.
    """
    shape = level.shape
    slow = rng.random(shape) < profile.slow_share
    level = level + rng.normal(0, profile.process, shape) + slow * np.log1p(profile.slowdown)
    found = level[..., None] + rng.normal(0, profile.inference, (*shape, inferences))
    if profile.dip_share:
        off = 1 / _DIP_INFERENCES
        on = profile.dip_share * off / (1 - profile.dip_share)
        dips = _states(rng, on, off, level.size, inferences).reshape(found.shape)
        found += dips * np.log1p(profile.dip)
    spiked = rng.random(found.shape) < profile.spike_share
    found[spiked] += np.log1p(rng.exponential(profile.spike, int(spiked.sum())))
    if profile.rise is not None:
        found += _rising(rng, profile.rise, shape, warmup_s + INFERENCE_S * np.arange(inferences))
    return np.asarray(found)


def _rising(
    rng: np.random.Generator, rise: Rise, shape: tuple[int, ...], began_s: Floats
) -> Floats:
    """Returns what clocks that still rise cost each inference: float64 [..., inferences]."""
    first = rise.slowdown * rng.uniform(0.7, 1.3, (*shape, 1))
    return np.asarray(np.log1p(first * np.exp(-began_s / rise.over_s)))


def _states(
    rng: np.random.Generator, on: float, off: float, rows: int, steps: int
) -> NDArray[np.bool_]:
    """Returns whether a state is on at each step, from its long-run share: bool [rows, steps]."""
    found = np.empty((steps, rows), np.bool_)
    found[0] = rng.random(rows) < on / (on + off)
    draws = rng.random((steps, rows), np.float32)
    for step in range(1, steps):
        found[step] = np.where(found[step - 1], draws[step] > off, draws[step] < on)
    return np.ascontiguousarray(found.T)
