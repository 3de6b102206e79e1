"""Finds the connected phones and reads their facts, with the help of device profiles."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.adb.lock import locked
from bench.adb.phone import Phone
from bench.adb.state.facts import Cluster, Facts, big_cores, read_facts
from bench.adb.state.settings import restore_settings
from bench.adb.transport.serials import Found, list_phones, resolve, way_to
from bench.adb.transport.server import unusable_state
from bench.core.device_state.cores import list_cores, mask
from bench.core.errors import DeviceError
from bench.core.version import VERSION
from device_profiles.device_profile import CoreCluster, Match, Profile, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A connected phone.

    Args:
        found: how to connect to it.
        facts: ``None`` where it cannot be read.
        trouble, next_step: why it cannot be read, and what to do; empty where it can.
    """

    found: Found
    facts: Facts | None = None
    trouble: str = ""
    next_step: str = ""


def find_phones(serials: Sequence[str], environ: Mapping[str, str] = os.environ) -> list[Found]:
    """Returns the phones of ``serials``, usable or not; all connected phones if it is empty.

    Raises:
        ConfigurationError: a serial is neither connected nor a ``host:port``.
        TransientDeviceError: the adb server does not answer.
    """
    connected = list_phones(environ)
    by_serial = {each.serial: each for each in connected}
    if not serials:
        return connected
    return [
        by_serial[serial] if serial in by_serial else resolve([serial], environ)[0]
        for serial in dict.fromkeys(serials)
    ]


@contextmanager
def connect(
    found: Found, environ: Mapping[str, str] = os.environ, *, on_prompt: Callable[[], None]
) -> Iterator[Phone]:
    """Connects to a phone, which no other process of this machine can use meanwhile.

    Raises:
        ConfigurationError: the keys are unusable.
        DeviceError: it cannot be used.
        TransientDeviceError: it is not connected, does not answer, or another process uses it.
    """
    if found.state != "device":
        raise unusable_state(found.serial, found.state)
    with locked(found.serial):
        phone = Phone(way_to(found, environ, on_prompt=on_prompt))
        try:
            yield phone
        finally:
            phone.close()


def inspect_phone(found: Found, environ: Mapping[str, str] = os.environ) -> Attached:
    """Returns a phone with its facts, unless another process is using it.

    The user is not asked to accept a key: a phone that requires that counts as unauthorized.
    """
    state = found.state

    def refuse() -> None:
        nonlocal state
        state = "unauthorized"
        raise DeviceError(
            f"{found.serial}: unauthorized: it does not know this machine's key",
            hint=f"unlock it and accept the key: frill-bench doctor -s {shlex.quote(found.serial)}",
            serial=found.serial,
        )

    try:
        with connect(found, environ, on_prompt=refuse) as phone:
            restore_settings(phone)
            return Attached(found=found, facts=read_facts(phone))
    except DeviceError as error:
        found = replace(found, state=state)
        return Attached(found=found, trouble=error.message, next_step=error.hint)


def profile_of(facts: Facts, known: Sequence[Profile]) -> Profile:
    """Returns the profile that fits a phone most closely.

    Raises:
        ConfigurationError: none fits.
    """
    return choose(known, model=facts.model, soc=facts.soc, abis=facts.abis)


def complete_facts(facts: Facts, profile: Profile) -> Facts:
    """Returns a phone's facts with the clusters of its profile.

    Clusters of an unverified profile are used only where the phone hides some of its own.
    """
    if not profile.clusters or (profile.unverified and _shows_clusters(facts)):
        return facts
    clusters = tuple(
        Cluster(cores=each.cores, max_khz=each.max_khz, capacity=None) for each in profile.clusters
    )
    return replace(facts, clusters=clusters, clusters_complete=True)


def _shows_clusters(facts: Facts) -> bool:
    return bool(facts.clusters) and facts.clusters_complete


def affinity(facts: Facts, profile: Profile, threads: int) -> str | None:
    """Returns the mask of cores to measure on, as ``taskset`` takes it.

    ``None`` where the phone cannot pin, where all cores are alike, or where nothing shows which
    are the fastest.
    """
    usable = set(facts.usable_cores)
    chosen = set(big_cores(complete_facts(facts, profile), threads))
    if profile.big_mask is not None and not (profile.unverified and _shows_clusters(facts)):
        bits = int(profile.big_mask, 16)
        profile_cores = {core for core in usable if bits >> core & 1}
        if len(profile_cores) >= threads:
            chosen = profile_cores
    return mask(chosen) if facts.taskset and chosen and chosen < usable else None


def cores_left_out(facts: Facts) -> str | None:
    """Returns the cores that cannot be used and are the fastest, or may be."""
    fastest = set(facts.clusters[-1].cores) if facts.clusters else set()
    closed = fastest - set(facts.allowed_cores) if facts.allowed_cores else set()
    away = {"offline": facts.offline_cores, "isolated": facts.isolated_cores}
    texts = [",".join(map(str, sorted(closed)))]
    texts += [f"{list_cores(cores)} ({why})" for why, cores in away.items() if cores]
    return "; ".join(filter(None, texts)) or None


def capture_profile(facts: Facts, like: Profile) -> Profile:
    """Returns a profile of exactly this phone; its limits are those of ``like``.

    Raises:
        DeviceError: some of its cores are offline, so their speed would be missing.
    """
    if facts.offline_cores:
        raise DeviceError(
            f"{facts.serial}: cores {list_cores(facts.offline_cores)} are offline",
            hint="try again with its screen on and an app open, or write the profile by hand",
            serial=facts.serial,
        )
    return Profile(
        name=facts.model,
        match=Match(model=(glob.escape(facts.model),)),
        clusters=tuple(
            CoreCluster(cores=each.cores, max_khz=each.max_khz)
            for each in (facts.clusters if facts.clusters_complete else ())
        ),
        delegates=like.delegates,
        cooldown=like.cooldown,
        battery=like.battery,
        source=f"read by frill-bench {VERSION} from {facts.fingerprint or facts.serial}",
    )
