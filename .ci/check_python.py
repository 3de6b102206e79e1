"""Says in one sentence why the demo cannot be set up here; make runs it before any installing.

It runs on any Python 3, so that an old one gives this sentence and not a syntax error.
"""

import importlib.util
import sys

OLDEST = (3, 11)
NEWEST = (3, 13)  # TensorFlow 2.21 has wheels for 3.10 to 3.13


def complaint(version: "tuple[int, int]", have_venv: bool) -> str:
    """Returns what is wrong with this Python, in one sentence, or an empty text."""
    running = f"{version[0]}.{version[1]}"
    if version < OLDEST:
        return f"frill-bench needs Python 3.11 or newer, this is {running}: make PYTHON=python3.12"
    if version > NEWEST:
        return f"TensorFlow has no wheel for Python {running} yet: make PYTHON=python3.13"
    if not have_venv:
        return (
            f"Python {running} lacks its venv module: apt-get install python{running}-venv "
            "(Debian, Ubuntu), then run make again"
        )
    return ""


def main() -> None:
    """Exits with status 2 and the sentence, if there is one."""
    have_venv = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
    problem = complaint((sys.version_info[0], sys.version_info[1]), have_venv)
    if problem:
        sys.stderr.write(problem + "\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
