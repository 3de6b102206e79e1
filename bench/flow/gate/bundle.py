"""A bundle: a folder with the model files of a baseline, and optionally the tool.

It contains no measurements: a baseline is measured again with the candidate, in one session. A tool
in a bundle is a file: it is never started unless the command line asks for it.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from bench.core import config
from bench.core.artifact import Artifact, Format
from bench.core.errors import BenchError, ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_bytes, sha256_file
from bench.core.units import one_line
from bench.core.version import VERSION
from bench.gate.verdict import ModelKey
from bench.plan.case import Runner
from bench.plan.suite import Target, bare_target
from bench.tool.elf import read_elf
from bench.tool.host import Tool, official_tool
from models.tflite import reader

SCHEMA_VERSION = 1
CONTENTS = "bundle.json"
_TOOL = PurePosixPath("tool", "benchmark_model")
_ABIS = {"x86_64": "x86_64", "aarch64": "arm64-v8a"}  # of machines, as programs name them
_FLAGS = (b"num_runs", b"graph")  # that every benchmark tool has in it


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledTool:
    """The tool that the files are measured with.

    Args:
        path: of the official binary in the bundle; ``None`` for our runner.
    """

    kind: Runner
    sha256: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledFile:
    """A model file.

    Args:
        path, manifest: in the bundle; no manifest for a bare file.
    """

    name: str
    format: Format
    sha256: str
    size_bytes: int
    path: str
    manifest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The contents of ``bundle.json``.

    Args:
        program: version of frill-bench that saved it.
        created_at: UTC, ISO 8601.
        tool: ``None`` if each phone downloads its own.
        runtimes: of our runner on the machine that saved it: name to version.
    """

    program: str
    created_at: str
    files: tuple[BundledFile, ...]
    tool: BundledTool | None = None
    runtimes: dict[str, str]
    schema_version: int = SCHEMA_VERSION


def official(binary: Path) -> BundledTool:
    """Returns the entry of an official binary, which need not run on this machine.

    Raises:
        ConfigurationError: there is no such file.
    """
    try:
        content = binary.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{binary}: {error.strerror}", hint="check the path") from error
    is_compiled = all(flag in content for flag in (b"use_cpu", b"use_npu"))
    return BundledTool(
        kind=Runner.COMPILED_MODEL if is_compiled else Runner.BENCHMARK_MODEL,
        sha256=sha256_bytes(content),
    )


def check_tool(binary: Path) -> None:
    """Checks that a program is a benchmark tool: by its ``--help`` where it is for this machine.

    Raises:
        ConfigurationError: it is not a program, does not start, or is another program.
    """
    elf = read_elf(binary)
    if elf is None or (elf.abi == _ABIS.get(platform.machine()) and elf.interpreter_is_here):
        official_tool(binary)
        return
    content = binary.read_bytes()
    if not all(flag in content for flag in _FLAGS):
        raise ConfigurationError(
            f"{binary}: a program for {elf.abi} without the flags of a benchmark tool",
            hint="give a build of TFLite's benchmark_model",
        )


def host_runner(tool: Tool) -> tuple[BundledTool, dict[str, str]]:
    """Returns the entry of our runner, and the versions of its runtimes."""
    runtimes = {name: version(name) for name in ("ai-edge-litert", "numpy")}
    return (
        BundledTool(kind=Runner.LITERT_PYTHON, sha256=tool.sha256),
        {**runtimes, "python": platform.python_version()},
    )


def save(
    folder: Path,
    targets: Sequence[Target],
    *,
    tool: BundledTool | None = None,
    binary: Path | None = None,
    runtimes: dict[str, str] | None = None,
) -> Bundle:
    """Writes a bundle atomically, replacing an older one, and returns it.

    Args:
        tool: without its path; it gets the path of the copy of ``binary``.
        binary: of the official tool.

    Raises:
        ConfigurationError: the folder holds something else, or two files would have one name.
        InfrastructureError: it cannot be written.
    """
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not is_free and not (folder / CONTENTS).is_file():
        raise ConfigurationError(
            f"{folder}: exists and is not a bundle", hint="name a new folder, or remove that one"
        )
    with _replacing(folder) as partial:
        files = tuple(_add(partial, target) for target in targets)
        twice = {each.path for each in files if [one.path for one in files].count(each.path) > 1}
        if twice or "bundle.tflite" in {each.path for each in files}:
            raise ConfigurationError(
                f"{min(twice, default='bundle.tflite')}: a bundle cannot hold that name"
                + (" twice" if twice else ""),
                hint="rename the file",
            )
        if tool is not None and binary is not None:
            tool = BundledTool(kind=tool.kind, sha256=tool.sha256, path=str(_TOOL))
            (partial / _TOOL).parent.mkdir()
            _copy(binary, partial / _TOOL)
            (partial / _TOOL).chmod(0o755)
        bundle = Bundle(
            program=VERSION,
            created_at=datetime.now(UTC).isoformat(),
            files=files,
            tool=tool,
            runtimes=runtimes or {},
        )
        config.save(partial / CONTENTS, bundle)
        _check(partial, bundle)
    return bundle


def load(folder: Path) -> Bundle:
    """Returns the bundle in a folder, after verifying every file.

    Raises:
        ConfigurationError: names the file and the key that is wrong.
    """
    bundle = config.load(folder / CONTENTS, Bundle)
    if bundle.schema_version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"{folder / CONTENTS}: schema_version: is {bundle.schema_version}, this program reads "
            f"{SCHEMA_VERSION}",
            hint="update frill-bench, or save the bundle again",
        )
    _check(folder, bundle)
    return bundle


def targets_of(folder: Path, bundle: Bundle) -> tuple[Target, ...]:
    """Returns the files of a bundle, each with the manifest that the bundle lists and no other."""
    targets = [(each, bare_target(folder / each.path)) for each in bundle.files]
    return tuple(
        target if each.manifest else replace(target, artifact=None) for each, target in targets
    )


def model_key(target: Target) -> ModelKey:
    """Returns the name and format of a file: the name from its manifest, the format from the file.

    Raises:
        ModelFileError: it is not a model.
        ConfigurationError: its manifest has another format than the file.
    """
    found, artifact = reader.read(target.path).format, target.artifact
    if artifact is not None and artifact.format is not found:
        raise ConfigurationError(
            f"{target.path}: is {found}, and its manifest has {artifact.format}",
            hint="convert or add it again, or remove the manifest beside it",
        )
    return ModelKey(name=artifact.name if artifact else target.path.stem, format=found)


def _add(folder: Path, target: Target) -> BundledFile:
    """Copies a file with its manifest into the folder and returns its entry."""
    model = model_key(target)
    path = folder / target.path.name
    _copy(target.path, path)
    if target.artifact is not None:
        _copy(target.path.with_suffix(".json"), path.with_suffix(".json"))
    return BundledFile(
        name=model.name,
        format=model.format,
        sha256=target.sha256,
        size_bytes=path.stat().st_size,
        path=path.name,
        manifest=path.with_suffix(".json").name if target.artifact else None,
    )


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())


def _check(folder: Path, bundle: Bundle) -> None:
    """Raises an error unless the folder has everything that the bundle lists."""
    for index, each in enumerate(bundle.files):
        where = f"{folder / CONTENTS}: files[{index}]"
        size_bytes = _verify(folder, each.path, each.sha256, where).stat().st_size
        if size_bytes != each.size_bytes:
            raise _wrong(f"{where}.size_bytes: {each.path} has {size_bytes} bytes")
        if each.manifest is not None:
            if PurePosixPath(each.manifest) != PurePosixPath(each.path).with_suffix(".json"):
                raise _wrong(f"{where}.manifest: {each.manifest} is not that of {each.path}")
            manifest = config.load(_inside(folder, each.manifest, f"{where}.manifest"), Artifact)
            if (manifest.name, manifest.format) != (each.name, each.format):
                raise _wrong(f"{where}.name: {each.manifest} is of {manifest.name}")
    if bundle.tool is not None and bundle.tool.path is not None:
        _verify(folder, bundle.tool.path, bundle.tool.sha256, f"{folder / CONTENTS}: tool")


def _verify(folder: Path, name: str, sha256: str, where: str) -> Path:
    path = _inside(folder, name, f"{where}.path")
    actual = sha256_file(path)
    if actual != sha256:
        raise _wrong(f"{where}.sha256: that of {name} begins with {actual[:12]}, not {sha256[:12]}")
    return path


def _inside(folder: Path, name: str, where: str) -> Path:
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts:
        raise _wrong(f"{where}: {one_line(name)} is not in the bundle")
    path = folder / inner
    try:
        is_file = path.is_file()
    except OSError:  # such as a name that is too long
        is_file = False
    if not is_file:
        raise _wrong(f"{where}: {one_line(name)} is missing")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _wrong(f"{where}: {name} is a link out of the bundle")
    return path


def _wrong(message: str) -> BenchError:
    return ConfigurationError(message, hint="fetch the bundle again, or save it again")


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yields a folder to fill; on success it replaces ``folder``, else it is removed."""
    place = folder.absolute()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as name:
            partial, old = Path(name, "new"), Path(name, "old")
            partial.mkdir()
            yield partial
            if place.exists():
                place.rename(old)
            partial.rename(place)
    except OSError as error:
        raise InfrastructureError(
            f"{folder}: cannot be written: {error.strerror or error}",
            hint="check the path, its permissions and the disk's space",
        ) from error
