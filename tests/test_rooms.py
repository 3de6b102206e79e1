"""Holds the folders of CONTRIBUTING.md: what each may import, and that it stays small and named."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bench", "models", "reports", "device_profiles")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()

# Heavy or untyped packages, and the only files or folders that import them.
DOORS = {
    "tensorflow": {"models/network/", "models/distill/train.py"},
    "keras": {"models/network/", "models/distill/train.py"},
    "tensorflow_datasets": {"models/audio/prepared.py"},
    # The runner is a process of its own that may import nothing else of ours.
    "ai_edge_litert": {"models/tflite/litert.py", "bench/tool/litert_runner.py"},
    "flatbuffers": {
        "models/tflite/metadata.py",
        "models/own/quantisable.py",
        "models/graph/packed.py",
    },
    "litert_quantizer": {"models/tflite/quantise.py"},
    "onnxruntime": {"models/onnx/onnx_door.py"},
    "kagglehub": {"models/teachers/hub.py"},
    "pyarrow": {"bench/flow/build/embed.py", "reports/exchange/tables.py"},
    "sklearn": {"models/accuracy/head.py"},
    "distributed": {"bench/flow/build/cluster.py"},
    "torch": {"models/bridges/torch_door.py"},
    "mteb": {"models/bridges/mteb_encoder.py"},
    "threadpoolctl": {"models/accuracy/head.py", "models/teachers/ge2e.py"},
    "scipy": {"models/detection/rates.py"},
    "pymicro_features": {"models/detection/micro_frontend.py"},
    "soundfile": {"models/audio/decode.py"},
    "soxr": {"models/audio/decode.py"},
    "matplotlib": {"reports/plots/"},
    "pandas": {"reports/parts/documents.py"},
    "jinja2": {"reports/page/drawn.py"},
    "sqlalchemy": {"bench/store/"},
    "adb_shell": {"bench/adb/transport/direct.py"},
    "usb1": {"bench/adb/transport/usb.py"},
    "cryptography": {"bench/adb/transport/keys.py"},
    "elftools": {"bench/tool/elf.py"},
    "rich": {"bench/cli/"},
    "cattrs": {"bench/core/config.py"},
    "yaml": {"bench/core/config.py", "device_profiles/device_profile.py"},
    "filelock": {"bench/core/system/lock.py"},
    "platformdirs": {"bench/core/paths.py"},
}
NO_DOOR = {"numpy", "markupsafe"}
# bench.core is the floor: the standard library and four small libraries.
FLOOR = {"yaml", "cattrs", "filelock", "platformdirs"}


def rows_of_the_guide() -> Iterator[tuple[str, str]]:
    """Yields each folder of the table "Where things are", dotted, and its last column."""
    for line in GUIDE.splitlines():
        if match := re.fullmatch(r"\| `([a-z_/]+)` \|.*\| ?([^|]*?) ?\|", line):
            yield match[1].replace("/", "."), match[2]


# What a folder may import of ours, besides its own files and bench.core; ``.*`` covers sub-folders.
MAY_IMPORT = {
    folder: {name.replace("/", ".") for name in re.findall(r"`([^`]+)`", column)}
    for folder, column in rows_of_the_guide()
}


@cache
def modules() -> Mapping[str, Path]:
    """Returns the path of each of our modules, by its dotted name."""
    paths = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return {dotted(path): path for path in paths}


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Returns the dotted names that a file imports, also those within functions."""
    names: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def resolve(name: str) -> str | None:
    """Returns the module of ours in which a dotted name is; ``None`` for other packages."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name or None


def folder(module: str) -> str:
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


@cache
def folders() -> tuple[str, ...]:
    return tuple(sorted({folder(module) for module in modules()}))


@cache
def arrows() -> Mapping[str, frozenset[str]]:
    """Returns the modules of ours that each module imports."""
    return {
        module: frozenset(filter(None, map(resolve, imports(path)))) - {module}
        for module, path in modules().items()
    }


def allows(patterns: Iterable[str], target: str) -> bool:
    return any(
        target == pattern or (pattern.endswith(".*") and f"{target}.".startswith(pattern[:-1]))
        for pattern in patterns
    )


@pytest.mark.parametrize("here", folders())
def test_a_folder_imports_only_what_the_guide_allows(here: str) -> None:
    for module, targets in arrows().items():
        if folder(module) == here:
            for target in targets:
                allowed = {here, "bench.core.*", *MAY_IMPORT[here]}
                assert allows(allowed, folder(target)), f"{module} imports {target}"


@pytest.mark.parametrize("here", folders())
def test_the_guide_allows_nothing_that_is_not_used(here: str) -> None:
    used = {
        folder(target)
        for module, targets in arrows().items()
        for target in targets
        if folder(module) == here
    }
    for pattern in MAY_IMPORT[here]:
        assert any(allows({pattern}, target) for target in used - {here}), f"{here}: {pattern}"


def test_the_guide_names_every_folder_and_no_other() -> None:
    named = [name for name, _ in rows_of_the_guide()]
    assert len(named) == len(set(named))
    assert set(folders()) <= set(named)
    for name in named:
        assert (ROOT / name.replace(".", "/")).is_dir(), name


def test_the_files_that_the_guide_names_are_there() -> None:
    named = re.findall(r"`((?:bench|models|reports|tests|docs)/[\w/.-]+)`", GUIDE)
    assert len(named) > 100
    for name in named:
        assert (ROOT / name.removesuffix("/*")).exists(), name
    for name, row in re.findall(r"^\| `([\w/]+)` \|(.*)$", GUIDE, re.MULTILINE):
        for file in re.findall(r"`(\w+\.py)`", row):
            assert (ROOT / name / file).is_file(), f"{name}/{file}"


def collapsed(name: str) -> Mapping[str, str]:
    """Returns each module's node in the graph of a level."""
    match name:
        case "modules":
            return {module: module for module in modules()}
        case "folders":
            return {module: folder(module) for module in modules()}
        case "rooms":  # the folders of bench, and the other packages
            return {
                module: ".".join(
                    folder(module).split(".")[: 2 if module.startswith("bench") else 1]
                )
                for module in modules()
            }
        case _:  # the folders at the second level
            return {module: ".".join(folder(module).split(".")[:2]) for module in modules()}


@pytest.mark.parametrize("level", ["modules", "folders", "second level", "rooms"])
def test_there_is_no_import_circle(level: str) -> None:
    node = collapsed(level)
    graph: dict[str, set[str]] = {}
    for module, targets in arrows().items():
        own = graph.setdefault(node[module], set())
        own |= {node[target] for target in targets} - {node[module]}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_a_circle_would_be_found() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"c"}, "c": {"a"}}).prepare()


@pytest.mark.parametrize("here", folders())
def test_a_folder_has_a_sentence_and_few_files(here: str) -> None:
    place = ROOT / here.replace(".", "/")
    assert (place / "__init__.py").is_file()
    text = ast.get_docstring(tree(place / "__init__.py")) or ""
    first = text.split("\n\n")[0]
    assert len(first.split()) > 1
    assert first.endswith("."), first
    files = [path for path in place.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 14


def test_a_long_file_gives_its_reason() -> None:
    for path in modules().values():
        if len(path.read_text().splitlines()) > 400:
            assert "400 lines" in (ast.get_docstring(tree(path)) or ""), path


def test_a_heavy_package_is_imported_at_its_door_only() -> None:
    known = {*sys.stdlib_module_names, *PACKAGES, *DOORS, *NO_DOOR}
    found: set[str] = set()
    for path in modules().values():
        here = str(path.relative_to(ROOT))
        for package in {name.split(".")[0] for name in imports(path)}:
            assert package in known, f"{here} imports {package}, which has no door"
            if package in DOORS:
                doors = [door for door in DOORS[package] if here.startswith(door)]
                assert doors, f"{here} imports {package}"
                found |= {f"{package} {door}" for door in doors}
    assert found == {f"{package} {door}" for package, doors in DOORS.items() for door in doors}


def test_the_floor_stands_on_the_standard_library_and_four_small_ones() -> None:
    for module, path in modules().items():
        if f"{module}.".startswith("bench.core."):
            for name in imports(path):
                package = name.split(".")[0]
                assert package in {*sys.stdlib_module_names, "bench", *FLOOR}, f"{path}: {name}"


def test_no_file_has_the_name_of_a_module_of_the_standard_library() -> None:
    for path in modules().values():
        assert path.stem in ("__init__", "__main__") or path.stem not in sys.stdlib_module_names
