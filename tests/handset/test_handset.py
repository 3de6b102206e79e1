import hashlib
import os
import socket
import statistics
from pathlib import Path

import adb_shell.exceptions
import pytest
from adb_shell.auth.keygen import keygen
from adb_shell.auth.sign_pythonrsa import PythonRSASigner
from support.patience import PATIENCE_S, stretched, wait_until
from support.phone_wire import Wire, wire
from support.reach import Boot
from support.usb_debugging import authorise, require_keys

from bench.core.errors import ConfigurationError, InfrastructureError
from bench.handset import running as handsets
from bench.handset import starting
from bench.handset.debian import MIRROR_VARIABLE
from bench.handset.running import Running
from bench.handset.tree import Tree, prepare

pytestmark = pytest.mark.handset
TINY = Path(__file__).parent.parent / "data" / "tiny.tflite"


def signer(folder: Path, name: str) -> tuple[PythonRSASigner, str]:
    keygen(str(folder / name))
    public = (folder / f"{name}.pub").read_text()
    return PythonRSASigner(public, (folder / name).read_text()), public


def test_a_cached_tree_needs_no_program_and_names_its_packages(
    phone_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as bare:
        bare.setenv("PATH", "")
        assert prepare() == phone_tree
    versions = {package.name: package.version for package in phone_tree.packages}
    assert {"adbd", "mksh", "toybox", "libc6"} <= set(versions)
    assert all(versions.values())
    assert all(len(package.sha256) == 64 for package in phone_tree.packages)


@pytest.mark.evidence
def test_a_handset_boots_in_less_than_a_second(boot_phone: Boot) -> None:
    assert statistics.median(boot_phone().record.boot_s for _ in range(3)) < 1


def test_its_shell_tells_status_stdout_and_stderr_apart(adb: Wire) -> None:
    done = adb.shell("echo out; echo err >&2; exit 7")
    assert (done.status, done.stdout, done.stderr) == (7, "out\n", "err\n")
    missing = adb.shell("nosuchcommand")
    assert missing.status == 127
    assert "inaccessible or not found" in missing.stderr


def test_it_looks_like_a_phone_and_not_like_this_machine(adb: Wire) -> None:
    assert adb.said("id -u") == ("2000" if os.geteuid() == 0 else "0")
    assert adb.said("echo $EXTERNAL_STORAGE $ANDROID_ROOT $TMPDIR") == (
        "/sdcard /system /data/local/tmp"
    )
    assert adb.said("ls -d /system/bin/sh /sdcard/Download /data/local/tmp").count("\n") == 2
    assert adb.shell("ls /home /root /usr/share/doc").status != 0
    assert adb.shell("touch /system/x").status != 0
    assert "LD_PRELOAD" not in adb.said("env")
    assert "pytest" not in adb.said("ps -A -o ARGS")  # this very process is this machine's
    assert adb.said("cat /sys/devices/system/cpu/possible") == "0-7"


@pytest.mark.parametrize("size_bytes", [0, 1, 300_000, 5_000_000])
def test_a_pushed_file_arrives_whole(adb: Wire, tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    (tmp_path / "file").write_bytes(content)
    adb.device.push(str(tmp_path / "file"), "/data/local/tmp/file")
    told = adb.said("sha256sum /data/local/tmp/file; rm /data/local/tmp/file")
    assert told.split()[0] == hashlib.sha256(content).hexdigest()


def test_properties_are_what_was_asked_for(boot_phone: Boot) -> None:
    phone = boot_phone(properties={"ro.product.model": "Pixel 99", "debug.equals": "a=b c"})
    with wire(phone.serial) as adb:
        assert adb.said("getprop ro.product.model") == "Pixel 99"
        assert adb.said("getprop debug.equals") == "a=b c"
        assert adb.said("getprop ro.serialno") == phone.name
        assert adb.said("getprop ro.build.version.sdk") == "34"
        assert adb.said("getprop ro.handset.virtual") == "1"
        assert adb.said("getprop ro.product.cpu.abi") == adb.said("uname -m") == "x86_64"
        assert adb.said("setprop debug.mine 5; getprop debug.mine") == "5"
        assert adb.shell("setprop ro.product.model other").status == 1
        assert "[ro.product.model]: [Pixel 99]" in adb.said("getprop")


def test_what_the_kernel_tells_is_seen_by_the_shell_and_by_dumpsys(
    handset: Running, adb: Wire
) -> None:
    temperature = "/sys/class/thermal/thermal_zone0/temp"
    assert "mValue=41.2, mType=0, mName=cpu-0-0" in adb.said("dumpsys thermalservice")
    handset.write(temperature, "91500\n")
    try:
        assert adb.said(f"cat {temperature}") == "91500"
        assert "mValue=91.5, mType=0, mName=cpu-0-0" in adb.said("dumpsys thermalservice")
        assert adb.shell(f"echo 1 > {temperature}").status != 0
    finally:
        handset.write(temperature, "41200\n")
    assert adb.said("cat /sys/devices/system/cpu/cpu7/cpufreq/scaling_max_freq") == "3187200"


def test_the_thermal_status_and_the_battery_can_be_set(boot_phone: Boot) -> None:
    with wire(boot_phone().serial) as adb:
        assert "Thermal Status: 0" in adb.said("dumpsys thermalservice")
        adb.said("cmd thermalservice override-status 3")
        assert "Thermal Status: 3" in adb.said("dumpsys thermalservice")
        adb.said("dumpsys battery set level 12; dumpsys battery unplug")
        told = adb.said("dumpsys battery")
        assert "level: 12" in told
        assert "USB powered: false" in told
        adb.said("settings put global window_animation_scale 0")
        assert adb.said("settings get global window_animation_scale") == "0"


def test_its_data_ends_at_the_limit(boot_phone: Boot) -> None:
    with wire(boot_phone(data_bytes=4 << 20).serial) as adb:
        told = adb.said("df -k /data | tail -n 1").split()
        assert (told[1], told[-1]) == ("4096", "/data")
        full = adb.shell("head -c 8000000 /dev/zero > /data/local/tmp/big")
        assert full.status != 0
        assert "No space left" in full.stderr
        adb.said("rm /data/local/tmp/big; echo fits > /data/local/tmp/small")


def test_a_handset_that_is_not_ready_in_time_says_how_long_it_had(
    boot_phone: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_s = stretched(1.0)
    monkeypatch.setattr(starting, "_BOOT_LIMIT_S", limit_s)
    monkeypatch.setattr(starting, "is_free", lambda *_: True)  # as if its adbd never listened
    with pytest.raises(InfrastructureError, match=f"was not ready within {limit_s:g} s"):
        boot_phone()


def test_a_killed_daemon_is_back_by_itself(boot_phone: Boot) -> None:
    phone = boot_phone()
    (before,) = phone.adbd_pids()
    phone.kill_adbd()
    wait_until(lambda: bool(set(phone.adbd_pids()) - {before}) and listens(phone))
    with wire(phone.serial) as adb:
        assert adb.said("echo back") == "back"


def listens(phone: Running) -> bool:
    handset = phone.record.handset
    with socket.socket() as probe:
        return probe.connect_ex((handset.address, handset.port)) == 0


def test_two_at_once_have_addresses_files_and_states_of_their_own(boot_phone: Boot) -> None:
    one, two = boot_phone(), boot_phone()
    assert one.serial != two.serial
    with wire(one.serial) as first, wire(two.serial) as second:
        first.said("echo 1 > /data/local/tmp/mark")
        assert second.shell("cat /data/local/tmp/mark").status != 0
        assert (first.said("hostname"), second.said("hostname")) == (one.name, two.name)
    one.stop()
    assert not one.is_alive()
    with wire(two.serial) as second:
        assert second.said("echo there") == "there"


def test_a_secure_handset_takes_a_key_only_after_it_was_authorised(
    secure_phone: Running, tmp_path: Path
) -> None:
    phone = secure_phone
    key, public = signer(tmp_path, "adbkey")
    with (
        pytest.raises((adb_shell.exceptions.TcpTimeoutException, ConnectionResetError)),
        wire(phone.serial, rsa_keys=[key], auth_timeout_s=0.3),
    ):
        pass
    authorise(phone, public)
    with wire(phone.serial, rsa_keys=[key], auth_timeout_s=PATIENCE_S) as adb:
        assert adb.said("echo welcome") == "welcome"


def test_a_known_key_connects_and_an_unknown_one_stays_out(
    secure_phone: Running, tmp_path: Path
) -> None:
    phone = secure_phone
    known, public = signer(tmp_path, "known")
    stranger, _ = signer(tmp_path, "stranger")
    authorise(phone, public)
    with wire(phone.serial, rsa_keys=[known], auth_timeout_s=PATIENCE_S) as adb:
        assert adb.said("echo welcome") == "welcome"
    with (
        pytest.raises((adb_shell.exceptions.TcpTimeoutException, ConnectionResetError)),
        wire(phone.serial, rsa_keys=[stranger], auth_timeout_s=0.3),
    ):
        pass
    with (
        pytest.raises(adb_shell.exceptions.DeviceAuthError),
        wire(phone.serial),
    ):
        pass


def test_the_official_tool_times_a_model_and_prints_its_lines(
    adb: Wire, official_binary: Path
) -> None:
    folder = "/data/local/tmp"
    adb.device.push(str(official_binary), f"{folder}/benchmark_model")
    adb.device.push(str(TINY), f"{folder}/tiny.tflite")
    done = adb.shell(
        f"cd {folder} && chmod 755 benchmark_model && ./benchmark_model --graph=tiny.tflite "
        "--num_threads=1 --num_runs=3 --min_secs=0 --warmup_runs=1 --warmup_min_secs=0"
    )
    assert done.status == 0, done
    for line in (
        "Loaded model tiny.tflite",
        "count=3 ",
        "Inference timings in us: Init: ",
        "Memory footprint delta from the start of the tool (MB): init=",
    ):
        assert line in done.stdout
    wrong = adb.shell(f"{folder}/benchmark_model --graph={folder}/none.tflite")
    assert wrong.status == 1
    assert "Benchmarking failed." in wrong.stderr


def test_the_official_tool_names_what_it_was_built_against(official_binary: Path) -> None:
    packages = official_binary.with_name("packages.json").read_text()
    assert "libtensorflow-lite-dev" in packages


def test_after_stop_nothing_is_left(boot_phone: Boot) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    phone = boot_phone()
    init = phone.record.init.pid
    # Opened, so that no handset that boots meanwhile gets the same namespace number.
    with Path(f"/proc/{init}/ns/pid").open("rb") as namespace:
        own = os.fstat(namespace.fileno()).st_ino
        with wire(phone.serial) as adb:
            adb.said("sleep 100 > /dev/null 2>&1 & echo started")
            assert len(running_in(own)) >= 3
        phone.stop()
        assert running_in(own) == []
    assert not Path(f"/proc/{init}/root/init").exists()
    assert not phone.folder.exists()
    assert not listens(phone)
    assert Path("/proc/self/mounts").read_text() == mounts
    phone.stop()


def running_in(namespace: int) -> list[str]:
    """Returns the names of the processes of a pid namespace, without those that have ended.

    An ended process stays in /proc until its parent, on this machine, has asked for its status.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns" / "pid").stat().st_ino != namespace:
                continue
            name, _, fields = (process / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if fields.split()[0] not in ("Z", "X"):
            found.append(name)
    return found


def test_a_taken_name_or_address_and_a_wrong_property_are_refused(
    boot_phone: Boot, handset: Running
) -> None:
    with pytest.raises(ConfigurationError, match="is running already"):
        boot_phone(name=handset.name)
    with pytest.raises(ConfigurationError, match="listens on"):
        boot_phone(address=handset.record.handset.address)
    with pytest.raises(ConfigurationError, match="loopback"):
        boot_phone(address="192.0.2.1")
    with pytest.raises(ConfigurationError, match="cannot be a property"):
        boot_phone(properties={"ro.x": "1\nro.adb.secure=0"})
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        boot_phone(name="../x")


def test_a_recycled_process_id_is_never_killed(boot_phone: Boot, registry: Path) -> None:
    phone = boot_phone()
    path = phone.folder / "handset.json"
    text = path.read_text().replace(
        f'"start_ticks": {phone.record.init.start_ticks}', '"start_ticks": 1'
    )
    path.write_text(text)
    assert phone.name not in [each.name for each in handsets.running(registry)]
    assert phone.is_alive()


def test_a_name_left_by_an_interrupted_boot_is_free_again(boot_phone: Boot) -> None:
    interrupted = boot_phone()
    (interrupted.folder / "handset.json").unlink()
    again = boot_phone(name=interrupted.name)
    assert not interrupted.is_alive()
    assert again.is_alive()


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("unshare", "unshare: unshare failed: Operation not permitted"),
        ("mount", "mount: /: permission denied."),
    ],
)
def test_a_machine_without_namespaces_gets_a_clear_message(
    phone_tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, said: str
) -> None:
    refusing = tmp_path / "bin"
    refusing.mkdir()
    (refusing / tool).write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    (refusing / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{refusing}:{os.environ['PATH']}")
    with pytest.raises(InfrastructureError, match="refuses the namespaces") as told:
        handsets.boot(phone_tree, name="refused", cache=tmp_path)
    assert "CAP_SYS_ADMIN" in told.value.hint
    assert not (tmp_path / "running" / "refused").exists()


def test_a_mirror_that_does_not_answer_is_an_error_with_the_next_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "http://127.0.0.1:9/debian")
    with pytest.raises(InfrastructureError, match="apt could not fetch adbd") as told:
        prepare(tmp_path)
    assert "network" in told.value.hint
    assert not list(tmp_path.glob("tree-*"))
    assert not list(tmp_path.glob(".making-*"))


def test_a_daemon_without_the_known_place_is_not_patched(phone_tree: Tree) -> None:
    adbd = (phone_tree.path / "usr/lib/android-sdk/platform-tools/adbd").read_bytes()
    patched = require_keys(adbd)
    assert sum(a != b for a, b in zip(adbd, patched, strict=True)) == 1
    with pytest.raises(AssertionError, match="0 places"):
        require_keys(patched)
