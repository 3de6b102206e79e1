import subprocess
import sys
from pathlib import Path

import pytest
from support.program import COMMAND

from bench.core.errors import ConfigurationError
from bench.core.system.lock import locked

HOLD = "import sys; from pathlib import Path; from bench.core.system.lock import locked\n"
HOLD += "with locked(Path(sys.argv[1]), ValueError): print('held', flush=True); input()"


def test_a_lock_is_held_against_others_and_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        held = f"process {holder.pid}"
        with pytest.raises(ConfigurationError, match=held), locked(path, ConfigurationError):
            pass
        holder.kill()
    with locked(path, ConfigurationError):
        pass


def test_a_second_demo_in_one_folder_is_refused_before_it_touches_anything(tmp_path: Path) -> None:
    with locked(tmp_path / ".lock", ConfigurationError):
        done = subprocess.run(
            [*COMMAND, "demo", "--out", str(tmp_path)], capture_output=True, text=True
        )
    assert done.returncode == 2, done.stderr
    assert "is running a demo there" in done.stderr
    assert "--out" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
