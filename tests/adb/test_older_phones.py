"""Phones of Android 7 and older adb servers, which lack commands and take less at once."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from support.reach import direct

from bench.adb.phone import Phone
from bench.adb.staging import kill_leftovers
from bench.handset.running import Running

FOLDER = "/data/local/tmp/older"
# As toybox 0.7.0 of Android 7 does.
NO_SIGNAL_BY_NUMBER = (
    'case " $* " in *" -9 "*) echo "pkill: Unknown option 9" >&2; exit 1;; esac\n'
    'exec /system/bin/pkill "$@"\n'
)
Replace = Callable[[str, str], None]


@pytest.fixture
def phone(handset: Running) -> Iterator[Phone]:
    with closing(direct(handset.serial)) as found:
        found.folder = FOLDER
        found.ask(f"mkdir -p {FOLDER}")
        yield found
        found.ask(f"rm -rf {FOLDER}")


@pytest.fixture
def replace_command(handset: Running) -> Iterator[Replace]:
    """Yields what puts a script in the place of a command of the shared phone."""
    folder, names = handset.path("/product/bin"), set()

    def replace(name: str, body: str) -> None:
        names.add(name)
        (folder / name).write_text(f"#!/system/bin/sh\n{body}")
        (folder / name).chmod(0o755)

    yield replace
    for name in names:
        (folder / name).unlink()


def leave_running(phone: Phone) -> None:
    phone.ask(f"cp /system/bin/sh {FOLDER}/tool")
    phone.ask(f"{FOLDER}/tool -c 'sleep 603; :' >/dev/null 2>&1 </dev/null &")
    assert phone.shell("pgrep -f '[s]leep 603'").stdout


def test_leftovers_are_killed_where_signals_have_no_number_options(
    phone: Phone, replace_command: Replace
) -> None:
    replace_command("pkill", NO_SIGNAL_BY_NUMBER)
    leave_running(phone)
    assert not kill_leftovers(phone)
    assert not phone.shell(f"pgrep -f '{FOLDER[:-1]}[r]/tool'").stdout


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("pkill", 'echo "pkill: 7: Operation not permitted" >&2; exit 1', "tool -c sleep 603"),
        ("pgrep", "exit 127", "pgrep"),
    ],
)
def test_leftovers_that_cannot_be_ended_or_seen_are_told(
    phone: Phone, replace_command: Replace, name: str, body: str, why: str
) -> None:
    leave_running(phone)
    replace_command(name, body)
    assert why in kill_leftovers(phone)
    phone.shell(f"/system/bin/pkill -l 9 -f '{FOLDER[:-1]}[r]/'")
