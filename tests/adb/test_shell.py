import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from support.patience import PATIENCE_S, stretched
from support.reach import direct

from bench.adb import shell
from bench.adb.batch import ask_many
from bench.adb.phone import Phone
from bench.adb.shell import Completed
from bench.adb.transport.stream import Stream, Transport
from bench.core.errors import DeviceError, ServiceRefusedError
from bench.handset.running import Running

Run = Callable[..., Completed]


class OldPhone:
    """A phone without shell v2, as before Android 7."""

    def __init__(self, phone: Transport) -> None:
        self._phone = phone
        self.serial = phone.serial
        self.io_limit_s = phone.io_limit_s

    def open(self, service: str) -> Stream:
        if service.startswith("shell,"):
            raise ServiceRefusedError("no such service")
        return self._phone.open(service)

    def features(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        self._phone.close()


@pytest.fixture(params=["shell v2", "before shell v2"])
def run(request: pytest.FixtureRequest, phone: Phone) -> Run:
    transport = phone.transport if request.param == "shell v2" else OldPhone(phone.transport)
    return lambda command, limit_s=PATIENCE_S: shell.run(transport, command, limit_s=limit_s)


@pytest.mark.parametrize(
    ("command", "status", "stdout", "stderr"),
    [
        ("true", 0, b"", b""),
        ("echo out; echo err >&2; exit 7", 7, b"out\n", b"err\n"),
        ("printf '\\377\\000\\r\\n12\\n'", 0, b"\xff\x00\r\n12\n", b""),
        ("printf 12345", 0, b"12345", b""),
        ("sh -c 'kill -TERM $$'", 143, b"", b""),
        ('cat; echo "it\'s" "$((6*7))"', 0, b"it's 42\n", b""),
    ],
)
def test_a_command_keeps_its_status_and_its_two_outputs(
    run: Run, command: str, status: int, stdout: bytes, stderr: bytes
) -> None:
    done = run(command)
    # mksh tells of a signal on stderr where the command is not its last one
    assert (done.exit_status, done.stdout, done.timed_out) == (status, stdout, False)
    assert done.stderr == stderr or status > 128


@pytest.mark.parametrize(("command", "status"), [("nosuch", 127), ("if", 1), ("(", 1)])
def test_a_command_that_the_shell_rejects_says_why(run: Run, command: str, status: int) -> None:
    done = run(command)
    assert done.exit_status == status
    assert done.stderr and not done.stdout


def test_much_output_is_whole(run: Run) -> None:
    assert run("seq 200000").stdout == b"".join(b"%d\n" % n for n in range(1, 200_001))


@pytest.mark.parametrize("command", ["sleep 4321 & sleep 4322", "echo begun; sleep 4323", "yes"])
def test_a_command_that_outlives_its_time_limit_is_dead_afterwards(
    run: Run, phone: Phone, command: str
) -> None:
    done = run(command, limit_s=stretched(0.3))
    assert done.timed_out and done.exit_status == 137
    assert done.stdout.startswith({"e": b"begun\n", "y": b"y\ny\n", "s": b""}[command[0]])
    running = phone.ask("ps -A -o ARGS").splitlines()
    assert not [line for line in running if line.startswith(("sleep 432", "yes"))]
    assert phone.ask("echo fine") == "fine"


def test_output_that_arrived_in_time_counts_though_this_machine_reads_it_late(
    phone: Phone,
) -> None:
    limit_s = stretched(0.5)
    stalls = iter([2 * limit_s])

    def stopped() -> bool:
        time.sleep(next(stalls, 0.0))  # as on a machine that is very busy, or was asleep
        return False

    command = "echo begun; sleep 0.1; echo done"
    done = shell.run(phone.transport, command, limit_s=limit_s, stopped=stopped)
    assert (done.stdout, done.exit_status, done.timed_out) == (b"begun\ndone\n", 0, False)


def test_commands_that_are_asked_together_have_a_limit_each(handset: Running) -> None:
    limit_s = stretched(0.5)
    slow = {f"slow{number}": f"sleep {0.7 * limit_s:.2f}; echo done" for number in range(2)}
    with closing(direct(handset.serial)) as phone:
        asked = {**slow, "hangs": "sleep 4326", "last": "echo last"}
        answers = ask_many(phone, asked, limit_s=limit_s)
    assert [answers[name].lines for name in (*slow, "last")] == [["done"], ["done"], ["last"]]
    assert answers["hangs"].exit_status is None


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Lets SIGINT interrupt, which it does not where these tests run in the background."""
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_command_is_dead_afterwards(phone: Phone) -> None:
    timer = threading.Timer(
        0.3, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]
    )
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        phone.shell("sleep 4324", limit_s=PATIENCE_S)
    timer.join()
    assert "sleep 4324" not in phone.ask("ps -A -o ARGS").splitlines()


def test_a_failed_command_says_what_is_needed_to_reproduce_it(phone: Phone) -> None:
    with pytest.raises(DeviceError) as caught:
        phone.ask("echo no way >&2; exit 3")
    assert "no way" in caught.value.message
    assert caught.value.facts["exit_status"] == 3
    assert caught.value.facts["serial"] == phone.serial
