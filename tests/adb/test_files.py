import hashlib
import shlex
from pathlib import Path

import numpy as np
import pytest
from support.reach import content, names

from bench.adb.phone import Phone
from bench.adb.staging import stage_file
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError

SIZES = (0, 1, 65_535, 65_536, 70_001, 300_000, 524_288, 524_289)


def written(path: Path, size_bytes: int) -> Path:
    path.write_bytes(np.random.default_rng(size_bytes).bytes(size_bytes))
    return path


def test_two_hundred_random_files_come_back_as_they_went(
    phone: Phone, remote: str, tmp_path: Path
) -> None:
    draw = np.random.default_rng(7)
    source = tmp_path / "source"
    bad = 0
    for _ in range(67):  # by each of three ways
        source.write_bytes(draw.bytes(int(draw.choice(SIZES))))
        phone.push(source, f"{remote}/file")
        bad += content(phone, f"{remote}/file") != source.read_bytes()
    assert bad == 0


def test_names_modes_and_progress_are_kept(phone: Phone, remote: str, tmp_path: Path) -> None:
    source = written(tmp_path / "source", 1_500_000)
    source.chmod(0o755)
    name = f"{remote}/new/it's ä file"
    seen: list[int] = []
    phone.push(source, name, progress=seen.append)
    quoted = shlex.quote(name)
    # Not the time: adbd sets it after it has answered, and the file may have its name by then.
    assert phone.ask(f"stat -c %s {quoted}; test -x {quoted}") == "1500000"
    assert seen == sorted(seen) and seen[-1] == 1_500_000
    assert names(phone, f"{remote}/new") == ["it's ä file"]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/system/file", "Read-only"),
        ("/init.d/file", "Permission denied|Read-only"),
        ("/data/local/tmp/" + "a" * 300, "too long"),
        ("{remote}", "Is a directory"),
    ],
)
def test_a_path_that_takes_no_file_says_why(
    phone: Phone, remote: str, tmp_path: Path, target: str, why: str
) -> None:
    with pytest.raises(DeviceError, match=why) as caught:
        phone.push(written(tmp_path / "source", 100_000), target.format(remote=remote))
    assert not isinstance(caught.value, TransientDeviceError)
    assert names(phone, remote) == []
    assert not [name for name in names(phone, "/data/local/tmp") if "partial" in name]


def test_a_file_that_is_not_there_is_no_fault_of_the_phone(phone: Phone, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        phone.push(tmp_path / "none", "/data/local/tmp/none")


def test_a_staged_file_is_named_by_its_hash_and_pushed_once(phone: Phone, tmp_path: Path) -> None:
    phone.ask(f"rm -rf {phone.folder}")
    source = written(tmp_path / "model.tflite", 300_000)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    name = str(stage_file(phone, source))
    assert name == f"/data/local/tmp/frill-bench/{digest}.tflite"
    assert phone.sha256(name) == digest
    phone.ask(f"touch -d 2001-01-01T00:00:00 {name}")
    assert str(stage_file(phone, source)) == name
    assert int(phone.ask(f"stat -c %Y {name}")) < 1_000_000_000
    phone.ask(f"echo other > {name}")
    assert str(stage_file(phone, source)) == name
    assert phone.sha256(name) == digest


def test_free_space_is_that_of_df(phone: Phone) -> None:
    phone.ask(f"mkdir -p {phone.folder}")
    told_kb = int(phone.ask("df -k /data/local/tmp | tail -n 1").split()[3])
    assert abs(phone.free_bytes() - told_kb * 1024) < 1 << 20
