"""Phones of Android 7 and older adb servers, which lack commands and take less at once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.old_server import old_server
from support.patience import PATIENCE_S
from support.reach import Serving, direct, names

from bench.adb.phone import Phone
from bench.adb.staging import kill_leftovers, missing_files, stage
from bench.adb.state.identity import own_key
from bench.adb.state.settings import DeviceSettings, changed_settings, restore_settings
from bench.adb.state.watch import Watch
from bench.adb.transport.server import AdbServer, ServerTransport
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError
from bench.core.hashing import sha256_file
from bench.handset.running import Running

FOLDER = "/data/local/tmp/older"
# As toybox 0.7.0 of Android 7 does.
NO_SIGNAL_BY_NUMBER = (
    'case " $* " in *" -9 "*) echo "pkill: Unknown option 9" >&2; exit 1;; esac\n'
    'exec /system/bin/pkill "$@"\n'
)
NOT_FOUND = "exit 127"
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
    # It waits for ever, and has no child that would stay.
    phone.ask(f"cp /system/bin/sh {FOLDER}/tool; mkfifo {FOLDER}/pipe")
    phone.ask(f"{FOLDER}/tool -c 'read never' <>{FOLDER}/pipe >/dev/null 2>&1 &")
    assert phone.shell("pgrep -f '[r]ead never'").stdout


def test_leftovers_are_killed_where_signals_have_no_number_options(
    phone: Phone, replace_command: Replace
) -> None:
    replace_command("pkill", NO_SIGNAL_BY_NUMBER)
    leave_running(phone)
    assert not kill_leftovers(phone)
    assert not phone.shell("pgrep -f '[r]ead never'").stdout


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("pkill", 'echo "pkill: 7: Operation not permitted" >&2; exit 1', "tool -c read never"),
        ("pgrep", "exit 127", "prints nothing"),
    ],
)
def test_leftovers_that_cannot_be_ended_or_seen_are_told(
    phone: Phone, replace_command: Replace, name: str, body: str, why: str
) -> None:
    leave_running(phone)
    replace_command(name, body)
    assert why in kill_leftovers(phone)
    phone.shell("/system/bin/pkill -l 9 -f '[r]ead never'")


def test_leftovers_that_take_a_second_to_end_are_waited_for(
    phone: Phone, replace_command: Replace
) -> None:
    asked = f"{phone.folder}/asked"
    dies = f"echo x >>{asked}; [ $(grep -c x {asked}) -gt 10 ] && {{ rm {asked}; exit 1; }}"
    phone.ask(f"mkdir -p {phone.folder}")
    replace_command("pgrep", f"{dies}; echo 77 tool")
    assert kill_leftovers(phone) == ""


def test_what_still_runs_of_an_interrupted_run_is_killed_at_the_next_contact(
    phone: Phone, tmp_path: Path
) -> None:
    (tmp_path / "later").mkdir()
    changed = changed_settings(phone, DeviceSettings(), serial=own_key(phone), folder=tmp_path)
    with changed:
        leave_running(phone)
        (remembered,) = tmp_path.glob("*.json")
        (tmp_path / "later" / remembered.name).write_text(
            remembered.read_text()
        )  # as after kill -9
        assert restore_settings(phone, folder=tmp_path / "later").startswith("restored: ")
        assert not phone.shell("pgrep -f '[r]ead never'").stdout


@pytest.fixture(params=["sha1sum", "nothing"])
def hashes(request: pytest.FixtureRequest, replace_command: Replace) -> None:
    """Leaves the phone with an older command to hash files by, or with none."""
    for name in ("sha256sum", *(["sha1sum"] if request.param == "nothing" else [])):
        replace_command(name, NOT_FOUND)


@pytest.mark.usefixtures("hashes")
def test_files_are_verified_without_sha256sum(phone: Phone, tmp_path: Path) -> None:
    files = {}
    for size_bytes in (0, 300_000):
        source = tmp_path / f"{size_bytes}.tflite"
        source.write_bytes(b"\xa5" * size_bytes)
        files[sha256_file(source)] = source
    assert sorted(missing_files(phone, files)) == sorted(files)
    places = stage(phone, files)
    assert missing_files(phone, files) == []
    large = sha256_file(tmp_path / "300000.tflite")
    phone.ask(f"truncate -s 299999 {places[large]}")
    assert missing_files(phone, files) == [large]
    phone.ask(f"rm {places[large]}")
    assert missing_files(phone, files) == [large]


@pytest.mark.usefixtures("hashes")
def test_a_file_that_changed_on_this_machine_does_not_get_a_name_of_other_bytes(
    phone: Phone, tmp_path: Path
) -> None:
    source = tmp_path / "model.tflite"
    source.write_bytes(b"first")
    sha256 = sha256_file(source)
    source.write_bytes(b"later")
    with pytest.raises(ConfigurationError, match="changed while"):
        stage(phone, {sha256: source})
    assert not phone.shell(f"ls {FOLDER}").stdout


@pytest.mark.usefixtures("hashes")
def test_bytes_that_change_on_the_way_are_refused(
    phone: Phone, tmp_path: Path, replace_command: Replace
) -> None:
    source = tmp_path / "model.tflite"
    source.write_bytes(b"first")
    replace_command("mv", 'echo bad >>"$2"; exec /system/bin/mv "$@"')
    with pytest.raises(DeviceError, match="arrived as other bytes"):
        stage(phone, {sha256_file(source): source})


@pytest.fixture
def through_old_server(adb_server: Serving, handset: Running) -> Iterator[Phone]:
    """Yields the shared phone through a server that hangs up on long requests."""
    adb_server.connect(handset.serial)
    with old_server(int(adb_server.environ["ANDROID_ADB_SERVER_PORT"])) as port:
        server = AdbServer({"ANDROID_ADB_SERVER_PORT": str(port)})
        with closing(Phone(ServerTransport(handset.serial, server), folder=FOLDER)) as phone:
            with pytest.raises(TransientDeviceError):
                phone.ask(f"echo {'x' * 4096}")
            yield phone
            phone.ask(f"rm -rf {FOLDER}")


@pytest.mark.parametrize("counters", [True, False])
def test_an_old_adb_server_takes_what_watches_a_process(
    through_old_server: Phone, counters: bool
) -> None:
    phone = through_old_server
    groups = tuple((core,) for core in range(8))
    watch = Watch(phone=phone, groups=groups, counters=counters, state_limit_s=PATIENCE_S)
    for _ in range(2):
        done = watch.run(["echo", "x" * 2000], limit_s=PATIENCE_S, first="rm -f result.pb")
        assert done.stdout == b"x" * 2000 + b"\n"
        assert done.telemetry.before is not None
        assert done.telemetry.usage is not None
    (script,) = names(phone, FOLDER)
    phone.ask(f"rm {FOLDER}/{script}")  # as what cleans that folder does
    assert watch.run(["true"], limit_s=PATIENCE_S).exit_status == 0
    assert names(phone, FOLDER) == [script]


def test_an_old_adb_server_takes_a_command_that_is_longer_than_a_request(
    through_old_server: Phone,
) -> None:
    phone = through_old_server
    watch = Watch(phone=phone, groups=((0,),), counters=True, state_limit_s=PATIENCE_S)
    done = watch.run(["taskset", "1", "echo", "it's", "x" * 6000], limit_s=PATIENCE_S)
    assert done.stdout == b"it's " + b"x" * 6000 + b"\n"
    assert done.telemetry.cores == (0,)
    assert len(names(phone, FOLDER)) == 1  # what watches processes; the command is removed


def test_an_old_adb_server_takes_the_names_of_many_files(
    through_old_server: Phone, tmp_path: Path
) -> None:
    files = {}
    for number in range(45):
        source = tmp_path / f"{number}.tflite"
        source.write_bytes(bytes([number]))
        files[sha256_file(source)] = source
    through_old_server.ask(f"mkdir {FOLDER}; for i in {' '.join(files)}; do >{FOLDER}/$i; done")
    assert len(missing_files(through_old_server, files)) == 45
