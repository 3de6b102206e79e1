"""A folder of artifacts: each .tflite file with its manifest beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.core import atomic, config
from bench.core.artifact import (
    IN_GRAPH,
    LOG_MEL,
    NO_FRONTEND,
    SAMPLE_RATE_HZ,
    Artifact,
    Format,
    Role,
    WeightsOrigin,
    check_name,
    manifests,
)
from bench.core.caveats import Caveat, CaveatKind
from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from models import frontend, stream
from models.tflite import reader


def name_and_format(text: str) -> tuple[str, Format | None]:
    """Returns the name in ``NAME`` or ``NAME.FORMAT``, and the format if there is one."""
    name, _, ending = text.rpartition(".")
    return (name, Format(ending)) if ending in list(Format) else (text, None)


class Zoo:
    """The artifacts of one folder.

    Args:
        root: the folder; made when the first artifact is put in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def artifacts(self) -> list[Artifact]:
        """Returns all artifacts, by name and format; none if the folder is not there.

        Raises:
            ConfigurationError: it is not a folder, or a manifest cannot be read.
        """
        if self.root.exists() and not self.root.is_dir():
            raise ConfigurationError(
                f"{self.root}: is not a folder", hint="give a folder with --zoo"
            )
        return [config.load(path, Artifact) for path in manifests(self.root)]

    def of(self, name: str) -> list[Artifact]:
        """Returns the artifacts of one model.

        Raises:
            ConfigurationError: there are none; suggests the near name.
        """
        artifacts = [each for each in self.artifacts() if each.name == name]
        if not artifacts:
            names = sorted({each.name for each in self.artifacts()})
            raise ConfigurationError(
                f"{self.root}: has no model {name!r}{near(name, names)}",
                hint=f"frill-bench convert {name}, or zoo list",
            )
        return artifacts

    def chosen(self, text: str) -> Artifact:
        """Returns the artifact of ``NAME`` (its float32 file, if there is one) or ``NAME.FORMAT``.

        Raises:
            ConfigurationError: the zoo does not have it.
        """
        name, format = name_and_format(text)
        of_model = self.of(name)
        chosen = [each for each in of_model if format in (None, each.format)]
        if not chosen:
            held = ", ".join(each.format.value for each in of_model)
            raise ConfigurationError(
                f"{self.root}: has no {name} in {format}", hint=f"it has: {held}; or convert it"
            )
        return min(chosen, key=lambda each: (each.format is not Format.FLOAT32, each.format.value))

    def path(self, artifact: Artifact) -> Path:
        """Returns where an artifact's file is."""
        return self.root / artifact.file

    def checked_path(self, artifact: Artifact) -> Path:
        """Returns where an artifact's file is, after comparing its hash with the manifest's.

        Raises:
            ConfigurationError: the file is missing, or does not match its manifest.
        """
        path = self.path(artifact)
        if not path.is_file():
            raise ConfigurationError(
                f"{path}: no such file, but it has a manifest",
                hint="convert or add it again, or remove the manifest",
            )
        sha256 = sha256_file(path)
        if sha256 != artifact.sha256:
            raise ConfigurationError(
                f"{path}: its SHA-256 begins {sha256[:12]}, in its manifest {artifact.sha256[:12]}",
                hint="convert or add it again, or remove its manifest",
            )
        return path

    def frontend_path(self, artifact: Artifact) -> Path | None:
        """Returns the file that makes an artifact's input from audio, where it has its own.

        Raises:
            ConfigurationError: that file is missing or does not match its manifest.
        """
        if artifact.frontend in (LOG_MEL, IN_GRAPH):
            return None
        return self.checked_path(self.of(artifact.frontend)[0])

    def manifest(self, name: str, format: Format) -> Path:
        """Returns where the manifest of a model in a format belongs."""
        return self.root / f"{name}.{format.value}.json"

    def get(self, name: str, format: Format) -> Artifact | None:
        """Returns one artifact, or ``None`` if the zoo lacks it or its file has changed."""
        manifest = self.manifest(name, format)
        if not manifest.exists():
            return None
        artifact = config.load(manifest, Artifact)
        path = self.path(artifact)
        whole = path.exists() and sha256_file(path) == artifact.sha256
        return artifact if whole else None

    def put(self, artifact: Artifact) -> None:
        """Writes an artifact's manifest; its file is there already."""
        config.save(self.manifest(artifact.name, artifact.format), artifact)

    def add(
        self,
        source: Path,
        *,
        name: str | None = None,
        frontend_name: str | None = None,
        role: Role | None = None,
        window_samples: int | None = None,
        hop_samples: int | None = None,
        provenance: str | None = None,
    ) -> Artifact:
        """Returns the artifact of any .tflite file, copied into the zoo.

        Args:
            name, frontend_name, role, window_samples, hop_samples, provenance: as of ``described``.

        Raises:
            ModelFileError: the file is not a usable model.
            ConfigurationError: the name belongs to another file, or as ``described`` raises it.
        """
        artifact = self.described(
            source,
            name=name,
            frontend_name=frontend_name,
            role=role,
            window_samples=window_samples,
            hop_samples=hop_samples,
            provenance=provenance,
        )
        self._refuse_clash(artifact)
        with atomic.replacing(self.path(artifact)) as partial:
            shutil.copyfile(source, partial)
        self.put(artifact)
        return artifact

    def described(
        self,
        source: Path,
        *,
        name: str | None = None,
        frontend_name: str | None = None,
        role: Role | None = None,
        window_samples: int | None = None,
        hop_samples: int | None = None,
        provenance: str | None = None,
    ) -> Artifact:
        """Returns the artifact that any .tflite file is in this zoo; nothing is written.

        Args:
            name: its name in the zoo; the file name without the ending by default.
            frontend_name: the zoo's artifact that makes its input from audio, if it needs one.
            role: what it takes and gives, where its shapes and metadata do not show that.
            window_samples: audio samples that one inference covers, where its shape does not show
                that.
            hop_samples: audio samples between two inferences; a whole window by default. A stream
                has its own.
            provenance: where the file is from; its file name by default.

        Raises:
            ModelFileError: the file is not a usable model.
            ConfigurationError: the name cannot be a file name, the front-end is unknown, the role
                does not fit its inputs, its window is unknown or another one, or a stream is not
                one or has another hop.
        """
        content = reader.read(source)
        name = source.stem if name is None else name
        check_name(name, str(self.root))
        if role is None:
            role = content.role
            if role is Role.EMBEDDING_PATCH and not (frontend_name or _takes_log_mel(content)):
                role = Role.OTHER
        window = self._window(source, content, role, frontend_name, window_samples)
        hop = None
        if role is Role.EMBEDDING_STREAM:
            hop = _hop_of_stream(source, content, hop_samples)
        return Artifact(
            name=name,
            format=content.format,
            role=role,
            file=f"{name}.{content.format.value}.tflite",
            sha256=sha256_file(source),
            size_bytes=source.stat().st_size,
            inputs=content.inputs,
            outputs=content.outputs,
            parameters=content.parameters,
            macs=content.macs,
            frontend=frontend_name or _frontend_of(role),
            window_samples=window,
            hop_samples=hop.samples if hop else hop_samples or _hop(role, frontend_name, window),
            signatures=tuple(each.key for each in content.signatures),
            calls_to_fill=hop.calls_to_fill if hop else 1,
            partitions=content.partitions,
            float_ops=content.float_ops,
            tools={},
            weights=WeightsOrigin.GIVEN,
            caveats=_caveats(content),
            provenance=provenance or f"added from {source.name}",
        )

    def _window(
        self,
        source: Path,
        content: reader.TfliteFile,
        role: Role,
        frontend_name: str | None,
        asked: int | None,
    ) -> int | None:
        """Returns the samples of audio of one inference; ``None`` of what takes no audio."""
        if frontend_name is not None:
            window = self.of(frontend_name)[0].window_samples
        elif role in (Role.EMBEDDING_WAVEFORM, Role.FRONTEND):
            return _window_of_audio(source, content, role, asked)
        else:
            window = None if role is Role.OTHER else frontend.WINDOW_SAMPLES
        if asked not in (None, window):
            raise ConfigurationError(
                f"{source}: the window of a file with the role {role} is "
                f"{'none' if window is None else f'{window} samples'}, not {asked}",
                hint="leave out the window, or say that it takes audio: --role embedding-waveform",
            )
        return window

    def _refuse_clash(self, artifact: Artifact) -> None:
        manifest = self.manifest(artifact.name, artifact.format)
        if manifest.exists() and config.load(manifest, Artifact).sha256 != artifact.sha256:
            raise ConfigurationError(
                f"{manifest}: another file has the name {artifact.name!r}",
                hint="give this one another --name",
            )


def _window_of_audio(
    source: Path, content: reader.TfliteFile, role: Role, asked: int | None
) -> int:
    shape = content.inputs[0].shape
    if len(content.inputs) != 1 or len(shape) not in (1, 2):
        raise ConfigurationError(
            f"{source}: takes {_shapes(content)}, not a waveform, so it cannot be {role}",
            hint="the role of a file that takes one waveform, [samples] or [1, samples]; "
            "--role other takes no audio",
        )
    if shape[-1] < 0 and asked is None:
        raise ConfigurationError(
            f"{source}: takes {_shapes(content)}, a window of unknown length",
            hint="give it in seconds, such as --window-s 0.975",
        )
    if shape[-1] >= 0 and asked not in (None, shape[-1]):
        raise ConfigurationError(
            f"{source}: the window of this file is {shape[-1]} samples, not {asked}",
            hint="leave out the window: it is in the graph",
        )
    return shape[-1] if asked is None else asked


def _shapes(content: reader.TfliteFile) -> str:
    return ", ".join(str(list(each.shape)) for each in content.inputs)


def _caveats(content: reader.TfliteFile) -> tuple[Caveat, ...]:
    caveats = []
    if content.missing_op is not None:
        caveats.append(Caveat(kind=CaveatKind.MISSING_OPERATOR, evidence=content.missing_op))
    if content.sample_rate_hz not in (None, SAMPLE_RATE_HZ):
        evidence = f"{content.sample_rate_hz:,} Hz by its metadata"
        caveats.append(Caveat(kind=CaveatKind.OTHER_RATE, evidence=evidence))
    return tuple(caveats)


def _takes_log_mel(content: reader.TfliteFile) -> bool:
    return content.inputs[0].shape[1:3] == (frontend.PATCH_FRAMES, frontend.MEL_BINS)


def _hop(role: Role, frontend_name: str | None, window: int | None) -> int | None:
    on_log_mel = frontend_name is None and role is Role.EMBEDDING_PATCH
    return frontend.PATCH_HOP_SAMPLES if on_log_mel else window


def _hop_of_stream(source: Path, content: reader.TfliteFile, asked: int | None) -> stream.Hop:
    hop = stream.hop_of(tuple(each.shape for each in content.inputs))
    if hop is None:
        raise ConfigurationError(
            f"{source}: takes {_shapes(content)}, which are not a stream's inputs",
            hint="those of a stream: audio [1, 160 N], past samples [1, 240], past frames "
            "[1, 96 - N, 64, 1]",
        )
    if asked not in (None, hop.samples):
        raise ConfigurationError(
            f"{source}: the hop of this stream is {hop.samples} samples, not {asked}",
            hint="leave out the hop: it is in the graph",
        )
    return hop


def _frontend_of(role: Role) -> str:
    match role:
        case Role.EMBEDDING_PATCH:
            return LOG_MEL
        case Role.EMBEDDING_WAVEFORM | Role.EMBEDDING_STREAM:
            return IN_GRAPH
        case _:
            return NO_FRONTEND
