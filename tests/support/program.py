"""The program, started as users start it, or its command line within this process."""

import io
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from bench.cli.main import main

COMMAND = (sys.executable, "-P", "-m", "bench")
NO_SERVER = {"ANDROID_ADB_SERVER_PORT": "1"}  # this machine's adb server and its phones stay out


def frill_bench(
    *words: str | Path,
    cwd: Path | None = None,
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
    )
    assert status in (None, done.returncode), done.stderr
    return done


def command_line(
    *words: str | Path, cwd: Path | None = None, status: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Returns what ``frill-bench`` with ``words`` gives, run within this process: much faster.

    Args:
        status: that it must exit with; any by default.
    """
    out, err = io.StringIO(), io.StringIO()
    arguments = [*map(str, words)]
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch.dict(os.environ, NO_SERVER),
        chdir(cwd or Path.cwd()),
    ):
        try:
            code = main(arguments)
        except SystemExit as refused:  # by the parser
            code = refused.code if isinstance(refused.code, int) else 1
    assert status in (None, code), err.getvalue()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
