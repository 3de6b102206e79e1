import base64
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from support.patience import PATIENCE_S, wait_until
from support.phone_sweeps import QUICK, SPLIT, SUITE, TINY, Watch, stand_in, sweep, wanted
from support.program import command_line, frill_bench
from support.reach import Boot, direct
from support.smallest_program import android_program
from support.usb_debugging import authorise

from bench import api
from bench.core.caveats import CaveatKind
from bench.core.device_state.cores import list_cores, mask
from bench.core.errors import ConfigurationError, DeviceError
from bench.core.hashing import sha256_file
from bench.handset.benchmark_tool import delegate_library
from bench.handset.running import Running
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Delegate
from bench.plan.device import Kind
from bench.plan.suite import BIG_CORES

ROOT = Path(__file__).parents[3]
FOLDER = "/data/local/tmp/frill-bench"
ABSENT_CORE = mask([os.cpu_count() or 1])  # counted from 0


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "phones.db"


def test_the_official_tool_measures_on_a_phone_and_every_row_says_virtual(
    handset: Running, official_binary: Path, database: Path
) -> None:
    swept = sweep([handset.serial], wanted(official_binary, SPLIT), database)
    assert swept.lanes[0].error is None
    (session,) = swept.watch.sessions
    assert session.device.kind is Kind.PHONE
    assert session.device.virtual
    assert session.device.serial == handset.name
    assert len(swept.only) == 2
    for invocation in swept.only:
        assert isinstance(invocation.outcome, Measured), invocation.stdout + invocation.stderr
        assert len(invocation.outcome.inference_us) == 3
        assert "frill-bench cores" not in invocation.stdout
        assert invocation.telemetry.cores
        assert invocation.telemetry.before is not None
        assert invocation.case.tool_sha256 == sha256_file(official_binary)
        assert invocation.command[0] == f"{FOLDER}/{sha256_file(official_binary)}"
    (case,) = swept.cases[session.id]
    assert case.name == "tiny_split"
    assert CaveatKind.VIRTUAL in {caveat.kind for caveat in case.caveats}


def test_files_that_are_there_are_not_pushed_again(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone, tool = boot_phone(), stand_in(tmp_path)
    sweep([phone.serial], wanted(tool), database)
    folder = phone.path(FOLDER)
    first = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    inodes = {path.name: path.stat().st_ino for path in folder.iterdir()}
    (script,) = folder.glob("*.sh")
    assert script.stem == sha256_file(script)
    assert set(first) == {
        sha256_file(tool), f"{sha256_file(TINY)}.tflite", f"{sha256_file(SPLIT)}.tflite",
        script.name,
    }  # fmt: skip
    sweep([phone.serial], wanted(tool), database)
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == inodes


def test_one_file_and_one_phone_need_no_other_flag(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    done = frill_bench(
        "run", "--model", str(SPLIT), "--processes", "1", "--json",
        cwd=tmp_path, ANDROID_SERIAL=handset.serial,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (measured,) = document["sessions"]
    assert measured["device"]["virtual"] is True
    (case,) = measured["cases"]
    assert (case["delegate"], case["threads"], case["failed"]) == ("none", 1, 0)
    assert case["tool_sha256"] == sha256_file(official_binary)
    assert {"kind": "virtual"}.items() <= case["caveats"][0].items()


def test_the_python_api_measures_on_a_phone_and_prints_nothing(
    handset: Running,
    official_binary: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    short = {"conventional": False, "protocol": {"num_runs": 1, "warmup_min_secs": 0}}
    measured = api.run(
        TINY, serial=handset.serial, processes=1, suite=short, db=tmp_path / "results.db"
    )
    [line] = measured.frame().to_dict("records")
    assert (line["runner"], line["delegate"], line["processes"]) == ("benchmark_model", "none", 1)
    assert "virtual" in line["caveats"]
    assert measured.failed == ()
    assert capfd.readouterr() == ("", "")


def test_a_dry_run_prints_commands_that_the_phone_understands_and_measures_nothing(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    words = ("-s", handset.serial, "--model", str(SPLIT), "--processes=1", "--no-conventional")
    done = command_line("run", *words, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "frill-bench.db").exists()
    (line,) = done.stdout.splitlines()
    assert command_line("run", *words, cwd=tmp_path).returncode == 0
    phone = direct(handset.serial)
    assert "Inference timings in us" in phone.ask(line)
    phone.close()


def test_asking_for_a_delegate_that_the_tool_lacks_is_refused_before_anything_runs(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    done = command_line(
        "run", "-s", handset.serial, "--model", str(SPLIT), "--delegate", "xnnpack", cwd=tmp_path
    )
    assert done.returncode == 2
    assert "use_xnnpack" in done.stderr
    assert "hint:" in done.stderr


def test_the_big_cores_are_read_from_the_phone_and_seen_in_the_process(
    boot_phone: Boot, official_binary: Path, database: Path
) -> None:
    phone = boot_phone()
    for core in range(8):  # core 1 alone is fast
        capacity = 1024 if core == 1 else 300
        phone.write(f"/sys/devices/system/cpu/cpu{core}/cpu_capacity", f"{capacity}\n")
    what = wanted(official_binary, SPLIT, suite=replace(SUITE, affinity=BIG_CORES))
    swept = sweep([phone.serial], what, database)
    assert [each.case.affinity for each in swept.only] == ["2", "2"]
    assert [each.telemetry.cores for each in swept.only] == [(1,), (1,)]
    assert swept.only[0].command[:2] == ("taskset", "2")
    assert all(isinstance(each.outcome, Measured) for each in swept.only)


def test_a_mask_that_the_phone_did_not_apply_is_a_failure(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone = boot_phone()
    ignores = '#!/system/bin/sh\nshift\nexec "$@"\n'  # as a vendor's could
    phone.write("/product/bin/taskset", ignores)
    phone.path("/product/bin/taskset").chmod(0o755)
    suite = replace(SUITE, affinity=ABSENT_CORE, protocol=replace(QUICK, processes=1))
    swept = sweep([phone.serial], wanted(stand_in(tmp_path), TINY, suite=suite), database)
    assert swept.lanes[0].error is None
    outcome = swept.only[0].outcome
    assert isinstance(outcome, Failed)
    assert outcome.code == "affinity-mismatch"
    allowed = list_cores(sorted(os.sched_getaffinity(0)))
    assert outcome.failure == (
        f"affinity-mismatch: the mask {ABSENT_CORE} was asked for, "
        f"the process was allowed the cores {allowed}"
    )


def test_a_mask_of_cores_that_the_phone_lacks_is_a_failure(
    handset: Running, tmp_path: Path, database: Path
) -> None:
    suite = replace(SUITE, affinity=ABSENT_CORE, protocol=replace(QUICK, processes=1))
    swept = sweep([handset.serial], wanted(stand_in(tmp_path), TINY, suite=suite), database)
    assert swept.lanes[0].error is None
    (process,) = swept.only
    assert isinstance(process.outcome, Failed)
    assert "taskset" in process.stderr
    assert process.telemetry.cores == ()


def test_operators_and_memory_are_measured_in_processes_of_their_own(
    handset: Running, official_binary: Path, database: Path
) -> None:
    suite = replace(SUITE, op_profile=True, peak_memory=True)
    swept = sweep([handset.serial], wanted(official_binary, SPLIT, suite=suite), database)
    assert [each.case.protocol.mode.value for each in swept.only].count("back-to-back") == 2
    assert len(swept.only) == 2 + 2 + 1
    timed = [each for each in swept.only if each.case.protocol.mode == "back-to-back"]
    for each in timed:
        assert "--enable_op_profiling=false" in each.command
        assert "--report_peak_memory_footprint=false" in each.command
    ((case,),) = swept.cases.values()
    assert case.summary is not None
    assert case.summary.processes == 2
    assert case.profile is not None
    assert case.sampled_memory_mb_peak is not None


@pytest.mark.evidence
def test_two_phones_in_parallel_take_at_most_six_tenths_of_one_after_the_other(
    boot_phone: Boot, tmp_path: Path
) -> None:
    phones = [boot_phone().serial, boot_phone().serial]
    suite = replace(SUITE, protocol=replace(QUICK, processes=4))
    what = wanted(stand_in(tmp_path, "sleep 0.5"), TINY, suite=suite)
    walls = []
    for number, groups in enumerate(([phones[:1], phones[1:]], [phones])):
        started_s = time.monotonic()
        done = [sweep(group, what, tmp_path / f"{number}.db") for group in groups]
        walls.append(time.monotonic() - started_s)
        assert all(lane.error is None for swept in done for lane in swept.lanes)
        counts = [len(each) for swept in done for each in swept.invocations.values()]
        assert counts == [4, 4]
    apart, together = walls
    assert together <= 0.6 * apart, walls


@pytest.mark.evidence
def test_the_harness_adds_at_most_60_ms_to_a_case(
    handset: Running, tmp_path: Path, database: Path
) -> None:
    models = [tmp_path / f"{number}.tflite" for number in range(50)]
    for number, path in enumerate(models):
        path.write_bytes(TINY.read_bytes() + bytes([number]))
    suite = replace(SUITE, protocol=replace(QUICK, processes=1))
    what = wanted(stand_in(tmp_path, "sleep 0.05"), *models, suite=suite)
    swept = sweep([handset.serial], what, database)
    starts = [datetime.fromisoformat(each.started_at).timestamp() for each in swept.only]
    overhead_s = [each.telemetry.overhead_s or 0.0 for each in swept.only]
    spent_s = [
        later - earlier - 0.05 - snapshots_s
        for (earlier, later), snapshots_s in zip(pairwise(starts), overhead_s, strict=False)
    ]
    assert len(spent_s) == 49
    assert 0 < median(overhead_s) < 1
    assert median(spent_s) <= 0.060
    print(f"{1e3 * median(spent_s):.1f} ms a case")  # noqa: T201 - shown by -s


def test_two_runs_on_one_phone_do_not_meet(boot_phone: Boot, tmp_path: Path) -> None:
    phone = boot_phone()
    begun = phone.path("/data/local/tmp/begun")
    go = phone.path("/data/local/tmp/go")
    waits = f"until [ -e /data/local/tmp/{go.name} ]; do sleep 0.05; done"
    tool = stand_in(tmp_path, f"touch /data/local/tmp/{begun.name}; {waits}")
    words = ("-s", phone.serial, "--model", str(TINY), "--benchmark-binary", str(tool))
    state = tmp_path / "state"
    first = threading.Thread(
        target=lambda: frill_bench(
            *("run", *words, "--processes", "6"), cwd=tmp_path, FRILL_BENCH_STATE=str(state)
        ),
        daemon=True,
    )
    first.start()
    wait_until(begun.exists)
    second = frill_bench("run", *words, cwd=tmp_path, FRILL_BENCH_STATE=str(state))
    go.touch()
    first.join(PATIENCE_S)
    assert second.returncode == 3
    assert "is using it" in second.stderr


def test_ctrl_c_ends_what_runs_on_the_phone_and_keeps_what_was_measured(
    boot_phone: Boot, tmp_path: Path
) -> None:
    phone = boot_phone()
    runs = phone.path("/data/local/tmp/runs")
    # Of what it has started, the first is thrown away, and the fourth hangs.
    hangs = "n=0; while read -r line; do n=$((n+1)); done </data/local/tmp/runs; [ $n = 4 ]"
    tool = stand_in(tmp_path, f"echo x >>/data/local/tmp/runs; {hangs} && sleep 600")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "run", "-s", phone.serial, "--model", str(TINY),
         "--benchmark-binary", str(tool), "--json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: runs.exists() and len(runs.read_text().split()) >= 4)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, stderr
    (measured,) = json.loads(stdout)["sessions"]
    assert measured["cases"][0]["processes"] >= 1
    user = direct(phone.serial)
    assert user.shell("pgrep -f '[f]rill-bench/'").stdout == b""
    user.close()


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ("kill -SEGV $$", "crashed"),
        ("kill -KILL $$", "killed"),
        ("head -c 3000 /dev/urandom; exit 0", "not-a-benchmark"),
        ("echo 'WARN: Unconsumed cmdline flags: --x=1'", "unconsumed-flags"),
        ("echo 'INFO: Though GPU delegate is explicitly applied, the model graph will not be "
         "executed by the delegate.'", "delegate-not-applied"),
    ],
)  # fmt: skip
def test_a_tool_that_goes_wrong_is_a_record_with_its_reason(
    handset: Running, tmp_path: Path, database: Path, tool: str, code: str
) -> None:
    swept = sweep([handset.serial], wanted(stand_in(tmp_path, tool), TINY), database)
    assert swept.lanes[0].error is None
    outcome = swept.only[0].outcome
    assert isinstance(outcome, Failed)
    assert outcome.code == code, outcome.failure


def test_a_hung_tool_is_killed_on_the_phone(
    handset: Running, tmp_path: Path, database: Path
) -> None:
    tool = stand_in(tmp_path, "sleep 987654")
    swept = sweep([handset.serial], wanted(tool, TINY, timeout_s=0.5), database)
    outcome = swept.only[0].outcome
    assert isinstance(outcome, Failed)
    assert outcome.code == "timed-out"
    assert "the 0.5 s of --timeout" in outcome.failure
    assert swept.lanes[0].error is None
    assert not any("waiting" in line for line in swept.watch.lines)
    phone = direct(handset.serial)
    assert phone.shell("pgrep -f '[9]87654'").stdout == b""
    phone.close()


def test_a_tool_that_may_not_be_executed_any_more_is_a_failure(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone = boot_phone()
    tool = stand_in(tmp_path, "chmod 644 $0")
    swept = sweep([phone.serial], wanted(tool, TINY), database)
    outcome = swept.only[0].outcome
    assert isinstance(outcome, Failed)
    assert outcome.code == "not-executable", outcome.failure


def test_a_tool_for_another_processor_is_refused_before_the_push(
    boot_phone: Boot, official_binary: Path, tmp_path: Path, database: Path
) -> None:
    foreign = tmp_path / "arm"
    content = bytearray(official_binary.read_bytes())
    content[18:20] = (183).to_bytes(2, "little")  # e_machine
    foreign.write_bytes(content)
    phone = boot_phone()
    swept = sweep([phone.serial], wanted(foreign, TINY), database)
    assert isinstance(swept.lanes[0].error, ConfigurationError)
    assert "arm64-v8a" in swept.lanes[0].error.message
    assert not phone.path(FOLDER).exists()


def test_a_tool_for_a_later_android_is_refused_before_the_push_or_explained(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone = boot_phone(properties={"ro.build.version.sdk": "25"})
    tool = tmp_path / "tool"
    tool.write_bytes(android_program("strtod_l", api_level=26, machine=62))
    error = sweep([phone.serial], wanted(tool, TINY), database).lanes[0].error
    assert isinstance(error, ConfigurationError)
    assert "calls strtod_l of Android 8.0 (API 26), and the device has API 25" in error.message
    assert not phone.path(FOLDER).exists()
    tool.write_bytes(android_program("strtod", api_level=30, machine=62))
    error = sweep([phone.serial], wanted(tool, TINY), database).lanes[0].error
    assert isinstance(error, ConfigurationError)
    assert "built for Android's API 30 and later, and the phone has 25" in error.message


def test_a_library_that_the_phone_lacks_is_named(
    boot_phone: Boot, official_binary: Path, database: Path
) -> None:
    phone = boot_phone()
    (library,) = phone.path("/usr/lib/x86_64-linux-gnu").glob("libtensorflow-lite.so.*")
    library.unlink()
    swept = sweep([phone.serial], wanted(official_binary, TINY), database)
    error = swept.lanes[0].error
    assert error is not None
    assert "libtensorflow-lite" in error.message


def test_a_model_that_is_damaged_on_the_phone_is_pushed_again(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone = boot_phone()
    # The tool itself does once what bad storage would.
    body = (
        "if [ ! -e /data/local/tmp/once ]; then touch /data/local/tmp/once; truncate -s 100 $graph;"
        " fi\n[ $(stat -c %s $graph) -gt 100 ] || exit 1"
    )
    swept = sweep([phone.serial], wanted(stand_in(tmp_path, body), TINY), database)
    assert swept.lanes[0].error is None
    assert all(isinstance(each.outcome, Measured) for each in swept.only)
    assert len(swept.only) == 2
    assert any("has changed since it was pushed" in line for line in swept.watch.lines)


@pytest.mark.parametrize("megabytes", [9, 60])
def test_a_full_phone_is_set_aside_and_the_others_go_on(
    boot_phone: Boot, tmp_path: Path, database: Path, megabytes: int
) -> None:
    large = tmp_path / "large.tflite"
    large.write_bytes(TINY.read_bytes() + bytes(megabytes << 20))
    full, other = boot_phone(data_bytes=12 << 20), boot_phone()
    swept = sweep([full.serial, other.serial], wanted(stand_in(tmp_path), large), database)
    error = swept.lanes[0].error
    assert isinstance(error, DeviceError)
    assert "MB are free" in error.message
    assert swept.lanes[1].error is None
    assert len(swept.only) == 2


def test_what_earlier_sweeps_left_makes_room(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone = boot_phone(data_bytes=32 << 20)
    for number in (1, 2):  # each takes more than half
        large = tmp_path / f"{number}.tflite"
        large.write_bytes(TINY.read_bytes() + bytes([number]) * (14 << 20))
        swept = sweep([phone.serial], wanted(stand_in(tmp_path), large), database)
        assert swept.lanes[0].error is None


def test_a_folder_that_may_not_be_written_sets_the_phone_aside(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone = boot_phone()
    phone.path("/data/local/tmp").chmod(0o555)
    phone.path("/data/local/tmp").chmod(0o555)
    os.chown(phone.path("/data/local/tmp"), 0, 0)
    swept = sweep([phone.serial], wanted(stand_in(tmp_path), TINY), database)
    assert isinstance(swept.lanes[0].error, DeviceError)
    assert "denied" in swept.lanes[0].error.message


def test_an_unknown_key_is_refused_and_the_same_run_works_once_it_is_known(
    secure_phone: Running, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    tool = stand_in(tmp_path)
    words = (
        "-s",
        secure_phone.serial,
        "--model",
        str(TINY),
        "--benchmark-binary",
        str(tool),
        "--no-conventional",
    )
    environ = {"HOME": str(home)}
    done = frill_bench("run", *words, "--wait-for-device", "1", cwd=tmp_path, **environ)
    assert done.returncode == 3
    assert "unauthorized" in done.stderr
    assert "Allow USB debugging?" in done.stderr
    authorise(secure_phone, (home / ".android" / "adbkey.pub").read_text())
    assert frill_bench("run", *words, cwd=tmp_path, **environ).returncode == 0


def test_a_phone_that_loses_adb_again_and_again_ends_with_each_process_once(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone = boot_phone()
    suite = replace(SUITE, protocol=replace(QUICK, processes=5))
    watch = Watch()
    over = threading.Event()
    begun = phone.path("/data/local/tmp/begun")

    def kill() -> None:
        for _ in range(2):
            watch.measured.wait(PATIENCE_S)
            before = len(begun.read_text())
            wait_until(lambda before=before: len(begun.read_text()) > before)  # it runs
            phone.kill_adbd()
            watch.measured.clear()
        over.set()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    tool = stand_in(tmp_path, f"echo x >>/data/local/tmp/{begun.name}; sleep 0.2")
    swept = sweep([phone.serial], wanted(tool, suite=suite), database, watch=watch)
    killer.join(PATIENCE_S)
    assert over.is_set()
    assert swept.lanes[0].error is None
    assert len(swept.watch.sessions) == 1
    done = [(each.case.key, each.ordinal) for each in swept.only]
    assert len(done) == len(set(done)) == 10
    assert all(isinstance(each.outcome, Measured) for each in swept.only)
    assert "it is back" in swept.watch.lines


def test_a_phone_whose_adb_dies_while_files_are_pushed_is_gone_on_with(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    large = tmp_path / "large.tflite"
    large.write_bytes(TINY.read_bytes() + os.urandom(1 << 20) * 150)
    phone, watch = boot_phone(), Watch()

    def kill() -> None:
        wait_until(lambda: watch.steps.get((phone.serial, "push"), (0, 1))[0] >= 20 << 20)
        phone.kill_adbd()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    swept = sweep([phone.serial], wanted(stand_in(tmp_path), large), database, watch=watch)
    killer.join(PATIENCE_S)
    assert swept.lanes[0].error is None
    assert any("waiting up to" in line for line in watch.lines)
    assert len(swept.only) == 2
    assert not list(phone.path(FOLDER).glob("*.partial"))


def test_a_frozen_phone_that_thaws_loses_nothing(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone, watch = boot_phone(), Watch()

    def freeze() -> None:
        watch.measured.wait(PATIENCE_S)
        phone.kill_adbd(signal.SIGSTOP)
        time.sleep(1.5)
        phone.kill_adbd(signal.SIGCONT)

    freezer = threading.Thread(target=freeze, daemon=True)
    freezer.start()
    what = wanted(stand_in(tmp_path, "sleep 0.1"))
    swept = sweep([phone.serial], what, database, watch=watch)
    freezer.join(PATIENCE_S)
    assert swept.lanes[0].error is None
    assert len(swept.only) == 4


def test_a_phone_that_stays_away_is_set_aside_and_the_others_go_on(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    sick, other, watch = boot_phone(), boot_phone(), Watch()

    def stop() -> None:
        watch.measured.wait(PATIENCE_S)
        sick.write("/data/system/hs/no_respawn", "")
        sick.kill_adbd()

    stopper = threading.Thread(target=stop, daemon=True)
    stopper.start()
    suite = replace(SUITE, protocol=replace(QUICK, processes=4))
    what = wanted(stand_in(tmp_path, "sleep 0.2"), suite=suite, wait_s=1.0)
    swept = sweep([sick.serial, other.serial], what, database, watch=watch)
    stopper.join(PATIENCE_S)
    assert isinstance(swept.lanes[0].error, DeviceError)
    assert swept.lanes[1].error is None
    whole = [len(each) for each in swept.invocations.values()]
    assert sorted(whole)[-1] == 8
    assert sorted(whole)[0] < 8  # and what the sick one measured is kept


@pytest.mark.parametrize(("avg_ms", "agrees"), [(2.98867, True), (3.5, False)])
def test_a_result_proto_that_the_tool_writes_is_kept_and_must_agree_with_its_text(
    handset: Running, tmp_path: Path, database: Path, avg_ms: float, agrees: bool
) -> None:
    latency = b"".join(
        bytes([number << 3 | 5]) + struct.pack("<f", value)
        for number, value in ((1, avg_ms), (2, 1.017), (3, 6.773), (8, 3.423))
    )
    runs = bytes([2 << 3, 3, 3 << 3, 3])
    proto = b"\x12" + bytes([len(latency)]) + latency + b"\x22" + bytes([len(runs)]) + runs
    body = f"echo {base64.b64encode(proto).decode()} | base64 -d > $result"
    tool = stand_in(tmp_path, body, flags=["result_file_path"])
    swept = sweep([handset.serial], wanted(tool, TINY), database)
    first = swept.only[0]
    assert first.result == proto
    if agrees:
        assert isinstance(first.outcome, Measured), first.outcome
    else:
        assert isinstance(first.outcome, Failed)
        assert first.outcome.code == "inconsistent"


def test_offline_the_next_step_is_said(boot_phone: Boot, tmp_path: Path) -> None:
    phone = boot_phone(
        properties={"ro.handset.virtual": "0", "ro.product.cpu.abilist": "arm64-v8a"}
    )
    done = frill_bench(
        "run", "-s", phone.serial, "--model", str(TINY),
        cwd=tmp_path, https_proxy="http://127.0.0.1:9", FRILL_BENCH_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert done.returncode == 3
    assert "--benchmark-binary" in done.stderr
    assert not list((tmp_path / "cache").rglob("*partial*"))


def test_a_phone_that_was_rebooted_gets_a_new_session_with_every_process(
    boot_phone: Boot, tmp_path: Path, database: Path
) -> None:
    phone, watch = boot_phone(), Watch()

    def reboot() -> None:
        watch.measured.wait(PATIENCE_S)
        phone.stop()
        boot_phone(name=phone.name, address=phone.serial.partition(":")[0])

    rebooter = threading.Thread(target=reboot, daemon=True)
    rebooter.start()
    suite = replace(SUITE, protocol=replace(QUICK, processes=4))
    what = wanted(stand_in(tmp_path, "sleep 0.2"), TINY, suite=suite)
    swept = sweep([phone.serial], what, database, watch=watch)
    rebooter.join(PATIENCE_S)
    assert swept.lanes[0].error is None
    first, second = watch.sessions
    assert first.device.boot_id != second.device.boot_id
    assert first.device.key == second.device.key
    assert 1 <= len(swept.invocations[first.id]) < 4
    assert len(swept.invocations[second.id]) == 4


@pytest.mark.parametrize(
    ("options", "full", "expected"),
    [
        ("take:all", True, None),
        ("take:first;count:1", False, None),
        ("take:first;count:1", True, "full-delegation-refused"),
        ("take:none", False, "delegate-not-applied"),
    ],
)
def test_what_an_external_delegate_took_is_proved_by_the_tool(
    handset: Running,
    official_binary: Path,
    database: Path,
    options: str,
    full: bool,
    expected: str | None,
) -> None:
    suite = replace(
        SUITE,
        delegates=(Delegate.EXTERNAL,),
        external_delegate="given below",
        external_delegate_options=options,
        require_full_delegation=full,
    )
    what = wanted(official_binary, SPLIT, suite=suite, library=delegate_library())
    swept = sweep([handset.serial], what, database)
    case, outcome = swept.only[0].case, swept.only[0].outcome
    assert case.library_sha256 == sha256_file(delegate_library())
    assert case.library_options == options
    if expected is None:
        assert isinstance(outcome, Measured), outcome
    else:
        assert isinstance(outcome, Failed)
        assert outcome.code == expected, outcome.failure
