"""The phone-like file system: unpacked packages are laid out as Android has them."""

from __future__ import annotations

import subprocess
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.core.errors import InfrastructureError
from bench.handset.authorisation import require_keys

_PLATFORM_TOOLS = Path("usr/lib/android-sdk/platform-tools")
_FOLDERS = (
    *("system/bin", "system/xbin", "system/etc", "system/lib64", "vendor/bin", "vendor/lib64"),
    *("data/local/tmp", "data/misc/adb", "data/misc/logd", "data/property", "data/system/hs"),
    *("storage/emulated/0/Download", "storage/emulated/0/DCIM", "storage/self"),
    *("mnt", "proc", "sys", "dev", "apex/com.android.adbd/bin", "product/bin", "odm/bin"),
)
_LINKS = {
    "bin": "system/bin",
    "sbin": "system/bin",
    "etc": "system/etc",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "sdcard": "/storage/self/primary",
    "storage/self/primary": "/storage/emulated/0",
    "apex/com.android.adbd/bin/adbd": f"/{_PLATFORM_TOOLS}/adbd",
}
_PROGRAMS = {
    "usr/bin/toybox": "system/bin/toybox",
    "usr/bin/mksh": "system/bin/sh",
    "usr/bin/busybox": "system/bin/busybox",
}
_TEXTS = {
    "build.prop": "system/build.prop",
    "passwd": "system/etc/passwd",
    "group": "system/etc/group",
    "mkshrc": "system/etc/mkshrc",
    "init": "init",
}
_THERMAL_ZONES = (
    ("cpu-0-0", 41_200),
    ("cpu-1-0", 43_900),
    ("gpuss-0", 39_000),
    ("battery", 28_100),
    ("skin-therm", 33_500),
)
_CORE_KHZ = (2_016_000,) * 4 + (2_803_200,) * 3 + (3_187_200,)


def package_data() -> Traversable:
    """Returns the folder of the files that run inside the phone."""
    return resources.files("bench.handset") / "data"


def lay_out(root: Path) -> None:
    """Makes a phone of the packages that are unpacked below ``root``.

    Raises:
        InfrastructureError: a program cannot be built or is not what it was.
    """
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for link, target in _LINKS.items():
        place = root / link
        if not (place.exists() and not place.is_symlink()):  # /lib may be a folder of a package
            place.unlink(missing_ok=True)
            place.symlink_to(target)
    for source, target in _PROGRAMS.items():
        (root / target).write_bytes((root / source).read_bytes())
        (root / target).chmod(0o755)
    for name, target in _TEXTS.items():
        (root / target).write_text((package_data() / name).read_text())
    (root / "init").chmod(0o755)
    (root / "vendor" / "build.prop").write_text("ro.boot.hardware=qcom\n")
    (root / "system" / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    _link_applets(root)
    for stand_in in (package_data() / "bin").iterdir():
        program = root / "system" / "bin" / stand_in.name
        program.unlink(missing_ok=True)  # a link to toybox, which must not be written through
        program.write_text(stand_in.read_text())
        program.chmod(0o755)
    _compile_properties(root / "system" / "lib64" / "libprops.so")
    adbd = root / _PLATFORM_TOOLS / "adbd"
    secure = adbd.with_name("adbd-secure")
    secure.write_bytes(require_keys(adbd.read_bytes()))
    secure.chmod(0o755)
    for name, text in _sys_files().items():
        (root / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "sys" / name).write_text(f"{text}\n")
    for folder in ("data", "data/local", "data/local/tmp"):
        (root / folder).chmod(0o771)


def _link_applets(root: Path) -> None:
    """Links the commands that a phone has to toybox, and those that Debian's lacks to busybox."""
    libraries = root / "usr/lib/x86_64-linux-gnu"
    loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
    toybox = _output([*loader, str(root / "usr/bin/toybox")])
    busybox = _output([str(root / "usr/bin/busybox"), "--list"])
    for applet in (package_data() / "applets.txt").read_text().split():
        for program, known in (("toybox", toybox), ("busybox", busybox)):
            if applet in known:
                (root / "system" / "bin" / applet).symlink_to(program)
                break


def _compile_properties(library: Path) -> None:
    with resources.as_file(package_data() / "props.cpp") as source:
        _output(["g++", "-O2", "-fPIC", "-shared", "-o", str(library), str(source), "-ldl"])


def _sys_files() -> dict[str, str | int]:
    """Returns the kernel's files below /sys that a phone has: path to content."""
    files: dict[str, str | int] = {}
    for index, (kind, milli_c) in enumerate(_THERMAL_ZONES):
        files[f"class/thermal/thermal_zone{index}/type"] = kind
        files[f"class/thermal/thermal_zone{index}/temp"] = milli_c
    for index in range(2):
        folder = f"class/thermal/cooling_device{index}"
        files |= {f"{folder}/type": f"thermal-cpufreq-{index}", f"{folder}/cur_state": 0}
        files[f"{folder}/max_state"] = 20
    for core, khz in enumerate(_CORE_KHZ):
        folder = f"devices/system/cpu/cpu{core}"
        files[f"{folder}/online"] = 1
        files |= {
            f"{folder}/cpufreq/scaling_governor": "schedutil",
            f"{folder}/cpufreq/scaling_available_governors": "walt performance powersave schedutil",
            f"{folder}/cpufreq/cpuinfo_max_freq": khz,
            f"{folder}/cpufreq/scaling_max_freq": khz,
            f"{folder}/cpufreq/scaling_cur_freq": khz,
            f"{folder}/cpufreq/cpuinfo_min_freq": 300_000,
            f"{folder}/cpufreq/scaling_min_freq": 300_000,
        }
    for name in ("possible", "present", "online"):
        files[f"devices/system/cpu/{name}"] = f"0-{len(_CORE_KHZ) - 1}"
    battery = "class/power_supply/battery"
    files |= {f"{battery}/capacity": 83, f"{battery}/status": "Charging", f"{battery}/temp": 281}
    files |= {f"{battery}/current_now": -312_000, f"{battery}/voltage_now": 4_312_000}
    return files


def _output(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise InfrastructureError(
            f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}",
            hint="check the compiler and the free disk space, then run it again",
            command=" ".join(command),
            exit_status=done.returncode,
        )
    return done.stdout.split()
