"""Files from outside: small ones that blow up, ones that hold code, ones that lead elsewhere."""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.gate_phone import revision
from support.patience import PATIENCE_S

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.system import apt
from bench.flow.gate.bundle import CONTENTS, load, save
from bench.flow.gate.log_file import read
from bench.plan.suite import Suite, bare_target, zoo_targets
from models.student import weights
from models.zoo import Zoo


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything:
    name: str | None = None
    number: float = 0.0
    count: int = 0
    names: tuple[str, ...] = ()


def bomb(levels: int, line: str) -> str:
    """Returns YAML in which each line names the one before it nine times."""
    lines = [line.format(n=0, before="[x, x, x, x, x, x, x, x, x]")]
    for n in range(1, levels):
        lines.append(line.format(n=n, before="[" + ", ".join([f"*a{n - 1}"] * 9) + "]"))
    return "\n".join(lines) + "\n"


YAML = {
    "a tag that runs a program": "name: !!python/object/apply:os.system ['touch ran']\n",
    "a tag that makes an object": "name: !!python/object/new:subprocess.Popen [['touch', 'ran']]\n",
    "a tag that imports": "name: !!python/module:antigravity\n",
    "a tag that names a function": "name: !!python/name:os.system\n",
    "a tag of another kind": "name: !evil x\n",
    "a billion of values": bomb(9, "name{n}: &a{n} {before}"),
    "a list that holds itself": "name: &a [*a]\n",
    "merged keys": "a: &a {k: 1}\nb: {<<: [*a, *a]}\n",
    "a number in base 60": "number: 1" + ":1" * 200_000 + "\n",
    "a number of many digits": f"number: {'9' * 100_000}\n",
    "a number in binary": f"number: 0b{'1' * 100_000}\n",
    "not a number": "number: .nan\n",
    "infinite": "number: -.inf\n",
    "deep": "name: " + "[" * 10_000,
    "deep maps": "".join(f"{' ' * n}a:\n" for n in range(1_000)),
    "a large file": "# " + "x" * (3 << 20),
    "a date": "names: 2026-01-01\n",
    "bytes": "names: [!!binary aGk=]\n",
    "many unknown keys": "".join(f"k{n}: 1\n" for n in range(1_000)),
    "a long key": f"{'k' * 100_000}: 1\n",
    "a control character": "name: a\x00b\n",
    "Latin-1": "name: \xe9",
}
JSON = {
    "not a number": '{"number": NaN}',
    "infinite": '{"number": -Infinity}',
    "too large": '{"number": 1e999}',
    "many digits": f'{{"number": {"9" * 100_000}}}',
    "deep lists": '{"name": ' + "[" * 200_000,
    "deep objects": '{"name": ' * 200_000,
    "deep and closed": '{"name": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "a whole number that no database takes": '{"count": 1' + "0" * 30 + "}",
    "many unknown keys": json.dumps({f"k{n}": 1 for n in range(1_000)}),
    "a large value of a wrong kind": json.dumps({"number": ["x" * 1000] * 5_000}),
    "a long list of wrong values": json.dumps({"names": ["x"] * 700 + [1] * 200_000}),
    "a lone surrogate as a key": '{"\\ud800": 1}',
    "a lone surrogate as text": '{"name": "\\ud800"}',
    "two documents": "{}{}",
    "a list": "[]",
    "nothing": "",
}


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("name", YAML)
def test_a_yaml_file_runs_nothing_and_does_not_blow_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("suite.yaml").write_bytes(YAML[name].encode("latin-1"))
    with pytest.raises(ConfigurationError) as refused:
        config.load(Path("suite.yaml"), Anything)
    assert len(str(refused.value)) < 5_000 or "long key" in name
    assert os.listdir() == ["suite.yaml"]  # noqa: PTH208 - the current folder


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("name", JSON)
def test_a_json_file_is_read_or_refused_and_never_crashes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(JSON[name])
    with pytest.raises(ConfigurationError) as refused:
        config.load(path, Anything)
    assert len(str(refused.value)) < 5_000
    with pytest.raises(ConfigurationError):
        read(path)


def test_an_entry_far_down_a_long_list_is_named_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"names": ["x"] * 1_234 + [7]}))
    with pytest.raises(ConfigurationError, match=r"names\[1234\]: must be text, not 7"):
        config.load(path, Anything)
    path.write_text(json.dumps({"names": ["x"] * 1_234}))
    assert len(config.load(path, Anything).names) == 1_234


def test_plain_aliases_and_numbers_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("name: &all a\nnames: [*all, b]\nnumber: 1.0e-3\n")
    assert config.load(path, Anything).names == ("a", "b")


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("reader", [
    lambda path: config.load(path.with_suffix(".json"), Artifact),
    lambda path: config.load(path.with_suffix(".yaml"), Suite),
    read,
    lambda path: Zoo(path.parent).artifacts(),
    lambda path: zoo_targets(path.parent),
    bare_target,
], ids=["manifest", "suite", "log", "zoo", "side", "model"])  # fmt: skip
def test_a_link_to_a_device_without_an_end_is_refused(
    tmp_path: Path, reader: Callable[[Path], object]
) -> None:
    """Git carries links, so a checkout may hold one to /dev/zero."""
    for name in ("a.json", "a.yaml", "a.jsonl", "a.float32.json", "a.float32.tflite"):
        (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(ConfigurationError):
        reader(tmp_path / "a.float32.tflite")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    revision(tmp_path / "zoo", "tiny", number=0)
    save(tmp_path / "kept", zoo_targets(tmp_path / "zoo"))
    return tmp_path / "kept"


@pytest.mark.parametrize("key", ["path", "manifest"])
@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../zoo/tiny.float32.tflite", "x/../../zoo/tiny.float32.tflite", "", ".",
     "link.tflite", "folder/tiny.float32.tflite", "/proc/self/environ", "nul\0", "x" * 5_000],
    ids=lambda name: ascii(name)[:40],
)  # fmt: skip
def test_a_bundle_names_no_file_outside_it(bundle: Path, key: str, name: str) -> None:
    (bundle / "link.tflite").symlink_to(bundle.parent / "zoo" / "tiny.float32.tflite")
    (bundle / "link.json").symlink_to(bundle.parent / "zoo" / "tiny.float32.json")
    (bundle / "folder").symlink_to(bundle.parent / "zoo")
    document = json.loads((bundle / CONTENTS).read_text())
    document["files"][0][key] = name
    (bundle / CONTENTS).write_text(json.dumps(document))
    with pytest.raises(ConfigurationError):
        load(bundle)


class Runs:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch ran",)


def npz(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def npy(array: object, *, shape: str | None = None) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), allow_pickle=True)
    content = stream.getvalue()
    return content if shape is None else content.replace(b"(1,), }    ", shape.encode().ljust(11))


def declared(content: bytes, size_bytes: int) -> bytes:
    """Returns an archive whose directory declares another size of its first file."""
    at = content.index(b"PK\x01\x02") + 24
    return content[:at] + struct.pack("<I", size_bytes) + content[at + 4 :]


WEIGHTS = {
    "pickled objects": lambda: npz(a=npy(np.array([Runs()], dtype=object))),
    "a bare pickle": lambda: pickle.dumps(Runs()),
    "a bare pickled array": lambda: npy(np.array([Runs()], dtype=object)),
    "a size that no memory holds": lambda: declared(npz(a=npy([1.0])), 0xF0000000),
    "a shape that no memory holds": lambda: npz(a=npy([1.0], shape="(9" + "9" * 12 + ",), }")),
    "no archive": lambda: b"PK\x03\x04" + bytes(100),
    "half an archive": lambda: npz(a=npy(np.zeros(100)))[:300],
    "text": lambda: b"hello",
    "nothing": lambda: b"",
}


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_run_nothing_and_do_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.npz").write_bytes(WEIGHTS[name]())
    with pytest.raises(ConfigurationError, match="holds no weights"):
        weights.load(Path("a.npz"))
    assert not Path("ran").exists()


def deb(path: Path, members: list[tarfile.TarInfo]) -> Path:
    """Returns a package made by hand: its tools refuse to make one of such names."""
    packed = []
    for name, infos in (("control.tar", []), ("data.tar", members)):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            if name == "control.tar":
                text = b"Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
                control = tarfile.TarInfo("./control")
                control.size = len(text)
                archive.addfile(control, io.BytesIO(text))
            for info in infos:
                info.size = 0 if info.issym() or info.islnk() or info.isdir() else 2
                archive.addfile(info, io.BytesIO(b"hi"))
        packed.append((name, stream.getvalue()))
    content = b"!<arch>\n"
    for name, data in [("debian-binary", b"2.0\n"), *packed]:
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n"
        content += head.encode() + data + b"\n" * (len(data) % 2)
    path.write_bytes(content)
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_package_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    attacks = {
        "up": [entry("../outside/up")],
        "deep": [entry("./a/../../outside/deep")],
        "absolute": [entry(f"{outside}/absolute")],
        "through": [entry("link", tarfile.SYMTYPE, str(outside)), entry("link/through")],
        "relative": [entry("link", tarfile.SYMTYPE, "../outside"), entry("link/relative")],
        "hard": [entry("hard", tarfile.LNKTYPE, "../outside/mine"), entry("hard")],
        "device": [entry("null", tarfile.CHRTYPE)],
    }
    for name, members in attacks.items():
        folder = tmp_path / name
        try:
            apt.unpack(deb(tmp_path / f"{name}.deb", members), folder=folder)
        except InfrastructureError as refused:
            assert refused.hint
        assert [path.name for path in outside.iterdir()] == ["mine"], name
        assert (outside / "mine").read_text() == "mine", name


def field(number: int, content: bytes | int) -> bytes:
    """Returns one field of a message of ONNX's format."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def onnx_with_data_at(location: str) -> bytes:
    """Returns a model that adds a vector, which is in another file."""
    pair = field(1, b"location") + field(2, location.encode())
    tensor = field(1, 4) + field(2, 1) + field(8, b"w") + field(13, pair) + field(14, 1)
    shape = field(2, field(1, field(1, 4)))
    kind = field(1, field(1, 1) + shape)
    node = field(1, b"x") + field(1, b"w") + field(2, b"y") + field(4, b"Add")
    graph = field(1, node) + field(2, b"g") + field(5, tensor)
    graph += field(11, field(1, b"x") + field(2, kind)) + field(12, field(1, b"y") + field(2, kind))
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13))


def test_an_onnx_file_reads_no_file_outside_its_folder(tmp_path: Path) -> None:
    onnx_door = pytest.importorskip("models.onnx.onnx_door")
    pytest.importorskip("onnxruntime")
    folder = tmp_path / "model"
    folder.mkdir()
    for place in (folder, tmp_path):
        (place / "secret").write_bytes(np.arange(4, dtype="<f4").tobytes())
    (folder / "a.onnx").write_bytes(onnx_with_data_at("secret"))
    run, _ = onnx_door.load(folder / "a.onnx")
    assert run(np.zeros(4, np.float32))["y"].tolist() == [0, 1, 2, 3]
    elsewhere = str(tmp_path / "secret")
    (folder / "link").symlink_to(elsewhere)
    for location in (
        "../secret",
        str(tmp_path / "secret"),
        "./../secret",
        "x/../../secret",
        "link",
    ):
        (folder / "b.onnx").write_bytes(onnx_with_data_at(location))
        with pytest.raises(ConfigurationError, match="cannot run it"):
            onnx_door.load(folder / "b.onnx")
