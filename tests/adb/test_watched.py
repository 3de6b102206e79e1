import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from support.answers import Answering
from support.patience import PATIENCE_S, stretched, wait_until
from support.reach import direct

from bench.adb.phone import FOLDER, Phone
from bench.adb.shell import Completed, Limit
from bench.adb.state.watch import Watch, keeps_counters
from bench.core import config
from bench.core.device_state.state import Reading, State
from bench.core.errors import TransientDeviceError
from bench.handset.running import Running

GROUPS = ((0, 1, 2, 3), (4, 5, 6), (7,))
SLEEPS = "pgrep -f '[s]leep'"
COUNTERS = pytest.mark.parametrize("counters", [True, False])


@pytest.fixture
def phone(handset: Running) -> Iterator[Phone]:
    with closing(direct(handset.serial)) as found:
        found.ask(f"mkdir -p {FOLDER}")
        yield found


def watch(phone: Phone, *, counters: bool = True, state_limit_s: float = PATIENCE_S) -> Watch:
    return Watch(phone=phone, groups=GROUPS, counters=counters, state_limit_s=state_limit_s)


@COUNTERS
@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 7", 7), ("kill -SEGV $$", 139), ("kill -9 $$", 137), ("true", 0)],
)
def test_streams_and_status_are_the_processes_own(
    phone: Phone, counters: bool, script: str, status: int
) -> None:
    odd = r"printf 'a\r\nb\0\3777 (sh) Z 1\n12'; echo err >&2;"
    done = watch(phone, counters=counters).run(["sh", "-c", f"{odd} {script}"], limit_s=PATIENCE_S)
    assert done.stdout == b"a\r\nb\0\xff7 (sh) Z 1\n12"
    assert done.stderr == b"err\n"
    assert (done.exit_status, done.timed_out) == (status, False)
    assert done.telemetry.before is not None
    assert done.telemetry.after is not None
    assert done.telemetry.before.battery_level_percent == Reading(value=83.0)
    assert [each.cores for each in done.telemetry.after.clocks] == list(GROUPS)
    assert done.telemetry.overhead_s is not None
    assert (done.telemetry.run_s is not None) is counters


def test_what_a_process_ran_and_waited_is_seen_after_its_end(phone: Phone) -> None:
    spins = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    done = watch(phone).run(["taskset", "1", "sh", "-c", spins], limit_s=PATIENCE_S)
    assert done.telemetry.cores == (0,)
    assert done.telemetry.run_s is not None
    assert done.telemetry.run_s > 0.02
    assert done.telemetry.run_queue_wait_s is not None
    assert done.telemetry.usage is not None
    assert done.telemetry.usage.cpu_s.number == pytest.approx(done.telemetry.run_s, abs=0.03)
    busy_s, cores_s = done.telemetry.usage.busy_s.number, done.telemetry.usage.cores_s.number
    assert busy_s is not None
    assert cores_s is not None
    assert 0 < busy_s <= cores_s + 0.02
    assert [each.cores for each in done.telemetry.usage.clocks] == [(0, 1, 2, 3)]


@COUNTERS
def test_at_its_limit_all_of_it_is_killed(phone: Phone, counters: bool) -> None:
    command = ["sh", "-c", "echo begun; sleep 601 & sleep 602"]
    done = watch(phone, counters=counters, state_limit_s=0.5).run(command, limit_s=stretched(0.5))
    assert (done.timed_out, done.exit_status, done.stdout) == (True, 137, b"begun\n")
    assert done.telemetry.cores
    assert phone.shell(SLEEPS).stdout == b""


@pytest.mark.parametrize("state_limit_s", [0.5, 5.0])
def test_a_process_that_outlives_its_limit_is_not_a_phone_that_went_away(
    phone: Phone, state_limit_s: float
) -> None:
    # It would end within the limits of the readings before and after it.
    done = watch(phone, state_limit_s=state_limit_s).run(["sleep", "9"], limit_s=0.3)
    assert (done.timed_out, done.exit_status) == (True, 137)
    assert phone.shell(SLEEPS).stdout == b""


def test_a_process_of_more_than_two_seconds_is_sampled(phone: Phone) -> None:
    done = watch(phone).run(["sleep", "2.3"], limit_s=PATIENCE_S)
    sample, *_ = done.telemetry.samples  # a busy machine takes longer, and another
    assert sample.at_s >= 2
    assert sample.temp_c == Reading(value=43.9)
    assert sample.surface_temp_c == Reading(value=33.5)
    assert [each.cap_khz.number for each in sample.clocks] == [2_016_000, 2_803_200, 3_187_200]
    assert phone.shell(f"ls {FOLDER}/samples").exit_status != 0
    assert phone.shell(SLEEPS).stdout == b""


def test_what_would_sample_a_short_process_ends_with_it(phone: Phone) -> None:
    assert watch(phone).run(["true"], limit_s=PATIENCE_S).telemetry.samples == ()
    assert phone.shell(SLEEPS).stdout == b""


def test_what_samples_a_process_ends_when_this_machine_is_gone(handset: Running) -> None:
    gone, sampled = direct(handset.serial), f"[ -s {FOLDER}/samples.on ]"

    def run() -> None:
        with suppress(TransientDeviceError):
            watch(gone).run(["sleep", "1"], limit_s=PATIENCE_S)

    with closing(direct(handset.serial)) as phone:
        phone.ask(f"mkdir -p {FOLDER}; rm -f {FOLDER}/samples.on")
        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: phone.shell(sampled).exit_status == 0)
        gone.close()  # as its end by kill -9
        thread.join()
        pattern = shlex.quote(f"{FOLDER.replace('frill', '[f]rill')}/")
        wait_until(lambda: not phone.shell(f"pgrep -f {pattern}").stdout)


def test_without_snapshots_the_process_alone_is_watched(phone: Phone) -> None:
    done = watch(phone, state_limit_s=0.0).run(["echo", "hello"], limit_s=PATIENCE_S)
    assert (done.stdout, done.telemetry.before, done.telemetry.after, done.telemetry.usage) == (
        b"hello\n",
        None,
        None,
        None,
    )
    assert done.telemetry.run_s is not None


def test_a_command_that_cannot_be_pinned_is_a_failure_of_its_own(phone: Phone) -> None:
    done = watch(phone).run(["taskset", "zz", "true"], limit_s=PATIENCE_S)
    assert done.exit_status == 1
    assert b"taskset" in done.stderr
    assert done.telemetry.cores == ()


def test_a_state_is_stored_and_loaded_back(phone: Phone) -> None:
    done = watch(phone).run(["true"], limit_s=PATIENCE_S)
    plain = config.unstructure(done.telemetry.before)
    assert config.structure(plain, State, source="x") == done.telemetry.before


class _Says(Answering):
    """A phone whose every command prints the same."""

    def __init__(self, stdout: bytes, *, timed_out: bool = False) -> None:
        super().__init__({})
        self.stdout, self.timed_out = stdout, timed_out

    def shell(self, command: str, *, limit_s: Limit = 1.0) -> Completed:
        return Completed(stdout=self.stdout, stderr=b"", exit_status=0, timed_out=self.timed_out)


def test_a_phone_that_shows_zero_for_every_status_is_not_believed() -> None:
    words = ["0"] * 49
    words[5] = "4228620"
    assert not keeps_counters(_Says(f"77 (sh) Z {' '.join(words)}\n".encode()))
    words[-1] = "1792"
    assert keeps_counters(_Says(f"77 (sh) Z {' '.join(words)}\n".encode()))
    words[5] = "0"  # it has not ended
    assert not keeps_counters(_Says(f"77 (sh) Z {' '.join(words)}\n".encode()))


def test_a_phone_too_busy_to_show_counters_is_not_one_without_them() -> None:
    with pytest.raises(TransientDeviceError, match="counters of a process in time"):
        keeps_counters(_Says(b"77\n", timed_out=True))


def test_a_process_after_which_the_phone_was_not_seen_does_not_count(
    handset: Running, phone: Phone
) -> None:
    zone = handset.path("/sys/class/thermal/thermal_zone0/temp")
    aside = zone.with_name("aside")
    begun, go = (handset.path(f"/data/local/tmp/{name}") for name in ("clog-begun", "clog-go"))
    waits = f"touch {begun.name}; until [ -e {go.name} ]; do sleep 0.05; done"
    command = ["sh", "-c", f"cd /data/local/tmp; {waits}; rm {begun.name} {go.name}"]

    def clog() -> None:  # whoever reads it waits for ever
        wait_until(begun.exists)
        zone.rename(aside)
        os.mkfifo(zone)
        go.touch()

    clogging = threading.Thread(target=clog)
    clogging.start()
    try:
        with pytest.raises(TransientDeviceError, match="did not show its state in time"):
            watch(phone, state_limit_s=0.5).run(command, limit_s=PATIENCE_S)
    finally:
        clogging.join()
        aside.replace(zone)
    assert watch(phone).run(["true"], limit_s=PATIENCE_S).telemetry.after is not None


def test_a_phone_that_never_comes_to_the_process_is_lost() -> None:
    with pytest.raises(TransientDeviceError, match="in time"):
        watch(_Says(os.urandom(8))).run(["true"], limit_s=1)
