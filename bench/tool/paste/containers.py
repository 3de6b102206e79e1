"""Logs inside strings: JSON, JSON lines, YAML, and text with its line feeds escaped."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable

from bench.core import config
from bench.tool.paste import forms, shell

_LARGEST_YAML = 300_000  # characters; the reader is slow
_LARGEST_LITERAL = 1_000_000
_PYTHON = re.compile(r"\[\s*b?['\"].*['\"],?\s*\]", re.DOTALL)  # a list of texts
_YAML_STRING = re.compile(
    r"^[ \t]*(?:- )?[\"']?[\w .-]{1,60}[\"']?: *(?:[\"']\S|[|>][+-]?\d?[ \t]*$)", re.MULTILINE
)
_YAML_ALIAS = re.compile(r"(?:^|[\s\[,])[*&][A-Za-z_]|<<\s*:", re.MULTILINE)  # they may multiply
_STREAMS = (
    ("stdout", "stderr"), ("out", "err"), ("output", "error"), ("output", "errors"),
)  # fmt: skip
_COMMANDS = ("command", "cmd", "command_line", "cmdline", "args", "argv", "cli")
_LINE_FEED = re.compile(r"\\+(?:r\\+)?n")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|0?33|[\\\"'/nrtbfe])")
_SIMPLE = {
    "n": "\n", "r": "\r", "t": "\t", "b": "", "f": "\n", "e": "\x1b", "33": "\x1b", "033": "\x1b",
}  # fmt: skip
_OPENING = re.compile(r"^.*?(?:[:=(\[,]\s*|^\s*)b?[\"'](?=[^\"',:]*\\+n)|^.*[:=(\[,]\s*b?[\"']")
_CLOSING = re.compile(r"\n[\"'][\])},;\s]*$")
_DEEPEST = 4  # escapes within escapes
_ENOUGH = 2  # kinds of lines that show that a string is a log


def texts(text: str, depth: int = 0) -> list[str]:
    """Returns the logs that ``text`` holds in strings; ``[text]`` if it is a log itself.

    ``depth`` is the number of strings around it.
    """
    if depth > _DEEPEST:
        return [text]
    for reader in (_json, _json_lines, _python, _yaml):
        if found := _attempt(reader, text):
            return [inner for each in found for inner in _again(each, depth)]
    return ["\n".join(_unescaped(line) for line in text.split("\n"))]


def _attempt(reader: Callable[[str], list[str]], text: str) -> list[str]:
    """Returns the logs that a reader finds; none in what is not a document or is nested deeply."""
    try:
        return reader(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []


def _again(text: str, depth: int) -> list[str]:
    """Returns the logs in a string, which may be a document itself."""
    return texts(text, depth + 1) if text.lstrip()[:1] in ("{", "[") else [_unescaped(text)]


def _json(text: str) -> list[str]:
    start = min((place for mark in "{[" if (place := text.find(mark)) >= 0), default=-1)
    if start < 0 or text[:start].rpartition("\n")[2].strip(" \t`"):
        return []
    end = max(text.rfind("}"), text.rfind("]")) + 1
    return _logs(json.loads(text[start:end], strict=False))


def _json_lines(text: str) -> list[str]:
    values: list[object] = []
    for line in text.split("\n"):
        start = line.find("{")
        if line.strip():
            values.append(json.loads(line[start:], strict=False) if start >= 0 else None)
    return _logs(values) if values and all(isinstance(each, dict) for each in values) else []


def _python(text: str) -> list[str]:
    found = _PYTHON.search(text)
    if len(text) > _LARGEST_LITERAL or found is None:
        return []
    return _logs(ast.literal_eval(found[0]))


def _yaml(text: str) -> list[str]:
    if len(text) > _LARGEST_YAML or not _YAML_STRING.search(text) or _YAML_ALIAS.search(text):
        return []
    return _logs(config.yaml_values(text))


def _logs(value: object) -> list[str]:
    """Returns the logs in a document, in their order."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        return [value] if _is_log(value) else []
    if isinstance(value, dict):
        return _of_mapping(value)
    if isinstance(value, list):
        return _of_list(value)
    return []


def _is_log(text: str) -> bool:
    kinds = forms.variety(text)
    if kinds == 1:
        return "\n" in text or forms.is_whole(forms.message(text).text)
    return kinds >= _ENOUGH or ("benchmark_model " in text and "\n" in text)


def _of_mapping(value: dict[object, object]) -> list[str]:
    if "frill-bench-litert-runner" in value.values() or {"accelerators", "latency"} <= value.keys():
        return [json.dumps(value)]
    command = next((_words(value[name]) for name in _COMMANDS if name in value), "")
    found: list[str] = []
    for one, other in _STREAMS:
        pair = [value.get(one), value.get(other)]
        if all(isinstance(each, str) for each in pair) and _is_log("\n".join(map(str, pair))):
            found = ["\n".join(map(str, pair))]
            value = {key: each for key, each in value.items() if key not in (one, other)}
            break
    for key, each in value.items():
        if key not in _COMMANDS:
            found += _logs(each)
    if shell.is_run(command):
        return [f"$ {command}\n{log}" for log in found]
    return found


def _words(value: object) -> str:
    words = value if isinstance(value, list) else [value]
    return " ".join(str(word) for word in words).replace("\n", " ")


def _of_list(value: list[object]) -> list[str]:
    """Returns the logs in a list: its items may be the lines of one."""
    lines = _as_lines(value)
    if lines is not None:
        return [lines]
    return [log for each in value for log in _logs(each)]


def _as_lines(value: list[object]) -> str | None:
    candidates: list[Iterable[object]] = [value]
    mappings = [each for each in value if isinstance(each, dict)]
    if mappings and len(mappings) == len(value):
        names = dict.fromkeys(name for each in mappings for name in each)
        candidates = [[each.get(name, "") for each in mappings] for name in names]
    best, most = None, 0
    for candidate in candidates:
        items = [_text(item) for item in candidate]
        if not all(isinstance(item, str) and "\n" not in item.strip("\n") for item in items):
            continue
        text = "\n".join(str(item).rstrip("\r\n") for item in items)
        if (kinds := forms.variety(text)) > most:
            best, most = text, kinds
    return best


def _text(value: object) -> object:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _unescaped(line: str) -> str:
    """Returns a line with escaped line feeds as the lines that it holds."""
    for _ in range(_DEEPEST):
        if not _LINE_FEED.search(line) or forms.variety(line) == 0:
            break
        head, feed, rest = _cut(line)
        lines = _ESCAPE.sub(_character, f"{_OPENING.sub('', head)}{feed}{rest}")
        lines = _CLOSING.sub("\n", lines)
        is_log = any(forms.is_whole(forms.message(each).text) for each in lines.split("\n"))
        if forms.variety(line) < _ENOUGH and not is_log:
            break
        line = lines
    return line


def _cut(line: str) -> tuple[str, str, str]:
    found = _LINE_FEED.search(line)
    if found is None:
        return line, "", ""
    return line[: found.start()], found[0], line[found.end() :]


def _character(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] in "ux":
        return chr(int(escape[1:], 16))
    return _SIMPLE.get(escape, escape)
