import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.reach import direct
from support.required import required

from bench.adb.phone import Phone
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.handset import running
from bench.handset.abi import Abi
from bench.handset.benchmark_tool import build_tool, delegate_library
from bench.handset.process import may_be_shell
from bench.handset.running import Running
from bench.handset.tree import Tree, prepare
from bench.tool.parse import parse_bytes

pytestmark = pytest.mark.handset
DATA = Path(__file__).parent.parent / "data"
REMOTE = "/data/local/tmp"
AARCH64 = 0xB7


@pytest.fixture(scope="module")
def arm64_tool(phone_tree: Tree) -> Path:
    try:
        return build_tool(abi="arm64-v8a")
    except InfrastructureError as error:
        if required("handset"):
            raise
        pytest.skip(f"no arm64 handset: {error.message}")


@pytest.fixture(scope="module")
def arm64(arm64_tool: Path, registry: Path) -> Iterator[Running]:
    try:
        phone = running.boot(prepare(abi=Abi.ARM64), name="arm64", cache=registry)
    except InfrastructureError as error:
        if required("handset") or "refuses the namespaces" not in error.message:
            raise
        pytest.skip(error.message)
    with phone:
        yield phone


@pytest.fixture
def phone(arm64: Running) -> Iterator[Phone]:
    with closing(direct(arm64.serial, io_limit_s=PATIENCE_S)) as reached:
        yield reached


def test_it_says_that_it_is_an_arm64_phone(phone: Phone, arm64: Running) -> None:
    assert phone.ask("uname -m") == "aarch64"
    assert phone.ask("getprop ro.product.cpu.abi") == "arm64-v8a"
    assert phone.ask("getprop ro.product.cpu.abilist") == "arm64-v8a"
    assert phone.ask("id -u") == "2000" or not may_be_shell()
    assert arm64.record.handset.abi is Abi.ARM64


def test_its_tool_is_a_program_for_arm64_and_times_a_model(phone: Phone, arm64_tool: Path) -> None:
    assert int.from_bytes(arm64_tool.read_bytes()[18:20], "little") == AARCH64
    delegate = delegate_library(abi="arm64-v8a")
    assert int.from_bytes(delegate.read_bytes()[18:20], "little") == AARCH64
    for path in (arm64_tool, delegate, DATA / "tiny.tflite"):
        phone.push(path, f"{REMOTE}/{path.name}")
    command = (
        f"cd {REMOTE} && chmod 755 benchmark_model && ./benchmark_model --graph=tiny.tflite "
        "--num_threads=1 --num_runs=3 --min_secs=0 --warmup_runs=1 --warmup_min_secs=0"
    )
    plain = phone.shell(command)
    log = parse_bytes(plain.stdout, plain.stderr, exit_status=plain.exit_status)
    assert (log.ok, log.runs) == (True, 3), plain
    taken = phone.shell(f"{command} --external_delegate_path=./{delegate.name}")
    log = parse_bytes(taken.stdout, taken.stderr, exit_status=taken.exit_status)
    assert (log.ok, log.delegate) == (True, "external"), taken


def test_nothing_is_registered_on_this_machine(arm64: Running) -> None:
    registered = Path("/proc/sys/fs/binfmt_misc")
    assert "handset-aarch64" not in [each.name for each in registered.iterdir()]
    assert (arm64.path("/proc/sys/fs/binfmt_misc") / "handset-aarch64").exists()


def test_what_it_is_made_of_names_the_emulator_and_the_foreign_libraries() -> None:
    made_of = {each.name: each.version for each in prepare(abi=Abi.ARM64).packages}
    assert {"qemu-user", "adbd", "libc6", "libc6:arm64"} <= made_of.keys()
    assert made_of["libc6"] == made_of["libc6:arm64"]


def test_without_the_cross_compiler_the_package_is_named(
    arm64_tool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("apt-get", "dpkg-deb", "tar", "g++", "unshare"):
        (programs / name).symlink_to("/bin/true")
    cache = arm64_tool.parent.parent
    for path in cache.glob("tree-*"):
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(InfrastructureError, match=r"aarch64-linux-gnu-g\+\+ is not on") as told:
        build_tool(tmp_path, abi="arm64-v8a")
    assert told.value.hint == "install it: apt-get install g++-aarch64-linux-gnu"


def test_a_kind_of_handset_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="armeabi-v7a"):
        build_tool(abi="armeabi-v7a")


def test_a_machine_without_namespaces_of_users_gets_a_clear_message(
    arm64: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert arm64.is_alive()
    (tmp_path / "unshare").write_text("#!/bin/sh\necho 'unshare: not permitted' >&2\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(InfrastructureError, match="refuses the namespaces") as told:
        running.boot(prepare(abi=Abi.ARM64), name="refused", cache=tmp_path)
    assert "Linux 6.7" in told.value.hint
