"""Files over a handset's tree, for one handset alone: ``enter.sh`` copies them over it."""

from __future__ import annotations

import shutil
from pathlib import Path

PLACE = "system/etc/replay"  # what the stand-ins and libkernel.so read


class Layer:
    """Files over a tree, which itself is shared and never changed.

    ``FOLDER/removed`` lists what is taken away from the tree, a path a line, before the files in
    ``FOLDER/layer`` are put over it.

    Args:
        tree: the handset's.
        folder: an empty one of the handset's own.
    """

    def __init__(self, tree: Path, folder: Path) -> None:
        self.tree = tree
        self._root = folder / "layer"
        self._list = folder / "removed"
        self._removed: list[str] = []
        self._root.mkdir(parents=True)
        self._root.chmod(tree.stat().st_mode & 0o7777)

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Writes a file at a path on the phone, without the first slash."""
        place = self._root / path
        self._folder(place.parent)
        if place.is_symlink():
            place.unlink()
        place.write_bytes(text.encode())
        place.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """Makes a link at a path on the phone."""
        place = self._root / path
        self._folder(place.parent)
        place.symlink_to(target)

    def folder(self, path: str, *, mode: int) -> None:
        """Makes a folder of its own at a path on the phone."""
        self._folder(self._root / path)
        (self._root / path).chmod(mode)

    def remove(self, path: str) -> None:
        """Takes a file or folder away, from the tree and from what was written before."""
        self._removed.append(path)
        place = self._root / path
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def move(self, path: str, to: str) -> None:
        """Moves a program to another folder."""
        if (self._root / path).exists() or (self._root / path).is_symlink():
            self._folder((self._root / to).parent)
            (self._root / path).replace(self._root / to)
        elif (self.tree / path).is_symlink():
            self.link(to, f"/usr/bin/{(self.tree / path).readlink().name}")
        elif (self.tree / path).is_file():
            self.write(to, (self.tree / path).read_text(), mode=0o755)
        self._removed.append(path)

    def save(self) -> None:
        """Writes the list of what is taken away."""
        self._list.write_text("".join(f"{path}\n" for path in self._removed))

    def _folder(self, place: Path) -> None:
        if place.is_dir():
            return
        self._folder(place.parent)
        place.mkdir()
        same = self.tree / place.relative_to(self._root)
        place.chmod(same.stat().st_mode & 0o7777 if same.is_dir() else 0o755)
