"""Makes of a snapshot the files that a handset boots with."""

from __future__ import annotations

import re
from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.handset.replay.kernel import add_kernel
from bench.handset.replay.layer import PLACE, Layer
from bench.handset.replay.programs import add_programs, add_settings
from bench.snapshot.layout import Snapshot

_PROPERTY = re.compile(r"^\[([^\]\n]+)\]: \[(.*?)\]\r?$", re.MULTILINE | re.DOTALL)
_SEPARATOR = "\036"  # of the lines of a value, as data/getprop reads it
_OWN = "ro.handset."
# A phone without any of these would be none; a folder made by hand may lack them.
_NEEDED = ("ro.product.cpu.", "ro.build.version.")
_WAKEFULNESS = re.compile(r"mWakefulness=([A-Z]\w*)")
_DISPLAY = re.compile(r"Display Power: state=([A-Z]\w*)")


def write_replay(snapshot: Snapshot, tree: Path, folder: Path) -> None:
    """Writes what makes a handset of a tree show what the phone of a snapshot showed.

    Args:
        folder: gets the folder ``layer`` and the list ``removed``.

    Raises:
        ConfigurationError: the snapshot cannot be replayed.
    """
    layer = Layer(tree, folder)
    for name, text in snapshot.commands.items():
        layer.write(f"{PLACE}/texts/{name}", text)
    for name, status in snapshot.exit_status.items():
        layer.write(f"{PLACE}/status/{name}", f"{status}\n")
    for program, seconds in snapshot.slow_s.items():
        layer.write(f"{PLACE}/slow/{program}", f"{seconds:g}\n")
    _add_properties(layer, snapshot.commands.get("getprop", ""))
    pins = add_kernel(layer, snapshot)
    add_programs(layer, snapshot, pins=pins)
    add_settings(layer, snapshot)
    _add_screen(layer, snapshot.commands.get("dumpsys-power", ""))
    layer.folder("data/system/hs/heat", mode=0o755)
    layer.save()


def properties_of(snapshot: Snapshot) -> dict[str, str]:
    """Returns the properties that the phone had; of a value of several lines, the whole."""
    return dict(_PROPERTY.findall(snapshot.commands.get("getprop", "")))


def _add_properties(layer: Layer, text: str) -> None:
    properties = dict(_PROPERTY.findall(text))
    own = [key for key in properties if key.startswith(_OWN)]
    if own:
        raise ConfigurationError(
            f"commands/getprop.txt: {own[0]} is a property of handsets, not of phones",
            hint="take that line out, and give it with --property",
        )
    plain = _plain_properties(layer.tree)
    added = {
        key: value
        for key, value in plain.items()
        if not text
        or any(
            key.startswith(group) and not any(each.startswith(group) for each in properties)
            for group in _NEEDED
        )
    }
    text += "".join(f"[{key}]: [{value}]\n" for key, value in added.items())
    lines = (
        f"{key}={value.replace(chr(10), _SEPARATOR)}\n"
        for key, value in {**properties, **added}.items()
    )
    layer.write(f"{PLACE}/values", "".join(lines))
    layer.write(f"{PLACE}/texts/getprop", text)


def _plain_properties(tree: Path) -> dict[str, str]:
    """Returns the properties of the plain handset, without those that only handsets have."""
    lines = [
        line
        for name in ("system/build.prop", "vendor/build.prop")
        for line in (tree / name).read_text().splitlines()
    ]
    return dict(line.split("=", 1) for line in lines if not line.startswith(_OWN))


def _add_screen(layer: Layer, power: str) -> None:
    """Writes whether the phone is awake, which its keys change."""
    if not power:
        return
    found, display = _WAKEFULNESS.search(power), _DISPLAY.search(power)
    shown = found[1] if found else "Awake"
    if found is None and display is not None and not display[1].startswith("ON"):
        shown = "Asleep"
    layer.write(f"{PLACE}/wakefulness", f"{shown}\n")
    layer.write("data/system/hs/wakefulness", f"{shown}\n")
