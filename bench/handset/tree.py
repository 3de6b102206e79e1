"""The handset's file tree: packages fetched, unpacked and laid out once, then kept."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.core import apt, config
from bench.core.apt import Package
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_bytes, sha256_value
from bench.core.lock import waiting
from bench.core.paths import cache_dir
from bench.handset import debian
from bench.handset.abi import Abi
from bench.handset.layout import add_arm64, lay_out, package_data

_LAYOUT = 2  # raised when layout.py makes another tree of the same packages
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
_OTHER_EMULATORS = ("./usr/bin/qemu-[!a]*", "./usr/bin/qemu-a[!a]*", "./usr/bin/qemu-*_be")
_TREE = re.compile(r"tree-[0-9a-f]{12}")


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
        arm64: packages of that kind that an arm64 phone has besides.
        emulator: the package that their programs are run with.
        build: packages that the tool is built against.
        source: of the tool.
    """

    suite: str
    phone: tuple[str, ...]
    left_out: tuple[str, ...]
    arm64: tuple[str, ...]
    emulator: str
    build: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A phone's file tree in the cache; handsets share it and never write to it."""

    path: Path
    packages: tuple[Package, ...]
    abi: Abi


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


def prepare(cache: Path | None = None, *, refresh: bool = False, abi: Abi = Abi.X86_64) -> Tree:
    """Returns the handset's tree, made of Debian's packages where it is not in the cache yet.

    A tree is kept by the versions and sums of its packages, so that a later one never changes
    what a running handset stands on. Trees that nobody asks for or stands on any more go.

    Args:
        cache: where trees are kept.
        refresh: ask the archive for newer packages.
        abi: what the benchmark tool on it is built for; the shell is always this machine's.

    Raises:
        InfrastructureError: a package cannot be fetched or a tool of this machine is missing.
    """
    cache = cache or default_cache()
    wanted = recipe()
    pointer = cache / f"tree-{_identity(wanted, abi)[:12]}.json"
    found = None if refresh else _kept(cache, pointer, abi)
    if found is not None:
        return found
    debian.require()
    base = None if abi is Abi.X86_64 else prepare(cache, refresh=refresh)
    with alone(cache), scratch(cache) as folder:
        found = None if refresh else _kept(cache, pointer, abi)  # made while we waited
        if found is not None:
            return found
        making = _Making(cache, pointer, wanted, folder)
        made = making.native() if base is None else making.arm64(base)
        remove_stale(cache)
        return made


@dataclass(frozen=True, slots=True)
class _Making:
    """A tree that is being made in a folder of the cache."""

    cache: Path
    pointer: Path
    wanted: Recipe
    folder: Path

    def native(self) -> Tree:
        """Returns the tree of this machine's own kind."""
        debs = self._download(self.wanted.phone, Abi.X86_64)
        packages = described(debs, Abi.X86_64)
        root = self.folder / "tree"
        if not self._place(packages).is_dir():
            for deb in debs:
                apt.unpack(deb, folder=root, exclude=_EXCLUDED)
            lay_out(root)
            root.chmod(0o755)
        return self._keep(root, packages, Abi.X86_64)

    def arm64(self, base: Tree) -> Tree:
        """Returns ``base`` with what programs for arm64 need, sharing its files."""
        (emulator,) = self._download((self.wanted.emulator,), Abi.X86_64)
        debs = self._download(self.wanted.arm64, Abi.ARM64)
        added = (*described([emulator], Abi.X86_64), *described(debs, Abi.ARM64))
        packages = (*base.packages, *added)
        root, foreign = self.folder / "tree", self.folder / "foreign"
        if not self._place(packages).is_dir():
            _share(base.path, root)
            for deb in debs:
                apt.unpack(deb, folder=foreign, exclude=_EXCLUDED)
            apt.unpack(emulator, folder=foreign, exclude=(*_EXCLUDED, *_OTHER_EMULATORS))
            add_arm64(root, foreign)
        return self._keep(root, packages, Abi.ARM64)

    def _download(self, names: Sequence[str], abi: Abi) -> list[Path]:
        debs = debian.download(
            names,
            suite=self.wanted.suite,
            state=self.cache / "apt",
            folder=self.folder / f"debs-{abi.architecture}-{names[0]}",
            abi=abi,
        )
        return [deb for deb in debs if not deb.name.startswith(self.wanted.left_out)]

    def _place(self, packages: tuple[Package, ...]) -> Path:
        made_of = [self.pointer.stem, config.unstructure(packages)]
        return self.cache / f"tree-{sha256_value(made_of)[:12]}"

    def _keep(self, root: Path, packages: tuple[Package, ...], abi: Abi) -> Tree:
        place = self._place(packages)
        if not place.is_dir():
            root.replace(place)
        config.save(self.pointer, _Kept(folder=place.name, packages=packages))
        return Tree(path=place, packages=packages, abi=abi)


def described(debs: Sequence[Path], abi: Abi) -> tuple[Package, ...]:
    """Returns what the .deb files are; of those for another kind of machine the name says so."""
    found = [apt.describe(deb) for deb in debs]
    if abi is Abi.X86_64:
        return tuple(found)
    return tuple(replace(each, name=f"{each.name}:{abi.architecture}") for each in found)


def _share(source: Path, target: Path) -> None:
    """Copies a tree by links to its files, which nobody writes to."""
    done = subprocess.run(
        ["cp", "-a", "-l", str(source), str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InfrastructureError(
            f"the handset's tree cannot be copied: {done.stderr.strip()[-300:]}",
            hint="check the free disk space, then run it again",
            exit_status=done.returncode,
        )


def remove_stale(cache: Path) -> None:
    """Removes the trees that no pointer names and no running handset stands on."""
    named = {
        name
        for path in cache.glob("tree-*.json")
        for name in _TREE.findall(path.read_text(errors="replace"))
    }
    trees = [path for path in cache.glob("tree-*") if path.is_dir() and not path.is_symlink()]
    stale = {path.name: path for path in trees if path.name not in named}
    for name in stale.keys() - (_stood_on() if stale else set()):
        shutil.rmtree(stale[name], ignore_errors=True)


def _stood_on() -> set[str]:
    """Returns the names of the trees that are mounted by any process that we may inspect."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            found.update(_TREE.findall(path.read_text()))
        except OSError:
            continue  # it ended, or is somebody else's, whose cache is another
    return found


def _kept(cache: Path, pointer: Path, abi: Abi) -> Tree | None:
    try:
        kept = config.load(pointer, _Kept)
    except ConfigurationError:
        return None  # absent, or of another version of this program
    path = cache / kept.folder
    return Tree(path=path, packages=kept.packages, abi=abi) if path.is_dir() else None


def _identity(wanted: Recipe, abi: Abi) -> str:
    files = {path.name: sha256_bytes(path.read_bytes()) for path in _files(package_data())}
    made_of = [_LAYOUT, _EXCLUDED, wanted.suite, wanted.phone, wanted.left_out, files]
    if abi is Abi.ARM64:
        made_of += [wanted.arm64, wanted.emulator]
    return sha256_value(made_of)


def _files(folder: Traversable) -> Iterator[Traversable]:
    # How a handset is entered and how the tool is built changes no tree.
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        elif path.name not in ("enter.sh", "sources.txt", "standin_delegate.cc"):
            yield path


@contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """Yields an empty folder on the cache's disk, which goes in the end."""
    folder = Path(tempfile.mkdtemp(dir=cache, prefix=".making-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def alone(cache: Path) -> AbstractContextManager[object]:
    """Returns what keeps other processes from writing to the cache meanwhile."""
    return waiting(cache / ".lock")
