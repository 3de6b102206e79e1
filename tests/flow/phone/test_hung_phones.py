"""A phone that hangs, rebooted where that is allowed, and one that another process uses."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, wait_until
from support.phone_sweeps import QUICK, SUITE, TINY, Watch, stand_in, sweep, wanted
from support.reach import Boot, direct

from bench.adb.phone import Phone
from bench.adb.reboot import reboot
from bench.core.errors import DeviceError, RebootedError, ServiceRefusedError, TransientDeviceError
from bench.flow.device.device import QUEUE
from bench.flow.phone.retry import retry_when_reconnected
from bench.handset.process import may_be_shell
from bench.handset.running import Running
from bench.plan.suite import Suite
from bench.store.store import Store

FOLDER = "/data/local/tmp/frill-bench"
AT_ONCE = {"ro.handset.boot_s": "0"}
LONG: Suite = replace(SUITE, protocol=replace(QUICK, processes=4))

stuck_needs_root = pytest.mark.skipif(
    not may_be_shell(),
    reason="only beside root's processes is there one that the shell cannot kill",
)


@pytest.fixture
def stick() -> Iterator[Callable[[Running], None]]:
    """Yields what leaves a program of our folder running that the phone's shell cannot kill.

    To the shell it is like one that hangs in a driver.
    """
    started: list[subprocess.Popen[bytes]] = []

    def stick(phone: Running) -> None:
        with closing(direct(phone.serial)) as user:
            user.wait(PATIENCE_S)
            user.ask(f"mkdir -p {FOLDER}; echo sleep 600 >{FOLDER}/stuck")
        init = str(phone.record.init.pid)
        enter = ["nsenter", "--target", init, "--mount", "--pid", "--root", "--wd"]
        started.append(subprocess.Popen([*enter, "/system/bin/sh", f"{FOLDER}/stuck"]))

    yield stick
    for each in started:
        with suppress(ProcessLookupError):
            each.kill()
        each.wait(PATIENCE_S)


Stick = Callable[[Running], None]


def reboots(database: Path) -> dict[str | None, list[object]]:
    """Returns why a phone was rebooted by us, by session."""
    found: dict[str | None, list[object]] = {}
    with Store.open(database) as store:
        for event in store.events():
            if event.kind == "reboot-asked":
                found.setdefault(event.session_id, []).append(event.facts["why"])
    return found


def test_a_handset_that_is_rebooted_is_back_on_another_boot_without_its_processes(
    boot_phone: Boot,
) -> None:
    handset = boot_phone(properties=AT_ONCE)
    with closing(direct(handset.serial)) as phone:
        phone.ask("sleep 600 >/dev/null 2>&1 & echo kept >/data/local/tmp/kept")
        before = phone.ask("cat /proc/sys/kernel/random/boot_id")
        assert phone.ask("pgrep sleep")
        reboot(phone, boot_id=before.strip(), limit_s=PATIENCE_S)
        assert phone.ask("cat /proc/sys/kernel/random/boot_id") != before
        assert phone.shell("pgrep -f 'sleep 60[0]'").stdout == b""
        assert phone.ask("cat /data/local/tmp/kept") == "kept"


@stuck_needs_root
def test_a_phone_with_a_program_that_cannot_be_killed_is_rebooted_once_and_told(
    boot_phone: Boot, tmp_path: Path, stick: Stick
) -> None:
    phone, watch = boot_phone(properties=AT_ONCE), Watch()
    database = tmp_path / "phones.db"

    def hang() -> None:
        watch.measured.wait(PATIENCE_S)
        stick(phone)
        phone.kill_adbd()

    hanging = threading.Thread(target=hang, daemon=True)
    hanging.start()
    what = wanted(stand_in(tmp_path, "sleep 0.2"), TINY, suite=LONG, may_reboot=True)
    swept = sweep([phone.serial], what, database, watch=watch)
    hanging.join(PATIENCE_S)
    assert swept.lanes[0].error is None
    first, second = watch.sessions
    assert first.device.boot_id != second.device.boot_id
    assert len(swept.invocations[second.id]) == 4
    (line,) = [each for each in watch.lines if "--may-reboot" in each]
    assert "cannot" not in line
    assert "may still run and use its cores" in line
    assert {key: len(each) for key, each in reboots(database).items()} == {
        first.id: 1, second.id: 1,
    }  # fmt: skip


@stuck_needs_root
def test_without_the_flag_a_phone_is_never_rebooted(
    boot_phone: Boot, tmp_path: Path, stick: Stick
) -> None:
    phone = boot_phone(properties=AT_ONCE)
    stick(phone)
    database = tmp_path / "phones.db"
    swept = sweep([phone.serial], wanted(stand_in(tmp_path), TINY), database)
    assert swept.lanes[0].error is None
    assert any("restart the phone" in each for each in swept.watch.lines)
    assert reboots(database) == {}
    # It hangs before the session, which then begins on the new boot.
    swept = sweep([phone.serial], wanted(stand_in(tmp_path), TINY, may_reboot=True), database)
    assert swept.lanes[0].error is None
    assert not any("restart the phone" in each for each in swept.watch.lines)
    (session,) = swept.watch.sessions
    assert list(reboots(database)) == [session.id]


def test_a_phone_in_use_is_waited_for_and_who_uses_it_is_told(
    handset: Running, tmp_path: Path
) -> None:
    what, watch = wanted(stand_in(tmp_path), TINY, queue_s=30.0), Watch()
    with holding(handset.serial) as holder:
        done = threading.Thread(
            target=lambda: sweep([handset.serial], what, tmp_path / "q.db", watch=watch),
            daemon=True,
        )
        done.start()
        wait_until(lambda: bool(watch.lines))
        assert watch.lines == [f"process {holder.pid} is using it; waiting up to 0.5 min for it"]
        holder.kill()
    done.join(PATIENCE_S)
    assert len(watch.sessions) == 1
    assert (handset.serial, QUEUE) in watch.steps


def test_a_phone_that_stays_in_use_is_set_aside_when_the_time_is_over(
    handset: Running, tmp_path: Path
) -> None:
    what = wanted(stand_in(tmp_path), TINY, queue_s=0.1)
    with holding(handset.serial) as holder:
        swept = sweep([handset.serial], what, tmp_path / "q.db")
        holder.kill()
    error = swept.lanes[0].error
    assert error is not None
    assert f"process {holder.pid} is using it" in error.message
    assert "--queue" in error.hint


@contextmanager
def holding(serial: str) -> Iterator[subprocess.Popen[str]]:
    """Yields another process that holds a phone until it is killed."""
    code = "from bench.adb.lock import locked\n"
    code += f"with locked({serial!r}): print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder


class HungTransport:
    """A phone of which nothing but adb's daemon answers: no command ends."""

    serial = "0123456789ABCDEF"
    io_limit_s = 0.1

    def __init__(self, *, reboots: bool) -> None:
        self.asked: list[str] = []
        self._reboots = reboots

    def open(self, service: str) -> object:
        self.asked.append(service)
        if service == "reboot:" and self._reboots:
            return Ended()
        raise TransientDeviceError("it did not answer")

    def close(self) -> None:
        pass


class Ended:
    def read(self, timeout_s: float) -> bytes:
        return b""

    def close(self) -> None:
        pass


def test_adb_s_daemon_is_asked_and_a_phone_that_does_not_come_back_is_told() -> None:
    hung = HungTransport(reboots=True)
    with pytest.raises(TransientDeviceError, match=r"did not come back in 0\.1 s"):
        reboot(Phone(hung), limit_s=0.1)  # type: ignore[arg-type]  # as far as it is used
    assert "reboot:" in hung.asked


def test_a_phone_whose_daemon_is_silent_too_needs_its_power_button() -> None:
    hung = HungTransport(reboots=False)
    with pytest.raises(DeviceError, match="takes no reboot either") as raised:
        reboot(Phone(hung), limit_s=5.0)  # type: ignore[arg-type]  # as far as it is used
    assert "power button" in raised.value.hint
    assert not isinstance(raised.value, TransientDeviceError | ServiceRefusedError)


@pytest.mark.parametrize("error", [
    DeviceError("'true' failed: it printed nothing", timed_out=True),
    TransientDeviceError("it did not answer"),
])  # fmt: skip
@pytest.mark.parametrize("allowed", [True, False])
def test_a_phone_that_answers_no_command_is_revived_or_given_up(
    error: DeviceError, allowed: bool
) -> None:
    asked: list[DeviceError] = []

    def attempt(losses: int) -> None:
        raise error

    def revive(phone: Phone, why: DeviceError) -> bool:
        asked.append(why)
        return allowed

    hung = Phone(HungTransport(reboots=True))  # type: ignore[arg-type]  # as far as it is used
    with pytest.raises(DeviceError) as raised:
        retry_when_reconnected(hung, attempt, wait_s=0.1, revive=revive)
    assert len(asked) == 1
    assert isinstance(raised.value, RebootedError) is allowed
    assert allowed or raised.value is asked[0]


def test_an_error_of_a_phone_that_answers_is_no_hang() -> None:
    full = DeviceError("the files take 9 MB and 1 MB are free")

    def attempt(losses: int) -> None:
        raise full

    def revive(phone: Phone, why: DeviceError) -> bool:
        raise AssertionError(why)

    hung = Phone(HungTransport(reboots=True))  # type: ignore[arg-type]  # as far as it is used
    with pytest.raises(DeviceError) as raised:
        retry_when_reconnected(hung, attempt, wait_s=0.1, revive=revive)
    assert raised.value is full
