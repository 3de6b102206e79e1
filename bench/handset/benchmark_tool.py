"""The official benchmark tool for the handset, built of Debian's source package of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.core import config
from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_value
from bench.handset import debian
from bench.handset.debian import Package
from bench.handset.layout import package_data
from bench.handset.tree import Recipe, Tree, alone, default_cache, prepare, recipe, scratch

_NAME = "benchmark_model"
_LIBRARY = "-l:libtensorflow-lite.so.2.14.1"
# As Debian builds its library: no XNNPACK. The three headers are what newer ones no longer include.
_COMPILE = (
    *("-std=c++17", "-O1", "-fPIC", "-w", "-DNDEBUG"),
    *("-include", "cstdint", "-include", "limits", "-include", "cstring"),
    *("-DTFLITE_WITHOUT_XNNPACK", "-DTFLITE_WITH_RUY"),
)
_FROM_SOURCE = (
    "*/tensorflow/lite/*.h",
    "*/tensorflow/lite/*.cc",
    "*/tensorflow/tsl/*.h",
    "*/tensorflow/tsl/util/stats_calculator.cc",
    "*/tensorflow/core/util/*.h",
    "*/third_party/eigen3/*",
)


def build_tool(cache: Path | None = None) -> Path:
    """Returns the official ``benchmark_model`` for handsets, built where it is not cached yet.

    Its libraries are in every handset's tree; beside the binary lies ``packages.json``, which
    names the versions and sums that it was built against.

    Raises:
        InfrastructureError: the source or a package cannot be fetched, or it does not compile.
    """
    cache = cache or default_cache()
    tree, wanted = prepare(cache), recipe()
    identity = [
        config.unstructure(tree.packages),
        wanted.build,
        wanted.source.sha256,
        _COMPILE,
        (package_data() / "sources.txt").read_text(),
    ]
    folder = cache / f"tool-{sha256_value(identity)[:12]}"
    if (folder / _NAME).is_file():
        return folder / _NAME
    debian.require()
    with alone(cache), scratch(cache) as work:
        if not (folder / _NAME).is_file():
            made = work / "tool"
            made.mkdir()
            packages = _build(cache, work, made, tree, wanted)
            config.save(made / "packages.json", {"packages": config.unstructure(packages)})
            made.replace(folder)
    return folder / _NAME


def _build(cache: Path, work: Path, made: Path, tree: Tree, wanted: Recipe) -> tuple[Package, ...]:
    archive = cache / "source" / Path(wanted.source.path).name
    if not archive.is_file():
        debian.download_file(wanted.source.path, sha256=wanted.source.sha256, target=archive)
    debs = debian.download(
        wanted.build, suite=wanted.suite, state=cache / "apt", folder=work / "debs"
    )
    packages = tuple(debian.describe(deb) for deb in debs)
    _same_libraries(tree, packages)
    sysroot, source = work / "sysroot", work / "source"
    for deb in debs:
        debian.unpack(deb, folder=sysroot, exclude=("./usr/share/*",))
    source.mkdir()
    _run(
        *("tar", "-x", "-f", str(archive), "-C", str(source), "--strip-components=1"),
        *("--wildcards", *_FROM_SOURCE),
    )
    _link(_compile(source, sysroot / "usr" / "include", work), sysroot, made / _NAME)
    return packages


def _same_libraries(tree: Tree, packages: Sequence[Package]) -> None:
    on_phone = {package.name: package.version for package in tree.packages}
    for package in packages:
        if on_phone.get(package.name, package.version) != package.version:
            raise InfrastructureError(
                f"the archive has {package.name} {package.version}, the handset's tree "
                f"{on_phone[package.name]}; a tool built now would not run there",
                hint="make the tree anew: frill-bench handset up --refresh",
            )


def _compile(source: Path, include: Path, work: Path) -> list[Path]:
    """Returns the object files, compiled one process a core."""
    found = [include, include / "gemmlowp", include / "eigen3"]
    headers = [word for path in found for word in ("-isystem", str(path))]

    def compile_one(name: str) -> Path:
        target = work / f"{name.replace('/', '_')}.o"
        _run("g++", *_COMPILE, f"-I{source}", *headers, "-c", str(source / name), "-o", str(target))
        return target

    names = (package_data() / "sources.txt").read_text().split()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, names))


def _link(objects: Sequence[Path], sysroot: Path, binary: Path) -> None:
    libraries = sysroot / "usr" / "lib" / "x86_64-linux-gnu"
    abseil = sorted({f"-l:{path.name}" for path in libraries.glob("libabsl_*.so.[0-9]*[0-9]")})
    _run(
        *("g++", "-s", "-o", str(binary), *map(str, objects), f"-L{libraries}", _LIBRARY),
        # The libraries want a newer libc than this machine may have; the handset has it.
        *("-Wl,--allow-shlib-undefined", "-Wl,--as-needed", "-Wl,--start-group", *abseil),
        *("-Wl,--end-group", "-pthread", "-ldl"),
    )


def _run(*command: str) -> None:
    done = subprocess.run(
        ["nice", *command], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise InfrastructureError(
            f"{command[0]} failed while the benchmark tool was built: {done.stderr.strip()[-300:]}",
            hint="check the compiler (g++ 12 or newer) and the free disk space",
            command=" ".join(command),
            exit_status=done.returncode,
        )
