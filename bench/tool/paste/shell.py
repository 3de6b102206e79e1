"""Prompts of shells, and the commands after them."""

from __future__ import annotations

import re

_PROMPTS = tuple(
    re.compile(pattern)
    for pattern in (
        # user@host:path$, with a virtual environment or an exit status before it
        r"(?:\([\w. -]+\) ?)?(?:\d{1,3}\|)?[\w.-]+@[\w.-]+(?:[: ][^$#>%\n]{0,200}?)? ?[$#%>]"
        r"(?: |$)",
        r"(?:\([\w. -]+\) ?)?\[[\w.-]+@[\w.-]+ [^\]\n]*\] ?[$#%](?: |$)",
        # a path, as Android's shell and Termux show it
        r"(?:\([\w. -]+\) ?)?(?:\d{1,3}\|)?[\w.-]*:?[~/][\w./~+-]* ?[$#%](?: |$)",
        r"[\w.-]+ [~/][\w./~-]* ?[$#%](?: |$)",
        r"(?:\([\w. -]+\) ?)?(?:PS )?[A-Z]:\\[^<>\n]*>",
        r"PS [~/][^<>\n]*>(?: |$)",
        r"(?:ba|z|da|k|mk|a|fi)?sh(?:-[\d.]+)?[$#%>](?: |$)",
        r"(?:\([\w. -]+\) ?)?(?:[\u276f\u279c\u00bb\u03bb]|\$|%)(?: +|$)"
        r"(?:\S+ git:\(\S*\) (?:\u2717 )?)?",
        r">>> ?!?|In \[\d+\]: ?!?|!(?=[./\w])|%%(?:bash|sh)\b",
        r"\++ (?=\S)",  # `set -x`
        r"# (?=\S)",
    )
)
_ROOT = _PROMPTS[-1]
_WINDOWS = re.compile(r"(?:PS )?[A-Z]:\\")
_FLAG = r"--\w[\w-]*"
_PROGRAM = re.compile(
    r"(?:^|(?<=[\s/\\\"'`;&|(:!]))(?P<program>[\w.+-]*benchmark_model[\w.+-]*|label_image|run_model"
    r"|litert-benchmark|[\w.]*benchmark_litert_model[\w.]*|run_eval"
    r"|onnxruntime_perf_test|benchncnn|trtexec|executor_runner)(?=[\"'`\s\\^]|$)"
)
_ACTIVITY = re.compile(r"\bam start\b.*Benchmark\w*Activity")
# With one of these as a word before it, the program is handled and not run.
_HANDLING = re.compile(
    r"(?:^|[\s;&|(])(?:cp|mv|push|pull|chmod|ls|ll|scp|rsync|wget|curl"
    r"|(?:bazel|bazelisk) build|cmake|make|ninja|cd|rm|file|cat|echo|printf|strip|git|find|which"
    r"|md5sum|sha256sum|readelf|ldd|nm"
    r"|install|mkdir|ln|tar|unzip|vi|vim|nano|less|grep|man)\s(?![^;&|]*[;&|])"
)
_CONTINUED = re.compile(r"\s*[\\^`]$")
_HALF = re.compile(
    r"\s--[\w-]*$|\s--[\w-]+=$|\s--(?:use|enable|require)_\w+=(?:t|tr|tru|f|fa|fal|fals)$"
)
_FIRST_FLAGS = re.compile(rf"\s+(?:--\s+)?['\"]?{_FLAG}|\s*[\\^`]$")
_CUT = re.compile(rf"\S*(?: {_FLAG}=\S+)+$")
_FLAGS = re.compile(rf"({_FLAG}=(?:\"[^\"]*\"|'[^']*'|[^\s\"'`;&|]+)+)")


def split_prompt(line: str) -> tuple[str, str] | None:
    """Returns prompt and command of a line with a prompt; ``None`` if it has none."""
    text = line.strip()
    for pattern in _PROMPTS:
        if found := pattern.match(text):
            command = text[found.end() :].strip()
            if pattern is _ROOT and not is_run(command):
                return None  # a comment
            return found[0], command
    return None


def is_run(command: str) -> bool:
    """Returns whether a command runs a benchmark program, or one that is taken for one."""
    return program(command) is not None


def program(command: str) -> str | None:
    """Returns the name of the program that a command runs; ``None`` for any other command."""
    if _ACTIVITY.search(command):
        return "am start"
    for found in _PROGRAM.finditer(command):
        before = command[: found.start()]
        if not _HANDLING.search(f" {before} "):
            return found["program"]
    return None


def is_bare_run(line: str) -> bool:
    """Returns whether a line without a prompt is such a command: its flags follow at once."""
    text = line.strip()
    if _ACTIVITY.search(text):
        return True
    found = _PROGRAM.search(text)
    if found is None or program(text) is None:
        return False
    return bool(_FIRST_FLAGS.match(text[found.end() :].lstrip("\"'`")))


def is_rest(line: str) -> bool:
    """Returns whether a line is the rest of a command whose beginning was cut off."""
    return bool(_CUT.fullmatch(line.strip()))


def is_continued(command: str) -> bool:
    """Returns whether the next line belongs to the command."""
    return bool(_CONTINUED.search(command))


def is_cut(command: str) -> bool:
    """Returns whether a command ends inside a flag."""
    return bool(_HALF.search(command))


def join(command: str, rest: str) -> str:
    """Returns a command of two lines as one."""
    if is_cut(command):
        return command + rest.strip()
    return f"{_CONTINUED.sub('', command)} {rest.strip()}".strip()


def flags(command: str) -> list[str]:
    """Returns the words ``--name=value`` of a command."""
    return _FLAGS.findall(command)
