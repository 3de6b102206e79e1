"""Builds the official benchmark tool for handsets, and a delegate for it, from Debian's source."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bench.core import config
from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_value
from bench.core.system import apt
from bench.core.system.apt import Package
from bench.handset import debian
from bench.handset.abi import Abi
from bench.handset.layout import package_data
from bench.handset.process import run
from bench.handset.tree import (
    Recipe,
    Tree,
    cache_lock,
    default_cache,
    describe_packages,
    prepare,
    recipe,
    scratch,
)

_NAME = "benchmark_model"
_DELEGATE = "libstandin_delegate.so"
_DELEGATE_SOURCE = "standin_delegate.cc"
_UNUSED_S = 30 * 24 * 3600.0
_LIBRARY = "-l:libtensorflow-lite.so.2.14.1"
# As Debian builds its library: no XNNPACK. Newer compilers no longer include the three headers.
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


def build_tool(cache: Path | None = None, *, abi: str = Abi.X86_64) -> Path:
    """Returns the official ``benchmark_model`` for handsets, built if it is not cached yet.

    Its libraries are in every handset's tree. ``packages.json`` beside the binary has the versions
    and hashes of the packages that it was built against.

    Args:
        cache: where handsets' files are kept.
        abi: the handset's, by Android's name.

    Raises:
        ConfigurationError: handsets do not support that ABI.
        InfrastructureError: the source or a package cannot be fetched, or it does not compile.
    """
    return _build(cache or default_cache(), Abi.of(abi)) / _NAME


def delegate_library(cache: Path | None = None, *, abi: str = Abi.X86_64) -> Path:
    """Returns a library for ``--external_delegate_path``, which is beside ``benchmark_model``.

    Its delegate takes the nodes that ``--external_delegate_options`` names and computes zeros:
    ``take:all``, ``take:none``, ``take:first;count:2``, ``take:alternate`` (every second one),
    ``take:from;at:3;count:2`` (both or nothing), ``busy_us:500`` (the least time of a kernel; 100),
    and ``fail:create``, ``fail:prepare`` or ``fail:invoke``. With ``gives:scaled`` it computes what
    the runtime does, but for a tenth. Arguments and errors are those of ``build_tool``.
    """
    return build_tool(cache, abi=abi).with_name(_DELEGATE)


def _build(cache: Path, abi: Abi) -> Path:
    """Returns the folder of the tool and the delegate, built if it is not cached yet."""
    tree, ingredients = prepare(cache, abi=abi), recipe()
    identity = [
        config.unstructure(tree.packages),
        ingredients.build,
        ingredients.source_sha256,
        _COMPILE,
        abi,
        *(package_data().joinpath(name).read_text() for name in ("sources.txt", _DELEGATE_SOURCE)),
    ]
    folder = cache / f"tool-{sha256_value(identity)[:12]}"
    if not (folder / _NAME).is_file():
        debian.require()
        apt.require(
            abi.compiler,
            what=f"the benchmark tool for {abi}",
            hint=f"install it: apt-get install {abi.compiler_package}",
        )
        with cache_lock(cache), scratch(cache) as work:
            if not (folder / _NAME).is_file():
                _Build(cache, work, tree, ingredients).run().replace(folder)
                remove_unused(cache)
    with contextlib.suppress(OSError):  # a read-only cache
        os.utime(folder)
    return folder


def remove_unused(cache: Path) -> None:
    """Removes tools that were not used for 30 days."""
    oldest_s = time.time() - _UNUSED_S
    for folder in cache.glob("tool-*"):
        if folder.stat().st_mtime < oldest_s:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Build:
    """A tool that is being built in a folder of the cache."""

    cache: Path
    work: Path
    tree: Tree
    recipe: Recipe

    def run(self) -> Path:
        """Builds the tool and the delegate; returns their folder."""
        built, sysroot, source = (self.work / name for name in ("tool", "sysroot", "source"))
        for folder in (built, source):
            folder.mkdir()
        packages = self._unpack(sysroot, source)
        config.save(built / "packages.json", {"packages": config.unstructure(packages)})
        names = (package_data() / "sources.txt").read_text().split()
        with resources.as_file(package_data() / _DELEGATE_SOURCE) as delegate:
            *tool, standin = self._compile([*(source / name for name in names), delegate])
        self._link(sysroot, [standin], built / _DELEGATE, "-shared")
        self._link(sysroot, tool, built / _NAME)
        return built

    def _unpack(self, sysroot: Path, source: Path) -> tuple[Package, ...]:
        """Unpacks the sysroot and the source; returns the sysroot's packages."""
        archive = self.cache / "source" / Path(self.recipe.source).name
        if not archive.is_file():
            debian.download_file(
                self.recipe.source, sha256=self.recipe.source_sha256, target=archive
            )
        debs = debian.download(
            self.recipe.build,
            suite=self.recipe.suite,
            state=self.cache / "apt",
            folder=self.work / "debs",
            abi=self.tree.abi,
        )
        packages = describe_packages(debs, self.tree.abi)
        _check_libraries(self.tree, packages)
        for deb in debs:
            apt.unpack(deb, folder=sysroot, exclude=("./usr/share/*",))
        _run(
            *("tar", "-x", "-f", str(archive), "-C", str(source), "--strip-components=1"),
            *("--wildcards", *_FROM_SOURCE),
        )
        return packages

    def _compile(self, sources: Sequence[Path]) -> list[Path]:
        """Returns the object files, compiled by one process per core."""
        include = self.work / "sysroot/usr/include"
        headers = [include, include / "gemmlowp", include / "eigen3"]
        flags = [*_COMPILE, f"-I{self.work / 'source'}"]
        flags += [word for path in headers for word in ("-isystem", str(path))]

        def compile_one(numbered: tuple[int, Path]) -> Path:
            target = self.work / f"{numbered[0]}.o"
            compiler = self.tree.abi.compiler
            _run(compiler, *flags, "-c", str(numbered[1]), "-o", str(target))
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, enumerate(sources)))

    def _link(self, sysroot: Path, objects: Sequence[Path], target: Path, *flags: str) -> None:
        abi = self.tree.abi
        libraries = sysroot / "usr" / "lib" / abi.triplet
        abseil = sorted({f"-l:{path.name}" for path in libraries.glob("libabsl_*.so.[0-9]*[0-9]")})
        _run(
            *(abi.compiler, *flags, "-s", "-o", str(target), *map(str, objects), f"-L{libraries}"),
            # The libraries may need a newer libc than this machine's; the handset has it.
            *(_LIBRARY, "-Wl,--allow-shlib-undefined", "-Wl,--as-needed", "-Wl,--start-group"),
            *(*abseil, "-Wl,--end-group", "-pthread", "-ldl"),
        )


def _check_libraries(tree: Tree, packages: Sequence[Package]) -> None:
    on_phone = {package.name: package.version for package in tree.packages}
    for package in packages:
        if on_phone.get(package.name, package.version) != package.version:
            raise InfrastructureError(
                f"the archive has {package.name} {package.version}, the handset's tree "
                f"{on_phone[package.name]}; a tool built now would not run there",
                hint="build the tree again: frill-bench handset up --refresh",
            )


def _run(*command: str) -> None:
    run(
        "nice",
        *command,
        failed=f"{command[0]} failed while the benchmark tool was built",
        hint="check the compiler (g++ 12 or newer) and the free disk space",
    )
