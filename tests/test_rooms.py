"""Holds the rooms and doors of the design by reading imports."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bench", "models", "reports", "device_profiles")

# Which of our packages and rooms a room may import besides itself and bench.core.
MAY_IMPORT = {
    "bench": {"bench.cli"},  # bench/__main__.py
    "bench.core": set[str](),
    "bench.tool": set[str](),
    "bench.plan": set[str](),
    "bench.measure": {"bench.plan", "bench.tool"},
    "bench.gate": {"bench.measure"},
    "bench.store": {"bench.plan", "bench.measure", "bench.tool"},
    "bench.handset": set[str](),
    "bench.adb": set[str](),
    "bench.flow": {
        "bench.tool", "bench.plan", "bench.measure", "bench.store", "bench.adb", "bench.gate",
        "device_profiles",
        "models", "reports",
    },
    "bench.cli": {
        "bench.tool", "bench.plan", "bench.measure", "bench.store", "bench.flow", "bench.gate",
        "bench.handset",
        "bench.adb", "device_profiles",
        "models", "reports",
    },
    "models": set[str](),
    "reports": {"bench.gate"},
    "device_profiles": set[str](),
}  # fmt: skip

# Heavy or untyped packages, and the files that are their doors.
DOORS = {
    "tensorflow": {"models/network/", "models/distill/train.py"},
    "keras": {"models/network/", "models/distill/train.py"},
    # The runner is a process of its own that may import nothing else of ours.
    "ai_edge_litert": {"models/tflite/litert.py", "bench/tool/litert_runner.py"},
    "litert_quantizer": {"models/tflite/quantise.py"},
    "onnxruntime": {"models/teachers/onnx_door.py"},
    "kagglehub": {"models/teachers/kaggle_door.py"},
    "sklearn": {"models/accuracy/head.py"},
    "soundfile": {"models/audio/decode.py"},
    "soxr": {"models/audio/decode.py"},
    "matplotlib": {"reports/plots/"},
    "pandas": {"reports/parts/table.py"},
    "sqlalchemy": {"bench/store/"},
    "jinja2": {"reports/page/page.py"},
    "adb_shell": {"bench/adb/transport/direct.py"},
    "usb1": {"bench/adb/transport/usb.py"},
    "cryptography": {"bench/adb/transport/keys.py"},
    "cattrs": {"bench/core/config.py"},
    "filelock": {"bench/core/lock.py"},
    "platformdirs": {"bench/core/paths.py"},
    "elftools": {"bench/tool/elf.py"},
}
# bench.core is the floor: the standard library and four small libraries.
FLOOR = {"yaml", "cattrs", "filelock", "platformdirs"}


def sources() -> list[Path]:
    return sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return ".".join(parts[:2]) if parts[0] == "bench" and len(parts) > 2 else parts[0]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    here = room(path)
    for name in imports(path):
        if name.split(".")[0] not in PACKAGES:
            continue
        there = ".".join(name.split(".")[:2]) if name.startswith("bench.") else name.split(".")[0]
        assert there in {here, "bench.core", *MAY_IMPORT[here]}, f"{here} imports {name}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_heavy_package_is_imported_at_its_door_only(path: Path) -> None:
    here = str(path.relative_to(ROOT))
    for name in imports(path):
        package = name.split(".")[0]
        if package in DOORS:
            assert any(here.startswith(door) for door in DOORS[package]), f"{here} imports {name}"


def test_the_floor_stands_on_the_standard_library_and_four_small_ones() -> None:
    for path in sources():
        if room(path) == "bench.core":
            for name in imports(path):
                package = name.split(".")[0]
                assert package in {*sys.stdlib_module_names, "bench", *FLOOR}, f"{path}: {name}"


def test_every_file_has_a_room_and_no_name_of_the_standard_library() -> None:
    for path in sources():
        assert room(path) in MAY_IMPORT, f"{path} has no room"
        assert path.stem in ("__init__", "__main__") or path.stem not in sys.stdlib_module_names
