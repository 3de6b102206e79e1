import os
import shutil
from contextlib import closing

import pytest
from support.answers import Answering
from support.reach import Boot, direct

from bench.adb.state.facts import (
    Cluster,
    Facts,
    big_cores,
    clusters_of,
    read_facts,
)
from bench.core.errors import DeviceError
from bench.handset.running import Running

CPU = "/sys/devices/system/cpu"
USABLE = tuple(sorted(os.sched_getaffinity(0)))
CLUSTERS = (
    Cluster(cores=(0, 1, 2, 3), max_khz=2_016_000, capacity=325),
    Cluster(cores=(4, 5, 6), max_khz=2_803_200, capacity=828),
    Cluster(cores=(7,), max_khz=3_187_200, capacity=1024),
)


def test_a_phone_tells_what_it_is(handset: Running) -> None:
    with closing(direct(handset.serial)) as phone:
        facts = read_facts(phone)
    assert facts.boot_id is not None and len(facts.boot_id) == 36
    assert facts.memory_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert facts == Facts(
        serial=handset.name,
        manufacturer="Debian",
        model="Virtual Handset 1",
        codename="vh1",
        soc="QTI SM8650",
        abis=("x86_64",),
        sdk=34,
        release="14",
        fingerprint="debian/virtual_handset/vh1:14/UP1A.231005.007/1:user/release-keys",
        boot_id=facts.boot_id,
        cores=(0, 1, 2, 3, 4, 5, 6, 7),
        clusters=CLUSTERS,
        allowed_cores=USABLE,
        page_bytes=os.sysconf("SC_PAGE_SIZE"),
        memory_bytes=facts.memory_bytes,
        taskset=True,
        virtual=True,
    )


def test_what_a_phone_hides_is_absent_and_the_rest_is_there(boot_phone: Boot) -> None:
    hidden = ("ro.serialno", "ro.boot.serialno", "ro.soc.model", "ro.build.version.sdk")
    running = boot_phone(properties={**dict.fromkeys(hidden, ""), "ro.product.model": "Pixel"})
    shutil.rmtree(running.path(CPU))
    with closing(direct(running.serial)) as phone:
        facts = read_facts(phone)
    assert (facts.serial, facts.model) == (running.serial, "Pixel")
    assert (facts.soc, facts.sdk) == ("sm8650", None)
    assert (facts.cores, facts.clusters) == ((), ())
    assert facts.allowed_cores == big_cores(facts, 1) == USABLE


OLD = {
    "properties": "[ro.product.model]: [Nexus 5]\r\n[ro.hardware]: [hammerhead]\r\n"
    "[ro.motd]: [one\r\ntwo]\r\n"
    "[ro.product.cpu.abi]: [armeabi-v7a]\r\n[ro.product.cpu.abi2]: [armeabi]\r\n"
    "[ro.build.version.sdk]: [21]\r\n[ro.soc.model]: [unknown]\r\n",
    "files": f"{CPU}/present:0-3\r\n{CPU}/cpu0/cpufreq/cpuinfo_max_freq:2265600\r\n",
    "kernel": "MemTotal:        1899548 kB\r\nCpus_allowed_list:\t0-3\r\n",
    "page": "KernelPageSize:        4 kB\r\n",
}


def test_an_old_phone_is_read_all_the_same() -> None:
    facts = read_facts(Answering(OLD))
    assert (facts.serial, facts.model, facts.soc) == ("R58N", "Nexus 5", "hammerhead")
    assert (facts.abis, facts.sdk) == (("armeabi-v7a", "armeabi"), 21)
    assert (facts.manufacturer, facts.boot_id, facts.fingerprint) == (None, None, "")
    assert facts.clusters == (Cluster(cores=(0,), max_khz=2_265_600, capacity=None),)
    assert facts.allowed_cores == facts.cores == (0, 1, 2, 3)
    assert (facts.page_bytes, facts.memory_bytes) == (4096, 1899548 * 1024)
    assert not facts.taskset and not facts.virtual


def test_what_tells_nothing_of_itself_is_no_phone() -> None:
    with pytest.raises(DeviceError, match="is it Android"):
        read_facts(Answering({}))


def test_cores_of_equal_clock_are_told_apart_by_capacity() -> None:
    khz = {0: 2_000_000, 1: 2_000_000, 2: 2_000_000}
    assert clusters_of(khz, {0: 1024, 1: 400, 2: 1024}) == (
        Cluster(cores=(1,), max_khz=2_000_000, capacity=400),
        Cluster(cores=(0, 2), max_khz=2_000_000, capacity=1024),
    )
    partly = clusters_of(khz, {0: 1024})
    assert partly == (Cluster(cores=(0, 1, 2), max_khz=2_000_000, capacity=None),)


@pytest.mark.parametrize(
    ("allowed", "threads", "chosen"),
    [
        ("0-7", 1, (7,)),
        ("0-7", 2, (4, 5, 6, 7)),
        ("0-7", 5, (0, 1, 2, 3, 4, 5, 6, 7)),
        ("0-7", 9, (0, 1, 2, 3, 4, 5, 6, 7)),
        ("0-6", 1, (4, 5, 6)),
        ("0,4", 1, (4,)),
        ("0,4", 2, (0, 4)),
        ("0-1", 1, (0, 1)),
    ],
)
def test_the_big_cores_are_the_fastest_that_suffice_and_may_be_used(
    allowed: str, threads: int, chosen: tuple[int, ...]
) -> None:
    kernel = f"Cpus_allowed_list: {allowed}"
    speeds = "".join(
        f"{CPU}/cpu{core}/cpufreq/cpuinfo_max_freq:{cluster.max_khz}\n"
        for cluster in CLUSTERS
        for core in cluster.cores
    )
    facts = read_facts(Answering({**OLD, "kernel": kernel, "files": speeds}))
    assert big_cores(facts, threads) == chosen
