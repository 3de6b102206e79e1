"""Which cores of a phone are the fastest, and when nothing shows it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support.answers import Answering
from support.device_states import QUIET

from bench.adb.state.facts import Cluster, Facts, big_cores, clusters_of, read_facts
from bench.core.errors import DeviceError
from bench.flow.checks.machine import Finding, Level
from bench.flow.checks.phone import examine_phone
from bench.flow.phone.discovery import affinity, capture_profile, cores_left_out
from device_profiles.device_profile import CoreCluster, Profile

CAPTURES = Path(__file__).parent.parent / "data/phone_captures"
CPU = "/sys/devices/system/cpu"
GENERIC = Profile(name="any phone", source="a test")
KNOWN = Profile(
    name="this one",
    source="a test",
    unverified=True,
    clusters=(CoreCluster(cores=(0, 1, 2, 3)), CoreCluster(cores=(4, 5, 6, 7))),
    big_mask="f0",
)
ALL, LITTLE, BIG = tuple(range(8)), (0, 1, 2, 3), (4, 5, 6, 7)


def facts_of(
    khz: Mapping[Sequence[int], int],
    capacity: Mapping[Sequence[int], int],
    more: Sequence[str] = (),
    *,
    present: str | None = "0-7",
    allowed: str = "0-7",
) -> Facts:
    lines = [
        *([f"{CPU}/present:{present}"] if present else []),
        *(f"{CPU}/cpu{n}/cpu_capacity:{each}" for all_, each in capacity.items() for n in all_),
        *(
            f"{CPU}/cpu{n}/cpufreq/cpuinfo_max_freq:{each}"
            for all_, each in khz.items()
            for n in all_
        ),
        *(f"{CPU}/{line}" for line in more),
    ]
    return read_facts(
        Answering(
            {
                "properties": "[ro.product.model]: [X]",
                "files": "\n".join(lines),
                "kernel": f"Cpus_allowed_list:\t{allowed}",
                "taskset": "/system/bin/taskset",
            }
        )
    )


def found(facts: Facts, profile: Profile = GENERIC) -> dict[str, Finding]:
    return {each.check: each for each in examine_phone(facts, QUIET, profile)}


def captured(heading: str) -> tuple[dict[int, int], dict[int, int]]:
    text = next(CAPTURES.glob("13-*")).read_text()
    part = text.partition(heading)[2].partition("#")[0]
    read = re.findall(r"cpu(\d+) cpuinfo_max_freq (\d+) cpu_capacity (\d+)", part)
    return {int(n): int(khz) for n, khz, _ in read}, {int(n): int(c) for n, _, c in read}


def test_captured_clocks_and_capacities_make_two_clusters() -> None:
    assert clusters_of(*captured("Exynos 9609")) == (
        Cluster(cores=(1,), max_khz=1_638_000, capacity=363),
        Cluster(cores=(7,), max_khz=2_210_000, capacity=1024),
    )
    assert clusters_of(*captured("8 Elite")) == (
        Cluster(cores=(0,), max_khz=3_532_800, capacity=765),
        Cluster(cores=(6,), max_khz=4_473_600, capacity=1024),
    )


@pytest.mark.parametrize(
    ("khz", "capacity", "clusters"),
    [
        (  # a kernel that does not know how efficient its cores are
            {LITTLE: 2_000_000, BIG: 2_050_000},
            {ALL: 1024},
            [(LITTLE, 2_000_000, 1024), (BIG, 2_050_000, 1024)],
        ),
        (  # a prime core that differs by its clock alone
            {LITTLE: 1_800_000, (4, 5, 6): 2_400_000, (7,): 2_840_000},
            {LITTLE: 380, BIG: 1024},
            [(LITTLE, 1_800_000, 380), ((4, 5, 6), 2_400_000, 1024), ((7,), 2_840_000, 1024)],
        ),
        (  # capacity comes before the clock
            {LITTLE: 2_200_000, BIG: 2_000_000},
            {LITTLE: 400, BIG: 1024},
            [(LITTLE, 2_200_000, 400), (BIG, 2_000_000, 1024)],
        ),
        ({}, {LITTLE: 400, BIG: 1024}, [(LITTLE, None, 400), (BIG, None, 1024)]),
        (
            {LITTLE: 1_800_000, (4,): 2_400_000},
            {LITTLE: 400, BIG: 1024},
            [(LITTLE, 1_800_000, 400), (BIG, 2_400_000, 1024)],
        ),
        ({ALL: 1_500_000}, {ALL: 1024}, [(ALL, 1_500_000, 1024)]),
    ],
)
def test_clusters_differ_in_capacity_or_in_clock(
    khz: Mapping[Sequence[int], int],
    capacity: Mapping[Sequence[int], int],
    clusters: list[tuple[tuple[int, ...], int | None, int]],
) -> None:
    facts = facts_of(khz, capacity)
    assert facts.clusters == tuple(
        Cluster(cores=cores, max_khz=clock, capacity=value) for cores, clock, value in clusters
    )
    assert facts.clusters_complete
    assert big_cores(facts, 1) == clusters[-1][0]
    assert found(facts)["taskset"].level is Level.OK


UNKNOWN = {
    "the big cores are switched off, and have no clock": facts_of(
        {LITTLE: 1_500_000}, {}, ["online:0-3"]
    ),
    "they are off, and the kernel shows their capacity": facts_of(
        {LITTLE: 1_500_000}, {ALL: 1024}, ["online:0-3"]
    ),
    "one of them is off": facts_of({LITTLE: 1_500_000, (4, 5, 6): 2_000_000}, {}, ["online:0-6"]),
    "which are off is hidden": facts_of({LITTLE: 1_500_000}, {}),
    "which are off and which are there is hidden": facts_of({LITTLE: 1_500_000}, {}, present=None),
    "equal capacities, and clocks of some only": facts_of(
        {LITTLE: 1_500_000}, {ALL: 1024}, ["online:0-7"]
    ),
    "equal capacities and no clock": facts_of({}, {ALL: 1024}, ["online:0-7"]),
    "nothing at all": facts_of({}, {}, ["online:0-7"]),
}


@pytest.mark.parametrize("facts", list(UNKNOWN.values()), ids=list(UNKNOWN))
def test_the_cores_that_show_their_speed_are_never_taken_for_the_fastest(facts: Facts) -> None:
    assert big_cores(facts, 1) == facts.usable_cores
    assert affinity(facts, GENERIC, 1) is None
    checks = found(facts)
    assert checks["cores"].level is checks["taskset"].level is Level.WARNING
    assert "which are the fastest is unknown" in checks["cores"].found or not facts.clusters
    assert not capture_without_clusters(facts)


def capture_without_clusters(facts: Facts) -> tuple[CoreCluster, ...]:
    try:
        return capture_profile(facts, GENERIC).clusters
    except DeviceError as error:
        assert "offline" in error.message
        return ()


def test_a_profile_fills_in_what_switched_off_cores_hide() -> None:
    off = facts_of({LITTLE: 1_500_000}, {}, ["online:0-3"])
    one = facts_of({LITTLE: 1_500_000, (4, 5, 6): 2_000_000}, {}, ["online:0-6"])
    assert affinity(one, KNOWN, 1) == "70"  # never a core that is off
    assert affinity(off, KNOWN, 1) is None  # none of the fast cores is on
    checks = found(one, KNOWN)
    assert checks["cores"].level is Level.WARNING
    assert "7 offline" in checks["cores"].found
    assert "as its device profile has it" in checks["cores"].found
    assert checks["taskset"].found == "one thread is pinned with mask 70"


@pytest.mark.parametrize("line", ["isolated:7", "cpu7/isolate:1"])
def test_no_process_is_pinned_to_a_core_that_the_kernel_isolates(line: str) -> None:
    facts = facts_of(
        {LITTLE: 1_500_000, BIG: 2_000_000}, {}, ["online:0-7", "cpu6/isolate:0", line]
    )
    assert affinity(facts, GENERIC, 1) == "70"
    assert found(facts)["isolated cores"].level is Level.WARNING


def test_the_chip_of_an_old_phone_is_named_by_its_own_name() -> None:
    properties = next(CAPTURES.glob("21-*")).read_text()
    facts = read_facts(Answering({"properties": properties}))
    assert facts.soc == "exynos7580"
    assert facts.abis == ("armeabi-v7a", "armeabi")
    assert (facts.sdk, facts.release) == (23, "6.0.1")


def test_rows_name_the_cores_that_were_switched_off_or_closed() -> None:
    clocks = {LITTLE: 1_500_000, BIG: 2_000_000}
    assert cores_left_out(facts_of(clocks, {}, ["online:0-7"])) is None
    assert cores_left_out(facts_of({LITTLE: 1_500_000}, {}, ["online:0-3"])) == "4-7 (offline)"
    closed = facts_of(clocks, {}, ["online:0-6"], allowed="0-5")
    assert cores_left_out(closed) == "6,7; 7 (offline)"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"front": ""}, "processes get its clocks; they keep the cores of adb's shell"),
        ({"front": "Failed to apply task profile"}, "needs Android 13 and root"),
        ({}, "needs Android 13 and root"),  # no such command
    ],
)
def test_doctor_claims_no_more_of_an_app_in_front_than_the_phone_gives(
    answer: dict[str, str], words: str
) -> None:
    facts = read_facts(Answering({"properties": "[ro.product.model]: [X]", **answer}))
    check = found(facts)["app in front"]
    assert words in check.found
    assert check.level is (Level.OK if facts.task_profile else Level.NOTE)
