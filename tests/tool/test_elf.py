import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.smallest_program import android_program, program

from bench.core.errors import ConfigurationError
from bench.tool.elf import check, read_elf

STAND_IN = Path(__file__).parents[1] / "data" / "stand_in" / "benchmark_model"
SHELL = Path("/bin/sh").resolve()
linux = pytest.mark.skipif(sys.platform != "linux", reason="programs are ELF on Linux")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@linux
def test_this_machines_shell_is_read() -> None:
    elf = read_elf(SHELL)
    assert elf is not None
    assert elf.alignment_bytes >= 4096


@linux
def test_this_python_says_the_same_as_its_machine() -> None:
    elf = read_elf(Path(sys.executable))
    assert elf is not None
    assert check(Path(sys.executable), abis=[elf.abi], page_bytes=4096) == elf


def test_a_script_runs_wherever_its_shell_does() -> None:
    assert read_elf(STAND_IN) is None
    assert check(STAND_IN, abis=["arm64-v8a"], page_bytes=16384) is None


@pytest.mark.parametrize(
    ("machine", "bits", "abi"),
    [
        (183, 64, "arm64-v8a"),
        (40, 32, "armeabi-v7a"),
        (62, 64, "x86_64"),
        (3, 32, "x86"),
        (62, 32, "X86_64 (32 bits)"),
        (8, 32, "MIPS (32 bits)"),
        (0x7FFF, 64, "32767 (64 bits)"),
    ],
)
def test_the_processor_is_named_as_android_does(
    tmp_path: Path, machine: int, bits: int, abi: str
) -> None:
    elf = read_elf(written(tmp_path / "tool", program(machine=machine, bits=bits)))
    assert elf is not None
    assert (elf.abi, elf.alignment_bytes) == (abi, 4096)


def test_a_program_for_another_processor_is_refused(tmp_path: Path) -> None:
    tool = written(tmp_path / "tool", program(machine=40, bits=32))
    with pytest.raises(
        ConfigurationError, match=r"built for armeabi-v7a.* runs arm64-v8a"
    ) as error:
        check(tool, abis=["arm64-v8a"], page_bytes=4096)
    assert "arm64-v8a" in error.value.hint
    assert check(tool, abis=["arm64-v8a", "armeabi-v7a"], page_bytes=4096) is not None


def test_large_pages_need_a_program_that_is_aligned_to_them(tmp_path: Path) -> None:
    small = written(tmp_path / "small", program(machine=183))
    large = written(tmp_path / "large", program(machine=183, alignment=65536))
    assert check(large, abis=["arm64-v8a"], page_bytes=16384) is not None
    with pytest.raises(ConfigurationError, match=r"aligned to 4 KB.*pages of 16 KB") as error:
        check(small, abis=["arm64-v8a"], page_bytes=16384)
    assert "max-page-size=16384" in error.value.hint


def test_a_program_that_calls_functions_of_android_8_is_refused_for_an_older_phone(
    tmp_path: Path,
) -> None:
    tool = written(tmp_path / "tool", android_program("malloc", "strtod_l", api_level=26))
    with pytest.raises(ConfigurationError, match=r"strtod_l of Android 8.*has API 25") as error:
        check(tool, abis=["arm64-v8a"], page_bytes=4096, api_level=25)
    assert "--benchmark-binary" in error.value.hint
    for api_level in (26, None):
        elf = check(tool, abis=["arm64-v8a"], page_bytes=4096, api_level=api_level)
        assert elf is not None
        assert (elf.api_level, elf.since_android_8) == (26, ("strtod_l",))


@pytest.mark.parametrize(
    "content",
    [
        android_program("malloc", "strtod", api_level=30),
        android_program("strtod_l", api_level=30, weak=True),
        android_program("strtod_l", api_level=30).replace(b"/system/bin/", b"/lib/x86_64/"),
        program(machine=183),
    ],
)
def test_a_program_that_may_start_is_not_refused(tmp_path: Path, content: bytes) -> None:
    tool = written(tmp_path / "tool", content)
    assert check(tool, abis=["arm64-v8a"], page_bytes=4096, api_level=24) is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "a web page"),
        (b"\x1c\0\0\0TFL3" + bytes(60), "a .tflite model"),
        (b"PK\x03\x04" + bytes(60), "a zip or APK file"),
        (b"\xcf\xfa\xed\xfe" + bytes(60), "a program for macOS"),
        (b"MZ" + bytes(60), "a program for Windows"),
        (b"hello", "a file of another kind"),
    ],
)
def test_what_is_no_program_is_called_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_elf(written(tmp_path / "tool", content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF", "EI_CLASS"),
        (b"\x7fELF" + bytes(60), "EI_CLASS"),
        (program(machine=183)[:100], "expected 8, found 4"),
        (program(machine=183, kind=1), "object file"),
    ],
)
def test_a_damaged_program_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"damaged program: .*{said}"):
        read_elf(written(tmp_path / "tool", content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tool: No such file"):
        read_elf(tmp_path / "tool")


@linux
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    end=st.integers(min_value=0, max_value=4096),
    at=st.integers(min_value=4, max_value=1200),
    byte=st.binary(min_size=1, max_size=4),
)
def test_no_damage_ends_in_another_error(tmp_path: Path, end: int, at: int, byte: bytes) -> None:
    content = SHELL.read_bytes()
    damaged = content[:at] + byte + content[at + len(byte) :]
    for each in (damaged, damaged[:end]):
        try:
            read_elf(written(tmp_path / "tool", each))
        except ConfigurationError as error:
            assert error.hint
