"""The program, started as users start it."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = (sys.executable, "-P", "-m", "bench")
NO_SERVER = {"ANDROID_ADB_SERVER_PORT": "1"}  # this machine's adb server and its phones stay out


def frill_bench(
    *words: str | Path,
    cwd: Path | None = None,
    limit_s: float = 120,
    status: int | None = None,
    **environ: str,
) -> subprocess.CompletedProcess[str]:
    """Returns ``frill-bench`` with ``words`` once it has ended.

    Args:
        status: that it must exit with; any by default.
        environ: what its environment has besides ours.
    """
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env={**os.environ, **NO_SERVER, **environ},
        capture_output=True,
        text=True,
        timeout=limit_s,
    )
    assert status in (None, done.returncode), done.stderr
    return done
