"""One handset from boot to stop, and those that run on this machine."""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import TracebackType

from bench.core import config
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.handset.layout import package_data
from bench.handset.process import Process, may_be_shell
from bench.handset.tree import Tree, default_cache

DATA_BYTES = 1 << 30
PORT = 5555
_RECORD = "handset.json"
_BOOT_LIMIT_S = 20.0
_POLL_S = 0.01
_ADDRESS = "127.0.1.{}"
_FIRST, _LAST = 11, 250
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_REFUSAL = re.compile(r"unshare:|mount:.*(permission denied|not permitted)")
_PROPERTY = re.compile(r"[A-Za-z0-9_.@:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handset:
    """What a handset is asked to be.

    Args:
        name: its serial number as the phone itself knows it, and its host name.
        address: a loopback address of its own.
        properties: system properties, over those of the tree.
        data_bytes: size of its /data.
        secure: whether adb asks for a known key.
    """

    name: str
    address: str
    port: int
    properties: dict[str, str]
    data_bytes: int
    secure: bool

    @property
    def serial(self) -> str:
        """Returns the serial that adb knows it by."""
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A handset that was booted, as other processes find it.

    Args:
        boot_s: from the start of the process until adb took a connection.
    """

    handset: Handset
    init: Process
    boot_s: float


class Running:
    """A running handset; as a context manager it is stopped at the end.

    Args:
        record: what was booted.
        folder: where its record and its log lie.
    """

    def __init__(self, record: Record, folder: Path) -> None:
        self.record = record
        self.folder = folder

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        """Returns where a file of the handset lies on this machine."""
        return Path(f"/proc/{self.record.init.pid}/root") / path.lstrip("/")

    def write(self, path: str, text: str) -> None:
        """Writes a file of the handset, as its kernel or its vendor would."""
        self.path(path).write_text(text)

    def authorise(self, *keys: str) -> None:
        """Adds public keys, as in ``adbkey.pub``, to those that its adb knows."""
        with self.path("/data/misc/adb/adb_keys").open("a") as stream:
            stream.writelines(f"{key.strip()}\n" for key in keys)

    def adbd_pids(self) -> tuple[int, ...]:
        """Returns the process ids, on this machine, of its adb daemon and what forked off it."""
        return self.record.init.beside("adbd")

    def kill_adbd(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to its adb daemon, which its init starts again after it died."""
        for pid in self.adbd_pids():
            os.kill(pid, number)

    def stop(self) -> None:
        """Ends it with everything that runs in it; its mounts go with its last process.

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
    data_bytes: int = DATA_BYTES,
    secure: bool = False,
    keys: Sequence[str] = (),
    cache: Path | None = None,
) -> Running:
    """Returns a handset that answers on ``address:port``; it outlives this process.

    Without root it boots in an unprivileged user namespace; its shell is then root's.

    Args:
        tree: what it stands on.
        name: its serial number and host name; ``None`` for a free one.
        address: a loopback address (127.x.y.z); ``None`` for a free one.
        port: of adb.
        properties: system properties, over those of the tree.
        data_bytes: size of its /data.
        secure: let adb ask for a known key.
        keys: public keys that it knows, as in ``adbkey.pub``.
        cache: where running handsets are recorded.

    Raises:
        ConfigurationError: the name, the address or a property is wrong or taken.
        InfrastructureError: this machine refuses namespaces, or adb does not come up.
    """
    cache = cache or default_cache()
    with _one_at_a_time():
        handset = Handset(
            name=name or _free_name(cache),
            address=address or _free_address(port),
            port=port,
            properties=dict(properties or {}),
            data_bytes=data_bytes,
            secure=secure,
        )
        _check(handset)
        folder = _reserve(handset, cache)
        try:
            record = _start(tree, handset, folder)
            phone = Running(record, folder)
            phone.authorise(*keys)
            config.save(folder / _RECORD, record)
        except BaseException:
            _abandon(folder)
            raise
    return phone


def running(cache: Path | None = None) -> list[Running]:
    """Returns the handsets that run on this machine, by name."""
    found = []
    for path in sorted(_registry(cache or default_cache()).glob(f"*/{_RECORD}")):
        try:
            found.append(Running(config.load(path, Record), path.parent))
        except ConfigurationError:
            continue  # stopped a moment ago
    return [each for each in found if each.is_alive()]


def find(name: str, cache: Path | None = None) -> Running:
    """Returns the running handset of a name or serial.

    Raises:
        ConfigurationError: there is none.
    """
    known = running(cache)
    for each in known:
        if name in (each.name, each.serial):
            return each
    names = [each.name for each in known]
    raise ConfigurationError(
        f"no handset {name!r} is running{config.near(name, names)}",
        hint=f"running: {', '.join(names) or 'none'}",
    )


def _free_name(cache: Path) -> str:
    taken = {each.name for each in running(cache)}
    return next(name for name in map("handset{}".format, itertools.count(1)) if name not in taken)


def _free_address(port: int) -> str:
    for last in range(_FIRST, _LAST):
        address = _ADDRESS.format(last)
        if _is_free(address, port):
            return address
    raise InfrastructureError(
        f"no loopback address is free at port {port}",
        hint="stop handsets: frill-bench handset down --all",
    )


def _check(handset: Handset) -> None:
    if not _NAME.fullmatch(handset.name):
        raise ConfigurationError(
            f"{handset.name!r} is no name for a handset", hint="use letters, digits and hyphens"
        )
    if not handset.address.startswith("127."):
        raise ConfigurationError(
            f"{handset.address!r} is no loopback address", hint="use 127.0.1.11 or the like"
        )
    for key, value in handset.properties.items():
        if not _PROPERTY.fullmatch(key) or "\n" in value:
            raise ConfigurationError(
                f"{key!r} cannot be a property of a handset",
                hint="write it as ro.product.model=Pixel, on one line",
            )
    if not _is_free(handset.address, handset.port):
        raise ConfigurationError(
            f"something listens on {handset.serial} already",
            hint="take another address; see: frill-bench handset list",
        )


def _reserve(handset: Handset, cache: Path) -> Path:
    """Returns the handset's own folder; what an ended or interrupted one left there goes."""
    if handset.name in {each.name for each in running(cache)}:
        raise ConfigurationError(
            f"a handset {handset.name!r} is running already",
            hint=f"stop it: frill-bench handset down {handset.name}",
        )
    folder = _registry(cache) / handset.name
    _abandon(folder)
    (folder / "root").mkdir(parents=True)
    return folder


def _abandon(folder: Path) -> None:
    init = _init(folder)
    if init is not None:
        init.end()
    shutil.rmtree(folder, ignore_errors=True)


def _start(tree: Tree, handset: Handset, folder: Path) -> Record:
    """Returns what was booted, once adb takes connections."""
    started_s = time.monotonic()
    privileged = may_be_shell()
    properties = {
        "ro.serialno": handset.name,
        "ro.boot.serialno": handset.name,
        "ro.adb.secure": str(int(handset.secure)),
        "ro.handset.adbd_root": str(int(not privileged)),
        "ro.handset.bind": handset.address,
        "service.adb.listen_addrs": f"tcp:{handset.port}",
        **handset.properties,
    }
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HANDSET_TREE": str(tree.path),
        "HANDSET_FOLDER": str(folder),
        "HANDSET_NAME": handset.name,
        "HANDSET_DATA_BYTES": str(handset.data_bytes),
        "HANDSET_PROPERTIES": "\n".join(f"{key}={value}" for key, value in properties.items()),
    }
    user = () if privileged else ("--user", "--map-root-user")
    namespaces = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child")
    log = folder / "log"
    with resources.as_file(package_data() / "enter.sh") as script, log.open("wb") as stream:
        # setsid --fork: the handset belongs to no process of ours, so it outlives this one.
        subprocess.run(
            ["setsid", "--fork", "unshare", *user, *namespaces, "bash", str(script)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            check=True,
        )
    init = _wait_for_adb(handset, folder)
    return Record(handset=handset, init=init, boot_s=time.monotonic() - started_s)


def _wait_for_adb(handset: Handset, folder: Path) -> Process:
    limit_s = time.monotonic() + _BOOT_LIMIT_S
    log = folder / "log"
    while time.monotonic() < limit_s:
        said = log.read_text(errors="replace")
        init = _init(folder)
        if (init is None or not init.is_alive()) and _REFUSAL.search(said):
            raise _refused(said)
        if init is not None and not init.is_alive():
            break
        # Its own daemon must run: what answers may be somebody else's who took the address now.
        if init is not None and init.beside("adbd") and not _is_free(handset.address, handset.port):
            return init
        time.sleep(_POLL_S)
    raise _dead(handset, log.read_text(errors="replace"))


def _init(folder: Path) -> Process | None:
    """Returns the init of the handset in a folder, as it wrote itself down."""
    try:
        pid, start_ticks = (folder / "init").read_text().split()
    except OSError:
        return None
    return Process(pid=int(pid), start_ticks=int(start_ticks))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Holds back other boots of this user, whatever their cache: they share the addresses."""
    lock = Path(tempfile.gettempdir()) / f"frill-bench-handset-{os.getuid()}.lock"
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _refused(said: str) -> InfrastructureError:
    return InfrastructureError(
        f"this machine refuses the namespaces that a virtual handset lives in: {said.strip()}",
        hint="run as root or allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
        "kernel.unprivileged_userns_clone); a container needs CAP_SYS_ADMIN",
        last_lines=said.splitlines()[-5:],
    )


def _dead(handset: Handset, said: str) -> InfrastructureError:
    last = said.splitlines()[-5:]
    return InfrastructureError(
        f"handset {handset.name} did not come up: {' / '.join(last) or 'it said nothing'}",
        hint=f"if its tree may be damaged, remove {default_cache()} and boot it again",
        last_lines=last,
    )


def _registry(cache: Path) -> Path:
    return cache / "running"


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0
