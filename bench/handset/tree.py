"""The handset's file tree: packages are fetched, unpacked and laid out once, then cached."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_value
from bench.core.paths import cache_dir
from bench.core.system import apt
from bench.core.system.apt import Package
from bench.core.system.lock import waiting
from bench.handset import debian
from bench.handset.abi import Abi
from bench.handset.layout import add_arm64, lay_out, package_data
from bench.handset.process import run

_LAYOUT = 3  # increased when layout.py makes a different tree from the same packages
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
class Recipe:
    """The packages and sources of a handset and its benchmark tool.

    Args:
        phone: packages of the phone; their dependencies are added.
        left_out: prefixes of the names of packages that the phone does not get.
        arm64: additional arm64 packages of an arm64 phone.
        emulator: the package that runs their programs.
        build: packages that the tool is built against.
        source: the tool's source: a path in the archive.
    """

    suite: str
    phone: tuple[str, ...]
    left_out: tuple[str, ...]
    arm64: tuple[str, ...]
    emulator: str
    build: tuple[str, ...]
    source: str
    source_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A phone's file tree in the cache; handsets share it and never write to it."""

    path: Path
    packages: tuple[Package, ...]
    abi: Abi


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cached:
    """The tree that was last made from a recipe."""

    folder: str
    packages: tuple[Package, ...]


def default_cache() -> Path:
    """Returns the folder of trees, tools and running handsets."""
    return cache_dir() / "handset"


def recipe() -> Recipe:
    """Returns the packaged recipe of handsets."""
    with resources.as_file(resources.files("bench.handset") / "recipe.yaml") as path:
        return config.load(path, Recipe)


def prepare(cache: Path | None = None, *, refresh: bool = False, abi: Abi = Abi.X86_64) -> Tree:
    """Returns the handset's tree, made from Debian's packages if it is not cached yet.

    A tree is cached by the versions and hashes of its packages, so that a new tree never changes
    that of a running handset. Trees that are no longer used are removed.

    Args:
        cache: where trees are kept.
        refresh: ask the archive for newer packages.
        abi: the one of its benchmark tool; the shell is always that of this machine.

    Raises:
        InfrastructureError: a package cannot be fetched or a tool is missing on this machine.
    """
    cache = cache or default_cache()
    ingredients = recipe()
    pointer = cache / f"tree-{_identity(ingredients, abi)[:12]}.json"
    tree = None if refresh else _load_cached(cache, pointer, abi)
    if tree is not None:
        return tree
    debian.require()
    base = None if abi is Abi.X86_64 else prepare(cache, refresh=refresh)
    with cache_lock(cache), scratch(cache) as folder:
        tree = None if refresh else _load_cached(cache, pointer, abi)  # made while we waited
        if tree is None:
            builder = _TreeBuilder(cache, pointer, ingredients, folder)
            tree = builder.native() if base is None else builder.arm64(base)
            remove_stale(cache)
        return tree


@dataclass(frozen=True, slots=True)
class _TreeBuilder:
    """Makes a tree in a folder of the cache."""

    cache: Path
    pointer: Path
    recipe: Recipe
    folder: Path

    def native(self) -> Tree:
        """Returns the x86-64 tree, which is of this machine's ABI."""
        debs = self._download(self.recipe.phone, Abi.X86_64)
        packages = describe_packages(debs, Abi.X86_64)
        root = self.folder / "tree"
        if not self._place(packages).is_dir():
            for deb in debs:
                apt.unpack(deb, folder=root, exclude=_EXCLUDED)
            lay_out(root)
            root.chmod(0o755)
        return self._keep(root, packages, Abi.X86_64)

    def arm64(self, base: Tree) -> Tree:
        """Returns ``base`` with the libraries and emulator for arm64, sharing unchanged files."""
        (emulator,) = self._download((self.recipe.emulator,), Abi.X86_64)
        debs = self._download(self.recipe.arm64, Abi.ARM64)
        added = (*describe_packages([emulator], Abi.X86_64), *describe_packages(debs, Abi.ARM64))
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
            suite=self.recipe.suite,
            state=self.cache / "apt",
            folder=self.folder / f"debs-{abi.architecture}-{names[0]}",
            abi=abi,
        )
        return [deb for deb in debs if not deb.name.startswith(self.recipe.left_out)]

    def _place(self, packages: tuple[Package, ...]) -> Path:
        made_of = [self.pointer.stem, config.unstructure(packages)]
        return self.cache / f"tree-{sha256_value(made_of)[:12]}"

    def _keep(self, root: Path, packages: tuple[Package, ...], abi: Abi) -> Tree:
        place = self._place(packages)
        if not place.is_dir():
            root.replace(place)
        config.save(self.pointer, _Cached(folder=place.name, packages=packages))
        return Tree(path=place, packages=packages, abi=abi)


def describe_packages(debs: Sequence[Path], abi: Abi) -> tuple[Package, ...]:
    """Returns the packages of .deb files; names of another architecture end in ``:arm64``."""
    packages = tuple(apt.describe(deb) for deb in debs)
    if abi is Abi.X86_64:
        return packages
    return tuple(replace(each, name=f"{each.name}:{abi.architecture}") for each in packages)


def _share(source: Path, target: Path) -> None:
    """Copies a tree by hard links to its files, which are never written to."""
    run(
        *("cp", "-a", "-l", str(source), str(target)),
        failed="the handset's tree cannot be copied",
        hint="check the free disk space, then run it again",
    )


def remove_stale(cache: Path) -> None:
    """Removes the trees that no pointer names and no running handset uses."""
    named = {
        name
        for path in cache.glob("tree-*.json")
        for name in _TREE.findall(path.read_text(errors="replace"))
    }
    trees = [path for path in cache.glob("tree-*") if path.is_dir() and not path.is_symlink()]
    stale = {path.name: path for path in trees if path.name not in named}
    for name in stale.keys() - (_mounted_trees() if stale else set()):
        shutil.rmtree(stale[name], ignore_errors=True)


def _mounted_trees() -> set[str]:
    """Returns the names of the trees that are mounted by any process that we may inspect."""
    names = set()
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            names.update(_TREE.findall(path.read_text()))
        except OSError:
            continue  # it ended, or is another user's, with another cache
    return names


def _load_cached(cache: Path, pointer: Path, abi: Abi) -> Tree | None:
    try:
        cached = config.load(pointer, _Cached)
    except ConfigurationError:
        return None  # absent, or of another version of this program
    path = cache / cached.folder
    return Tree(path=path, packages=cached.packages, abi=abi) if path.is_dir() else None


def _identity(ingredients: Recipe, abi: Abi) -> str:
    files = {path.name: sha256_bytes(path.read_bytes()) for path in _files(package_data())}
    made_of = [
        _LAYOUT,
        _EXCLUDED,
        ingredients.suite,
        ingredients.phone,
        ingredients.left_out,
        files,
    ]
    if abi is Abi.ARM64:
        made_of += [ingredients.arm64, ingredients.emulator]
    return sha256_value(made_of)


def _files(folder: Traversable) -> Iterator[Traversable]:
    # The scripts that enter a handset and build the tool do not change a tree.
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        elif path.name not in ("enter.sh", "sources.txt", "standin_delegate.cc"):
            yield path


@contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """Yields an empty folder on the cache's disk, which is removed at the end."""
    folder = Path(tempfile.mkdtemp(dir=cache, prefix=".making-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cache_lock(cache: Path) -> AbstractContextManager[object]:
    """Returns a context in which no other process writes to the cache."""
    return waiting(cache / ".lock")
