"""Boots, finds and stops the handsets of this machine."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

from bench.core import config
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.system.lock import waiting
from bench.handset.record import Handset, Record
from bench.handset.replay.gallery import load_replay
from bench.handset.starting import is_free, read_init, start
from bench.handset.tree import Tree, default_cache

_DATA_BYTES = 1 << 30
PORT = 5555
_RECORD = "handset.json"
_ADDRESS = "127.0.1.{}"
_FIRST, _LAST = 11, 250
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_PROPERTY = re.compile(r"[A-Za-z0-9_.@:-]+")


class Running:
    """A running handset; as a context manager it is stopped at the end.

    Its kernel's values are plain files, which ``write`` changes while it runs, as in
    ``write("/sys/class/thermal/thermal_zone4/temp", "46000")``. Its dumpsys prints the same values.

    - ``/sys/class/thermal/thermal_zoneN/temp`` in thousandths of a degree: the processor (0, 1),
      graphics (2), battery (3) and skin (4), whose limits give the thermal status;
      ``cooling_deviceN/cur_state`` beside them.
    - ``/sys/devices/system/cpu/cpufreq/policyN/`` (0, 4, 7): ``scaling_cur_freq``,
      ``scaling_max_freq``, ``stats/time_in_state``.
    - ``/sys/class/power_supply/battery/``: ``capacity``, ``status`` (Charging, Discharging,
      Full), ``temp``, ``voltage_now``; ``usb/online`` and ``ac/online`` beside it.

    Properties that change the kind of phone, given to ``boot`` or ``set_property``:
    ``ro.build.version.sdk`` (the output of dumpsys and the available commands),
    ``ro.handset.boot_s`` (how long a reboot takes, in s; 1), ``ro.handset.thermal_hal=0`` (no
    thermal service), ``ro.handset.thermal_limits=0`` (one without limits),
    ``ro.handset.fixed_performance=0`` (that mode is refused).

    A replayed phone has the files of its snapshot, and prints its texts. What is changed on top
    wins: a zone whose temperature is written heats the sensor of its name in ``dumpsys
    thermalservice``, or else those of its kind (CPU, graphics, battery, skin);
    ``/data/system/hs/heat/NAME``, in thousandths too, heats a sensor that has no zone.

    Args:
        record: the record of its boot.
        folder: where its record and its log are.
    """

    def __init__(self, record: Record, folder: Path) -> None:
        self.record = record
        self.folder = folder

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def name(self) -> str:
        """Returns its name."""
        return self.record.handset.name

    @property
    def serial(self) -> str:
        """Returns the serial that adb knows it by."""
        return self.record.handset.serial

    def is_alive(self) -> bool:
        """Returns whether its init still runs."""
        return self.record.init.is_alive()

    def path(self, path: str) -> Path:
        """Returns the path of a file of the handset on this machine."""
        return Path(f"/proc/{self.record.init.pid}/root") / path.lstrip("/")

    def write(self, path: str, text: str) -> None:
        """Writes a file of the handset, as its kernel or its vendor would."""
        self.path(path).write_text(text)

    def set_property(self, key: str, value: str) -> None:
        """Sets a system property, also one that is fixed for the shell (``ro.``).

        Raises:
            ConfigurationError: the key or the value is not valid.
        """
        _check_property(key, value)
        with self.path("/data/property/props").open("a") as stream:
            stream.write(f"{key}={value}\n")

    def adbd_pids(self) -> tuple[int, ...]:
        """Returns the process ids, on this machine, of its adb daemon and the daemon's children."""
        return self.record.init.beside("adbd")

    def kill_adbd(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to its adb daemon, which its init starts again after it died."""
        for pid in self.adbd_pids():
            os.kill(pid, number)

    def stop(self) -> None:
        """Kills it and everything that runs in it; its mounts end with its last process.

        Raises:
            InfrastructureError: it does not end.
        """
        self.record.init.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def boot(
    tree: Tree,
    *,
    name: str | None = None,
    address: str | None = None,
    port: int = PORT,
    properties: dict[str, str] | None = None,
    data_bytes: int = _DATA_BYTES,
    replay: Path | str | None = None,
    cache: Path | None = None,
) -> Running:
    """Returns a handset that answers on ``address:port``; it outlives this process.

    Without root it boots in an unprivileged user namespace; its shell is then root's, and reads
    also what a replayed phone refuses.

    Args:
        tree: its file tree.
        name: its serial number and host name; ``None`` for a free one.
        address: a loopback address (127.x.y.z); ``None`` for a free one.
        port: of adb.
        properties: system properties, which replace those of the tree.
        data_bytes: size of its /data.
        replay: a folder with a snapshot, or the name of a phone of the gallery. The handset shows
            what that phone showed; what the snapshot lacks is the plain handset's.
        cache: where running handsets are recorded.

    Raises:
        ConfigurationError: the name, the address or a property is wrong or taken, or a file of the
            snapshot is wrong.
        InfrastructureError: this machine refuses namespaces, or adb does not come up.
    """
    cache = cache or default_cache()
    source = None if replay is None else load_replay(replay)
    with waiting(Path(tempfile.gettempdir()) / f"frill-bench-handset-{os.getuid()}.lock"):
        handset = Handset(
            name=name or _free_name(cache),
            address=address or _free_address(port),
            port=port,
            properties=dict(properties or {}),
            data_bytes=data_bytes,
            abi=tree.abi,
            replay=source.name if source else "",
        )
        _check(handset)
        folder = _reserve(handset, cache)
        try:
            record = start(tree, handset, folder, replay=source.snapshot if source else None)
            config.save(folder / _RECORD, record)
        except BaseException:
            _abandon(folder)
            raise
    return Running(record, folder)


def running(cache: Path | None = None) -> list[Running]:
    """Returns the handsets that run on this machine, by name."""
    handsets = []
    for path in sorted(_registry(cache or default_cache()).glob(f"*/{_RECORD}")):
        try:
            handsets.append(Running(config.load(path, Record), path.parent))
        except ConfigurationError:
            continue  # just stopped
    return [handset for handset in handsets if handset.is_alive()]


def find(name: str, cache: Path | None = None) -> Running:
    """Returns the running handset of a name or serial.

    Raises:
        ConfigurationError: there is none.
    """
    handsets = running(cache)
    for handset in handsets:
        if name in (handset.name, handset.serial):
            return handset
    names = [handset.name for handset in handsets]
    raise ConfigurationError(
        f"no handset {name!r} is running{config.near(name, names)}",
        hint=f"running: {', '.join(names) or 'none'}",
    )


def _free_name(cache: Path) -> str:
    used = {handset.name for handset in running(cache)}
    return next(name for name in map("handset{}".format, itertools.count(1)) if name not in used)


def _free_address(port: int) -> str:
    for last in range(_FIRST, _LAST):
        address = _ADDRESS.format(last)
        if is_free(address, port):
            return address
    raise InfrastructureError(
        f"no loopback address is free at port {port}",
        hint="stop handsets: frill-bench handset down --all",
    )


def _check(handset: Handset) -> None:
    if not _NAME.fullmatch(handset.name):
        raise ConfigurationError(
            f"{handset.name!r} cannot be the name of a handset",
            hint="use letters, digits and hyphens",
        )
    if not handset.address.startswith("127."):
        raise ConfigurationError(
            f"{handset.address!r} is not a loopback address", hint="use one such as 127.0.1.11"
        )
    for key, value in handset.properties.items():
        _check_property(key, value)
    if not is_free(handset.address, handset.port):
        raise ConfigurationError(
            f"something listens on {handset.serial} already",
            hint="use another address; see: frill-bench handset list",
        )


def _check_property(key: str, value: str) -> None:
    if not _PROPERTY.fullmatch(key) or "\n" in value:
        raise ConfigurationError(
            f"{key!r} cannot be a property of a handset",
            hint="write it as ro.product.model=Pixel, on one line",
        )


def _reserve(handset: Handset, cache: Path) -> Path:
    """Returns the handset's own folder, without leftovers of an earlier handset."""
    if handset.name in {other.name for other in running(cache)}:
        raise ConfigurationError(
            f"a handset {handset.name!r} is running already",
            hint=f"stop it: frill-bench handset down {handset.name}",
        )
    folder = _registry(cache) / handset.name
    _abandon(folder)
    (folder / "root").mkdir(parents=True)
    return folder


def _abandon(folder: Path) -> None:
    init = read_init(folder)
    if init is not None:
        init.end()
    shutil.rmtree(folder, ignore_errors=True)


def _registry(cache: Path) -> Path:
    return cache / "running"
