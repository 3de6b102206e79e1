"""What goes wrong with phones: noticed in time, explained, and gone when the cause is."""

import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, stretched
from support.reach import Boot, Reach, Serving, direct, names, see_up
from support.usb_debugging import authorise

from bench.adb.phone import COMMAND_LIMIT_S
from bench.adb.staging import stage_file
from bench.adb.transport.keys import Key, make_key
from bench.adb.transport.serials import resolve
from bench.adb.transport.server import AdbServer, ServerTransport
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError
from bench.handset.running import Running

TARGET = "/data/local/tmp/file"


def written(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    return path


def test_a_phone_lost_during_a_push_is_noticed_at_once(
    reach: Reach, boot_phone: Boot, tmp_path: Path
) -> None:
    handset = boot_phone()
    phone = reach(handset.serial)
    source = written(tmp_path / "source", 40 << 20)
    killed_s: list[float] = []
    with pytest.raises(TransientDeviceError):
        phone.push(source, TARGET, progress=killing(handset, killed_s))
    assert time.monotonic() - killed_s[0] < PATIENCE_S
    phone.close()


def killing(handset: Running, killed_s: list[float]) -> Callable[[int], None]:
    """Returns what kills the daemon of a handset in the middle of a transfer."""

    def kill(done_bytes: int) -> None:
        if not killed_s and done_bytes > 1 << 20:
            handset.kill_adbd()
            killed_s.append(time.monotonic())

    return kill


def test_a_phone_lost_during_a_command_is_noticed_at_once(reach: Reach, boot_phone: Boot) -> None:
    handset = boot_phone()
    phone = reach(handset.serial)
    killed_s: list[float] = []

    def kill() -> None:
        killed_s.append(time.monotonic())
        handset.kill_adbd()

    timer = threading.Timer(0.3, kill)
    timer.start()
    with pytest.raises(TransientDeviceError) as caught:
        phone.shell("echo begun; sleep 4325", limit_s=PATIENCE_S)
    noticed_s = time.monotonic()
    timer.join()
    assert noticed_s - killed_s[0] < PATIENCE_S
    assert caught.value.hint
    phone.close()


def test_a_phone_whose_daemon_starts_anew_is_back_by_itself_and_keeps_no_part(
    boot_phone: Boot, tmp_path: Path
) -> None:
    handset = boot_phone()
    phone = direct(handset.serial)
    with pytest.raises(TransientDeviceError):
        phone.push(written(tmp_path / "source", 40 << 20), TARGET, progress=killing(handset, []))
    phone.wait(PATIENCE_S)
    assert "file" not in names(phone, "/data/local/tmp")
    phone.push(written(tmp_path / "small", 10), TARGET)
    assert names(phone, "/data/local/tmp") == ["file"]
    phone.close()


def test_a_phone_that_a_recent_adb_is_getting_back_is_waited_for(
    adb_server: Serving, boot_phone: Boot
) -> None:
    handset = boot_phone()
    phone = adb_server.reach(handset.serial)
    handset.kill_adbd()
    while adb_server.state(handset.serial) == "device":
        time.sleep(0.01)
    [found] = resolve([handset.serial], adb_server.environ, settled_s=PATIENCE_S)
    assert found.state == "device"
    assert phone.ask("echo fine") == "fine"


def test_an_old_adb_that_never_gets_a_phone_back_is_explained(
    debian_server: Serving, boot_phone: Boot
) -> None:
    handset = boot_phone()
    phone = debian_server.reach(handset.serial)
    phone.ask("true")
    handset.kill_adbd()
    see_up(handset.serial)
    with pytest.raises(TransientDeviceError, match="lists it as offline") as caught:
        phone.wait(0.6)
    with pytest.raises(TransientDeviceError, match="lists it as offline"):
        resolve([handset.serial], debian_server.environ, settled_s=0.2)
    assert debian_server.adb("connect", handset.serial).startswith("already connected")
    commands = caught.value.hint.partition(": ")[2]
    assert commands == f"adb disconnect {phone.serial}; adb connect {phone.serial}"
    for command in commands.split("; "):
        debian_server.adb(*shlex.split(command)[1:])
    phone.wait(PATIENCE_S)
    [found] = resolve([handset.serial], debian_server.environ)
    assert found.state == "device"


def test_a_frozen_phone_is_given_up_in_time_and_is_fine_when_it_thaws(
    reach: Reach, boot_phone: Boot
) -> None:
    handset = boot_phone()
    phone = reach(handset.serial, io_limit_s=stretched(0.5))
    phone.ask("true")
    handset.kill_adbd(signal.SIGSTOP)
    started_s = time.monotonic()
    with pytest.raises(TransientDeviceError, match=r"did not answer"):
        phone.ask("true")
    assert time.monotonic() - started_s < COMMAND_LIMIT_S
    handset.kill_adbd(signal.SIGCONT)
    phone.wait(PATIENCE_S)
    assert phone.ask("echo fine") == "fine"
    phone.close()


def test_a_frozen_phone_is_not_connected_to(boot_phone: Boot) -> None:
    handset = boot_phone()
    handset.kill_adbd(signal.SIGSTOP)
    with pytest.raises(TransientDeviceError, match="no adb daemon answered"):
        direct(handset.serial, connect_limit_s=0.3).ask("true")


def test_a_phone_frozen_during_a_push_is_given_up_and_keeps_no_part(
    reach: Reach, boot_phone: Boot, tmp_path: Path
) -> None:
    handset = boot_phone()
    phone = reach(handset.serial, io_limit_s=stretched(0.5))
    source = written(tmp_path / "source", 20 << 20)
    with pytest.raises(TransientDeviceError, match="took n"):
        phone.push(source, TARGET, progress=lambda _: handset.kill_adbd(signal.SIGSTOP))
    handset.kill_adbd(signal.SIGCONT)
    phone.wait(PATIENCE_S)
    phone.push(written(tmp_path / "small", 10), TARGET)
    assert names(phone, "/data/local/tmp") == ["file"]
    phone.close()


@pytest.mark.parametrize("size_bytes", [9 << 20, 90 << 20])
def test_a_full_disk_says_so_and_keeps_nothing(
    reach: Reach, boot_phone: Boot, tmp_path: Path, size_bytes: int
) -> None:
    phone = reach(boot_phone(data_bytes=8 << 20).serial)
    source = written(tmp_path / "source", size_bytes)
    with pytest.raises(DeviceError, match="No space left"):
        phone.push(source, TARGET)
    assert names(phone, "/data/local/tmp") == []
    with pytest.raises(DeviceError, match="are free"):
        stage_file(phone, source)
    phone.close()


def test_a_key_that_is_refused_is_explained_and_works_once_accepted(
    secure_phone: Running, tmp_path: Path
) -> None:
    handset = secure_phone
    make_key(tmp_path / "adbkey")
    key = Key(tmp_path / "adbkey")
    prompts: list[bool] = []
    limit_s = stretched(0.5)
    unknown = direct(
        handset.serial, keys=[key], prompt_limit_s=limit_s, on_prompt=lambda: prompts.append(True)
    )
    with pytest.raises(DeviceError, match="unauthorized") as caught:
        unknown.ask("true")
    assert not isinstance(caught.value, TransientDeviceError)
    assert "Allow USB debugging" in caught.value.hint
    assert prompts == [True]
    with pytest.raises(DeviceError, match="none was given"):
        direct(handset.serial).ask("true")
    authorise(handset, (tmp_path / "adbkey.pub").read_text())
    assert unknown.ask("echo fine") == "fine"
    unknown.close()


def test_a_servers_key_that_is_refused_is_explained_and_works_once_accepted(
    server: Serving, secure_phone: Running
) -> None:
    handset = secure_phone
    server.adb("connect", handset.serial)
    with pytest.raises(DeviceError, match="unauthorized") as caught:
        resolve([handset.serial], server.environ)
    assert not isinstance(caught.value, TransientDeviceError)
    with pytest.raises(DeviceError, match="unauthorized") as caught:
        ServerTransport(handset.serial, AdbServer(server.environ)).open("sync:")
    assert "Allow USB debugging" in caught.value.hint
    authorise(handset, (Path(server.environ["HOME"]) / ".android" / "adbkey.pub").read_text())
    assert server.reach(handset.serial).ask("echo fine") == "fine"


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Yields ``host:port`` of something that is no phone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # closed; and who is not understood is hung up on
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=served, args=(connection,), daemon=True).start()

        def served(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def says(answer: bytes) -> Callable[[socket.socket], None]:
    def spoken(connection: socket.socket) -> None:
        connection.recv(24)
        connection.sendall(answer)
        while connection.recv(1 << 16):
            pass

    return spoken


PAIRING = b"STLS" + b"\0\0\0\1" + b"\0" * 12 + bytes(0xFF ^ byte for byte in b"STLS")
HTTP = says(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (HTTP, DeviceError, "not an adb daemon"),
        (says(bytes(range(200))), DeviceError, "not an adb daemon"),
        (says(PAIRING), DeviceError, "pairing"),
        (says(b""), TransientDeviceError, "no adb daemon answered"),
        (lambda connection: None, TransientDeviceError, "closed the connection|broke"),
    ],
    ids=["http", "garbage", "pairing", "silent", "closes"],
)
def test_what_is_no_phone_is_told_apart(
    answer: Callable[[socket.socket], None], kind: type[DeviceError], why: str
) -> None:
    with listening(answer) as serial:
        silent = kind is TransientDeviceError and why.startswith("no adb")
        phone = direct(serial, connect_limit_s=0.5 if silent else PATIENCE_S)
        started_s = time.monotonic()
        with pytest.raises(DeviceError, match=why) as caught:
            phone.ask("true")
        assert time.monotonic() - started_s < PATIENCE_S
        assert type(caught.value) is kind
        phone.close()


@pytest.mark.parametrize("answer", [HTTP, says(b"")], ids=["http", "silent"])
def test_what_is_no_phone_is_explained_where_a_server_was_told_to_connect_to_it(
    server: Serving, answer: Callable[[socket.socket], None]
) -> None:
    with listening(answer) as serial:
        # It would wait for 10 s or, the old one, for ever.
        with subprocess.Popen([server.binary, "connect", serial], env=server.environ) as connecting:
            while not server.state(serial):
                time.sleep(0.01)
            connecting.kill()
        with pytest.raises(TransientDeviceError, match="lists it as") as caught:
            resolve([serial], server.environ, settled_s=0.2)
        assert "port" in caught.value.hint


def test_a_closed_port_and_an_unknown_host_are_told_apart() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(TransientDeviceError, match="refused"):
            direct(f"127.0.0.1:{probe.getsockname()[1]}").ask("true")
    with pytest.raises(ConfigurationError, match="no such host"):
        direct("no-such-host.invalid:5555").ask("true")
