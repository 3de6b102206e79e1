"""The handset's file tree: packages fetched, unpacked and laid out once, then kept."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_value
from bench.core.paths import cache_dir
from bench.handset import debian
from bench.handset.debian import Package
from bench.handset.layout import lay_out, package_data

_LAYOUT = 1  # raised when layout.py makes another tree of the same packages
_EXCLUDED = (
    "./etc",
    "./usr/lib/*/gconv",
    "./usr/lib/android-sdk/platform-tools/adbd-usb-gadget",
    "./usr/lib/initramfs-tools/*",
    "./usr/lib/systemd/*",
    "./usr/libexec/*",
    "./usr/share/*",
    "./var/*",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file of the Debian archive, by path, and its sum."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a handset and its benchmark tool are made of.

    Args:
        phone: packages of the phone; what they depend on comes along.
        left_out: beginnings of the names of packages that do not go on the phone.
        build: packages that the tool is built against.
        source: of the tool.
    """

    suite: str
    phone: tuple[str, ...]
    left_out: tuple[str, ...]
    build: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A phone's file tree in the cache; handsets share it and never write to it."""

    path: Path
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Which tree a recipe was made into last."""

    folder: str
    packages: tuple[Package, ...]


def default_cache() -> Path:
    """Returns the folder that trees, tools and running handsets are kept in."""
    return cache_dir() / "handset"


def recipe() -> Recipe:
    """Returns what a handset is made of."""
    with resources.as_file(resources.files("bench.handset") / "recipe.yaml") as path:
        return config.load(path, Recipe)


def prepare(cache: Path | None = None, *, refresh: bool = False) -> Tree:
    """Returns the handset's tree, made of Debian's packages where it is not in the cache yet.

    A tree is kept by the versions and sums of its packages, so that a later one never changes
    what a running handset stands on.

    Args:
        cache: where trees are kept.
        refresh: ask the archive for newer packages.

    Raises:
        InfrastructureError: a package cannot be fetched or a tool of this machine is missing.
    """
    cache = cache or default_cache()
    wanted = recipe()
    pointer = cache / f"tree-{_identity(wanted)[:12]}.json"
    found = None if refresh else _kept(cache, pointer)
    if found is not None:
        return found
    debian.require()
    with alone(cache), scratch(cache) as folder:
        found = None if refresh else _kept(cache, pointer)  # made while we waited
        return found or _make(cache, pointer, wanted, folder)


def _make(cache: Path, pointer: Path, wanted: Recipe, folder: Path) -> Tree:
    debs = debian.download(
        wanted.phone, suite=wanted.suite, state=cache / "apt", folder=folder / "debs"
    )
    used = [deb for deb in debs if not deb.name.startswith(wanted.left_out)]
    packages = tuple(debian.describe(deb) for deb in used)
    name = f"tree-{sha256_value([_identity(wanted), config.unstructure(packages)])[:12]}"
    if not (cache / name).is_dir():
        root = folder / "tree"
        for deb in used:
            debian.unpack(deb, folder=root, exclude=_EXCLUDED)
        lay_out(root)
        root.chmod(0o755)
        root.replace(cache / name)
    config.save(pointer, _Kept(folder=name, packages=packages))
    return Tree(path=cache / name, packages=packages)


def _kept(cache: Path, pointer: Path) -> Tree | None:
    try:
        kept = config.load(pointer, _Kept)
    except ConfigurationError:
        return None  # absent, or of another version of this program
    path = cache / kept.folder
    return Tree(path=path, packages=kept.packages) if path.is_dir() else None


def _identity(wanted: Recipe) -> str:
    files = {path.name: sha256_bytes(path.read_bytes()) for path in _files(package_data())}
    return sha256_value([_LAYOUT, _EXCLUDED, wanted.suite, wanted.phone, wanted.left_out, files])


def _files(folder: Traversable) -> Iterator[Traversable]:
    # How a handset is entered and how the tool is built changes no tree.
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        elif path.name not in ("enter.sh", "sources.txt"):
            yield path


@contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """Yields an empty folder on the cache's disk, which goes in the end."""
    folder = Path(tempfile.mkdtemp(dir=cache, prefix=".making-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Holds back other processes that would write to the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
