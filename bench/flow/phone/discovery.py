"""The phones that are there, and what a device profile adds to what they tell."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.adb.lock import locked
from bench.adb.phone import Phone
from bench.adb.state.facts import Cluster, Facts, big_cores, read_facts
from bench.adb.state.settings import restore_settings
from bench.adb.transport.serials import Found, list_phones, resolve, way_to
from bench.adb.transport.server import unusable_state
from bench.core.device_state.cores import mask
from bench.core.errors import DeviceError
from bench.core.version import VERSION
from device_profiles.device_profile import CoreCluster, Match, Profile, choose

USABLE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A phone that is there.

    Args:
        found: the way to it.
        facts: ``None`` where it cannot be asked.
        trouble, next_step: why it cannot be asked, and what to do; empty where it can.
    """

    found: Found
    facts: Facts | None = None
    trouble: str = ""
    next_step: str = ""


def meant(serials: Sequence[str], environ: Mapping[str, str] = os.environ) -> list[Found]:
    """Returns the phones of ``serials``, usable or not; all that are there if it is empty.

    Raises:
        ConfigurationError: one is neither there nor a ``host:port``.
        TransientDeviceError: the adb server does not answer.
    """
    there = list_phones(environ)
    by_serial = {each.serial: each for each in there}
    if not serials:
        return there
    return [
        by_serial[serial] if serial in by_serial else resolve([serial], environ)[0]
        for serial in dict.fromkeys(serials)
    ]


@contextmanager
def reached(
    found: Found, environ: Mapping[str, str] = os.environ, *, on_prompt: Callable[[], None]
) -> Iterator[Phone]:
    """Yields a phone that no other process of this machine uses meanwhile, left as it was.

    Raises:
        ConfigurationError: the keys are unusable.
        DeviceError: it cannot be used.
        TransientDeviceError: it is not there, does not answer, or somebody else uses it.
    """
    if found.state != USABLE:
        raise unusable_state(found.serial, found.state)
    with locked(found.serial):
        phone = Phone(way_to(found, environ, on_prompt=on_prompt))
        try:
            yield phone
        finally:
            phone.close()


def look(found: Found, environ: Mapping[str, str] = os.environ) -> Attached:
    """Returns a phone with what it tells of itself, unless another process is using it.

    Nobody is asked to accept a key: a phone that wants that counts as unauthorized.
    """
    state = found.state

    def refuse() -> None:
        nonlocal state
        state = "unauthorized"
        raise DeviceError(
            f"{found.serial}: unauthorized: it does not know this machine's key",
            hint=f"unlock it and let it ask: frill-bench doctor -s {found.serial}",
            serial=found.serial,
        )

    try:
        with reached(found, environ, on_prompt=refuse) as phone:
            restore_settings(phone)
            return Attached(found=found, facts=read_facts(phone))
    except DeviceError as error:
        found = replace(found, state=state)
        return Attached(found=found, trouble=error.message, next_step=error.hint)


def profile_of(facts: Facts, known: Sequence[Profile]) -> Profile:
    """Returns the profile that fits a phone most closely.

    Raises:
        ConfigurationError: none does.
    """
    return choose(known, model=facts.model, soc=facts.soc, abis=facts.abis)


def completed(facts: Facts, profile: Profile) -> Facts:
    """Returns a phone's facts with the clusters of its profile.

    Those of an unverified profile count only where the phone hides its own.
    """
    if not profile.clusters or (profile.unverified and facts.clusters):
        return facts
    clusters = tuple(
        Cluster(cores=each.cores, max_khz=each.max_khz, capacity=None) for each in profile.clusters
    )
    return replace(facts, clusters=clusters)


def affinity(facts: Facts, profile: Profile, threads: int) -> str | None:
    """Returns the mask of cores to measure on, as ``taskset`` takes it.

    ``None`` where the phone cannot pin, or where there is nothing to choose.
    """
    usable = set(facts.allowed_cores or facts.cores)
    chosen = set(big_cores(completed(facts, profile), threads))
    if profile.big_mask is not None and not (profile.unverified and facts.clusters):
        bits = int(profile.big_mask, 16)
        named = {core for core in usable if bits >> core & 1}
        if len(named) >= threads:
            chosen = named
    return mask(chosen) if facts.taskset and chosen and chosen < usable else None


def captured(facts: Facts, like: Profile) -> Profile:
    """Returns a profile of the very phone that was read; its limits are those of ``like``."""
    return Profile(
        name=facts.model,
        match=Match(model=(glob.escape(facts.model),)),
        clusters=tuple(
            CoreCluster(cores=each.cores, max_khz=each.max_khz) for each in facts.clusters
        ),
        delegates=like.delegates,
        cooldown=like.cooldown,
        battery=like.battery,
        source=f"read by frill-bench {VERSION} from {facts.fingerprint or facts.serial}",
    )
