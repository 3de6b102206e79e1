"""Lays out unpacked packages as Android's file system."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.handset.abi import Abi
from bench.handset.kernel_files import write_kernel_files
from bench.handset.process import run

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
EMULATOR = "usr/bin/qemu-aarch64"
# All programs load this library, so it brings no other ones along.
_NO_RUNTIME = ("-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-nodefaultlibs", "-lc")
_ARM64_LOADER = "ld-linux-aarch64.so.1"
_SETTINGS = {
    "global/airplane_mode_on": "0",
    "global/stay_on_while_plugged_in": "0",
    "global/transition_animation_scale": "1.0",
    "global/window_animation_scale": "1.0",
    "system/screen_brightness": "102",
    "system/screen_brightness_mode": "1",
    "system/screen_off_timeout": "30000",
}


def package_data() -> Traversable:
    """Returns the folder of the files that run inside the phone."""
    return resources.files("bench.handset") / "data"


def lay_out(root: Path) -> None:
    """Makes a phone's file system from the packages that are unpacked below ``root``.

    Raises:
        InfrastructureError: a program cannot be built.
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
    _compile("props.cpp", root / "system" / "lib64" / "libprops.so", "-ldl")
    _compile("kernel.cpp", root / "system" / "lib64" / "libkernel.so", *_NO_RUNTIME)
    write_kernel_files(root / "sys")
    for name, text in _SETTINGS.items():
        (root / "data/system/settings" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "data/system/settings" / name).write_text(f"{text}\n")
    for folder in ("data", "data/local", "data/local/tmp"):
        (root / folder).chmod(0o771)


def add_arm64(root: Path, foreign: Path) -> None:
    """Adds programs for arm64 to a phone, and makes its properties those of an arm64 phone.

    Args:
        root: the phone; changed files are replaced, because other trees may share them.
        foreign: unpacked packages: the libraries for arm64, and the emulator.
    """
    libraries = Path("usr/lib") / Abi.ARM64.triplet
    (foreign / libraries).replace(root / libraries)
    (root / "usr/lib" / _ARM64_LOADER).symlink_to(f"{Abi.ARM64.triplet}/{_ARM64_LOADER}")
    (foreign / EMULATOR).replace(root / EMULATOR)
    properties = root / _TEXTS["build.prop"]
    own = properties.read_text().replace(f"={Abi.X86_64}", f"={Abi.ARM64}")
    properties.unlink()
    properties.write_text(f"{own}ro.handset.uname.machine={Abi.ARM64.machine}\n")


def _link_applets(root: Path) -> None:
    """Links a phone's commands to toybox, and those that Debian's toybox lacks to busybox."""
    libraries = root / "usr/lib/x86_64-linux-gnu"
    loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
    toybox = _output(*loader, str(root / "usr/bin/toybox"))
    busybox = _output(str(root / "usr/bin/busybox"), "--list")
    for applet in (package_data() / "applets.txt").read_text().split():
        for program, applets in (("toybox", toybox), ("busybox", busybox)):
            if applet in applets:
                # Not system/bin/toybox, in whose place a replayed phone has its own.
                (root / "system" / "bin" / applet).symlink_to(f"/usr/bin/{program}")
                break


def _compile(name: str, library: Path, *flags: str) -> None:
    with resources.as_file(package_data() / name) as source:
        _output("g++", "-O2", "-fPIC", "-shared", "-o", str(library), str(source), *flags)


def _output(*command: str) -> list[str]:
    return run(
        *command,
        failed=f"{Path(command[0]).name} failed",
        hint="check the compiler and the free disk space, then run this again",
    ).split()
