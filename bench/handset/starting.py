"""The start of a handset: namespaces, its init in them, and the wait for its adb."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from bench.core.errors import InfrastructureError
from bench.handset.abi import Abi
from bench.handset.layout import EMULATOR, package_data
from bench.handset.process import Process, may_be_shell
from bench.handset.record import Handset, Record
from bench.handset.replay.replayed import properties_of, write_replay
from bench.handset.tree import Tree, default_cache
from bench.snapshot.layout import Snapshot

_BOOT_LIMIT_S = 60.0  # it takes half a second; one that ended is seen at once
_POLL_S = 0.01
_USERS = "ns/user"
_NAMESPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child")
_REFUSAL = re.compile(r"(unshare|nsenter):|mount:.*(permission denied|not permitted)")


def start(tree: Tree, handset: Handset, folder: Path, *, replay: Snapshot | None = None) -> Record:
    """Returns the record of a handset, once its adb takes connections.

    Args:
        tree: its file tree.
        handset: its configuration.
        folder: its own folder, which gets its log.
        replay: what it shows in place of what the tree does.

    Raises:
        ConfigurationError: the snapshot cannot be replayed.
        InfrastructureError: this machine refuses namespaces, or adb does not come up.
    """
    started_s = time.monotonic()
    privileged = may_be_shell()
    properties = {
        **_serials(handset, replay),
        "ro.handset.adbd_root": str(int(not privileged)),
        "ro.handset.bind": handset.address,
        "ro.handset.listen_addrs": f"tcp:{handset.port}",
        "ro.handset.virtual": "1",
        **({"ro.handset.abilist": str(tree.abi)} if replay else {}),
        **handset.properties,
    }
    if replay is not None:
        write_replay(replay, tree.path, folder / "replay")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HANDSET_TREE": str(tree.path),
        "HANDSET_FOLDER": str(folder),
        "HANDSET_NAME": handset.name,
        "HANDSET_DATA_BYTES": str(handset.data_bytes),
        "HANDSET_REPLAY": str(folder / "replay") if replay else "",
        "HANDSET_EMULATOR": EMULATOR if handset.abi is Abi.ARM64 else "",
        "HANDSET_PROPERTIES": "\n".join(f"{key}={value}" for key, value in properties.items()),
    }
    log = folder / "log"
    with (
        resources.as_file(package_data() / "enter.sh") as script,
        log.open("wb") as stream,
        _user_namespace(handset, privileged=privileged) as user,
    ):
        # setsid --fork: the handset is not a child of this process, so it can outlive it.
        subprocess.run(
            ["setsid", "--fork", *user, *_NAMESPACES, "bash", str(script)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            check=True,
        )
        init = _wait_for_adb(handset, folder)
    return Record(handset=handset, init=init, boot_s=time.monotonic() - started_s)


def _serials(handset: Handset, replay: Snapshot | None) -> dict[str, str]:
    """Returns the serials of a handset, except those that a replayed phone has."""
    own = properties_of(replay) if replay else {}
    if "ro.serialno" in own:
        return {}
    return dict.fromkeys(("ro.serialno", "ro.boot.serialno"), handset.name)


@contextmanager
def _user_namespace(handset: Handset, *, privileged: bool) -> Iterator[tuple[str, ...]]:
    """Yields the command prefix that enters the handset's user namespace.

    Root needs no user namespace, except to register the arm64 emulator for the handset alone: then
    the handset gets one with the same users, which is held open until the handset is in it.
    """
    if not privileged:
        yield "unshare", "--user", "--map-root-user"
        return
    if handset.abi is Abi.X86_64:
        yield ("unshare",)
        return
    command = ["unshare", "--user", "sleep", "60"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as holder:
        try:
            _give_users(holder)
            target = ("--target", str(holder.pid), "--user", "--setuid", "0", "--setgid", "0")
            yield "nsenter", *target, "unshare"
        finally:
            holder.kill()


def _give_users(holder: subprocess.Popen[str]) -> None:
    """Gives a process our users, once it is in its own user namespace.

    Raises:
        InfrastructureError: the process ended, or the system does not permit it.
    """
    own, ours = Path(f"/proc/{holder.pid}"), Path("/proc/self")
    try:
        while holder.poll() is None and (own / _USERS).readlink() == (ours / _USERS).readlink():
            time.sleep(_POLL_S)
        for users in ("uid_map", "gid_map"):
            ranges = [line.split() for line in (ours / users).read_text().splitlines()]
            same = "".join(f"{first} {first} {count}\n" for first, _, count in ranges)
            (own / users).write_text(same)
    except OSError as error:
        holder.kill()
        raise _refusal_error(holder.communicate()[1] or f"unshare: {error}") from error


def _wait_for_adb(handset: Handset, folder: Path) -> Process:
    end_s = time.monotonic() + _BOOT_LIMIT_S
    log = folder / "log"
    while time.monotonic() < end_s:
        output = log.read_text(errors="replace")
        init = read_init(folder)
        if (init is None or not init.is_alive()) and _REFUSAL.search(output):
            raise _refusal_error(output)
        if init is not None and not init.is_alive():
            raise _boot_error(handset, "it ended", log.read_text(errors="replace"))
        # Its own daemon must run: another program may have taken the address just now.
        if init is not None and init.beside("adbd") and not is_free(handset.address, handset.port):
            return init
        time.sleep(_POLL_S)
    why = f"it was not ready within {_BOOT_LIMIT_S:g} s"
    raise _boot_error(handset, why, log.read_text(errors="replace"))


def read_init(folder: Path) -> Process | None:
    """Returns the init process of the handset in a folder; ``None`` without one."""
    try:
        pid, start_ticks = (folder / "init").read_text().split()
    except OSError:
        return None
    return Process(pid=int(pid), start_ticks=int(start_ticks))


def _refusal_error(output: str) -> InfrastructureError:
    return InfrastructureError(
        f"this machine refuses the namespaces that a virtual handset needs: {output.strip()}",
        hint="run as root or allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
        "kernel.unprivileged_userns_clone); a container needs CAP_SYS_ADMIN; arm64 needs Linux 6.7",
        last_lines=output.splitlines()[-5:],
    )


def _boot_error(handset: Handset, why: str, output: str) -> InfrastructureError:
    last = output.splitlines()[-5:]
    return InfrastructureError(
        f"handset {handset.name} did not come up, {why}: {' / '.join(last) or 'its log is empty'}",
        hint=f"if its tree may be damaged, remove {default_cache()} and boot it again",
        last_lines=last,
    )


def is_free(address: str, port: int) -> bool:
    """Returns whether no program listens on that address and port."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0
