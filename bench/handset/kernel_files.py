"""The files below /sys in which a phone's kernel shows heat, clocks and the battery."""

from __future__ import annotations

from pathlib import Path

_THERMAL_ZONES = (
    ("cpu-0-0", 41_200),
    ("cpu-1-0", 43_900),
    ("gpuss-0", 39_000),
    ("battery", 28_100),
    ("skin-therm", 33_500),
)
# Cores, relative capacity and frequencies of each cluster.
_CLUSTERS = (
    (range(4), 325, (300_000, 691_200, 1_171_200, 1_612_800, 2_016_000)),
    (range(4, 7), 828, (300_000, 844_800, 1_555_200, 2_227_200, 2_803_200)),
    (range(7, 8), 1_024, (300_000, 1_017_600, 1_766_400, 2_534_400, 3_187_200)),
)
_TOTAL_TICKS = 500_000
_BATTERY: dict[str, str | int] = {
    "capacity": 83,
    "charge_counter": 3_569_000,
    "current_now": -312_000,
    "health": "Good",
    "present": 1,
    "status": "Charging",
    "technology": "Li-ion",
    "temp": 281,
    "voltage_now": 4_312_000,
}


def write_kernel_files(sys: Path) -> None:
    """Writes the files below a phone's /sys."""
    files = _thermal() | _battery()
    cpu = "devices/system/cpu"
    cores = [core for cluster, _, _ in _CLUSTERS for core in cluster]
    for name in ("possible", "present", "online"):
        files[f"{cpu}/{name}"] = f"{cores[0]}-{cores[-1]}"
    for cluster, capacity, frequencies_khz in _CLUSTERS:
        policy = f"{cpu}/cpufreq/policy{cluster[0]}"
        files |= {
            f"{policy}/{key}": text for key, text in _policy(cluster, frequencies_khz).items()
        }
        files |= {f"{cpu}/cpu{core}/online": 1 for core in cluster}
        files |= {f"{cpu}/cpu{core}/cpu_capacity": capacity for core in cluster}
    for name, text in files.items():
        (sys / name).parent.mkdir(parents=True, exist_ok=True)
        (sys / name).write_text(f"{text}\n")
    for cluster, _, _ in _CLUSTERS:
        for core in cluster:
            # As in the kernel: the cores of a cluster share their clock.
            (sys / cpu / f"cpu{core}" / "cpufreq").symlink_to(f"../cpufreq/policy{cluster[0]}")


def _policy(cluster: range, frequencies_khz: tuple[int, ...]) -> dict[str, str | int]:
    lowest, highest = frequencies_khz[0], frequencies_khz[-1]
    cores = " ".join(map(str, cluster))
    ticks = _TOTAL_TICKS // len(frequencies_khz)
    return {
        "affected_cpus": cores,
        "cpuinfo_max_freq": highest,
        "cpuinfo_min_freq": lowest,
        "related_cpus": cores,
        "scaling_available_frequencies": " ".join(map(str, frequencies_khz)),
        "scaling_available_governors": "walt performance powersave schedutil",
        "scaling_cur_freq": highest,
        "scaling_driver": "qcom-cpufreq-hw",
        "scaling_governor": "schedutil",
        "scaling_max_freq": highest,
        "scaling_min_freq": lowest,
        "stats/time_in_state": "\n".join(f"{khz} {ticks}" for khz in frequencies_khz),
        "stats/total_trans": 1_000,
    }


def _thermal() -> dict[str, str | int]:
    files: dict[str, str | int] = {}
    for index, (kind, milli_c) in enumerate(_THERMAL_ZONES):
        zone = f"class/thermal/thermal_zone{index}"
        files |= {f"{zone}/type": kind, f"{zone}/temp": milli_c}
    for index, _ in enumerate(_CLUSTERS):
        device = f"class/thermal/cooling_device{index}"
        files |= {f"{device}/type": f"thermal-cpufreq-{index}", f"{device}/cur_state": 0}
        files[f"{device}/max_state"] = 20
    return files


def _battery() -> dict[str, str | int]:
    supply = "class/power_supply"
    files = {f"{supply}/battery/{key}": text for key, text in _BATTERY.items()}
    return files | {f"{supply}/usb/online": 1, f"{supply}/ac/online": 0}
