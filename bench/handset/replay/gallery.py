"""The snapshots that handsets replay: of a folder, or by the name of a phone that comes along."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.snapshot.layout import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A snapshot to replay.

    Args:
        name: of the phone in the gallery, or the folder.
    """

    name: str
    snapshot: Snapshot


def gallery() -> tuple[str, ...]:
    """Returns the names of the phones that come with the program, sorted."""
    folder = _folder()
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))


def load_replay(source: str | Path) -> Replay:
    """Returns the replay of a folder, or of a phone of the gallery.

    Args:
        source: a path, or a name; a name that is also a folder here is the phone of the gallery,
            unless it is written as ``./NAME``.

    Raises:
        ConfigurationError: there is neither, or a file of it is wrong; the message names it.
    """
    names = gallery()
    if isinstance(source, str) and source in names:
        with resources.as_file(_folder() / source) as folder:
            return Replay(name=source, snapshot=Snapshot.load(folder))
    folder = Path(source)
    if not folder.exists():
        raise ConfigurationError(
            f"{source}: neither a folder nor a phone of the gallery"
            f"{near(str(source), list(names))}",
            hint="give the folder of a snapshot (frill-bench devices --snapshot DIR), or one of: "
            f"{', '.join(names) or 'none'}",
        )
    return Replay(name=str(folder.resolve()), snapshot=Snapshot.load(folder))


def _folder() -> Traversable:
    return resources.files("bench.handset") / "gallery"
