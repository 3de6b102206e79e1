"""How long a student takes on the default tasks; interrupted; two programs at once."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from support.patience import wait_until
from support.program import frill_bench
from support.scoring import STUDENT, Scored, begin_score, end_score, new_cache, score
from support.tables import write_table

from models.audio.tasks import task_set

pytestmark = [
    pytest.mark.evidence,
    pytest.mark.audio,
    pytest.mark.zoo,
    pytest.mark.timeout(3_600),
]

MOST_COLD_S, MOST_WARM_S = 90.0, 5.0
# CPU seconds of the version before, which had one process, and the vectors of a task set in a file.
BEFORE = (("nothing but the packages", 46.6), ("embeddings", 8.7), ("embeddings and scores", 1.5))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speed") / "zoo"
    frill_bench("convert", STUDENT, "--formats", "float32", "--zoo", folder, status=0)
    return folder


@pytest.fixture(scope="module")
def cold(zoo: Path, audio_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    return score(zoo, new_cache(tmp_path_factory.mktemp("cold") / "cache", audio_root))


def test_a_student_takes_under_90_s_cold_and_under_5_s_warm(
    zoo: Path, audio_root: Path, tmp_path: Path
) -> None:
    others, *_ = os.getloadavg()
    cache, clips = new_cache(tmp_path / "cache", audio_root), len(task_set("default").paths())
    cold, warm = score(zoo, cache), score(zoo, cache)
    shutil.rmtree(cache / "scores")
    embedded = score(zoo, cache)
    one_core = score(zoo, new_cache(tmp_path / "one", audio_root), cores=1)
    assert cold.scores == warm.scores == embedded.scores == one_core.scores
    assert cold.embedded["clips"] == one_core.embedded["clips"] == clips
    assert warm.embedded["clips"] == embedded.embedded["clips"] == 0
    size_mb = {
        name: sum(path.stat().st_size for path in (cache / name).rglob("*.rows")) / 1e6
        for name in ("embeddings", "frames")
    }
    rows = [
        *([f"{what}, before", "", f"{cpu_s:.1f}", ""] for what, cpu_s in BEFORE),
        *(
            [what, f"{found.wall_s:.1f}", f"{found.cpu_s:.1f}", speed]
            for what, found, speed in (
                ("nothing but the packages", cold, f"{cold.audio_hours_per_minute:.1f}"),
                ("the same on one core", one_core, f"{one_core.audio_hours_per_minute:.1f}"),
                ("embeddings", embedded, ""),
                ("embeddings and scores", warm, ""),
            )
        ),
    ]
    write_table(
        "scoring-speed",
        f"`score {STUDENT} --task-set default`, the whole command: one float32 file of 1,024 "
        f"numbers on {clips:,} clips ({cold.embedded['audio_s'] / 3600:.2f} hours), "
        f"{os.cpu_count()} cores, on average {others:.1f} other processes running. Its scores are "
        f"the same in all rows. It keeps {size_mb['embeddings']:.0f} MB of vectors, the floor's "
        f"among them, and for all models {size_mb['frames']:.0f} MB of log-mel frames "
        "(`make evidence`).",
        ["kept from before", "seconds", "CPU seconds", "audio-hours embedded a minute"],
        rows,
    )  # fmt: skip
    assert cold.wall_s < MOST_COLD_S
    assert warm.wall_s < MOST_WARM_S


def test_ctrl_c_keeps_what_was_embedded_and_leaves_no_half_file(
    zoo: Path, audio_root: Path, cold: Scored, tmp_path: Path
) -> None:
    cache = new_cache(tmp_path / "cache", audio_root)
    program = begin_score(zoo, cache)

    def kept() -> int:
        return sum("log-mel" not in str(path) for path in (cache / "embeddings").rglob("*.rows"))

    wait_until(lambda: kept() > 20)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate()
    assert program.returncode == 130
    assert "Traceback" not in err
    files = [path for path in cache.rglob("*") if path.is_file() and "audio" not in path.parts]
    assert not [path for path in files if path.name.startswith(".")]
    again = score(zoo, cache)
    assert again.scores == cold.scores
    assert again.embedded["clips"] <= cold.embedded["clips"] - 20 * 64


def test_two_programs_on_one_cache_agree(
    zoo: Path, audio_root: Path, cold: Scored, tmp_path: Path
) -> None:
    cache = new_cache(tmp_path / "cache", audio_root)
    programs = [begin_score(zoo, cache) for _ in range(2)]
    assert [end_score(each)["scores"] for each in programs] == [cold.scores] * 2
    assert score(zoo, cache).embedded["clips"] == 0
