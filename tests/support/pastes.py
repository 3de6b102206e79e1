"""Ways in which people paste a log: each takes the log's text and returns what stands in a page."""

from __future__ import annotations

import html
import json
import quopri
import random
import textwrap
from collections.abc import Callable

import yaml

Wrapping = Callable[[str], str | bytes]


def _clock(place: int) -> str:
    return f"12:{place // 60 % 60:02d}:{place % 60:02d}.{place * 37 % 1000:03d}"


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").split("\n")


def _each(change: Callable[[str, int], str]) -> Callable[[str], str]:
    """Returns a wrapping that changes each line, which is called with its number."""
    return lambda text: "".join(f"{change(line, n)}\n" for n, line in enumerate(_lines(text), 1))


def _before(head: Callable[[int], str] | str) -> Callable[[str], str]:
    """Returns a wrapping that puts the same, or a text made of the line's number, before lines."""
    if isinstance(head, str):
        return _each(lambda line, _: f"{head}{line}")
    return _each(lambda line, place: f"{head(place)}{line}")


def _columns(width: int) -> Callable[[str], str]:
    """Returns the wrapping of a terminal of so many columns."""

    def wrapped(text: str) -> str:
        pieces = (
            line[start : start + width]
            for line in _lines(text)
            for start in range(0, max(len(line), 1), width)
        )
        return "".join(f"{piece}\n" for piece in pieces)

    return wrapped


def _in_yaml(style: str | None) -> Callable[[str], str]:
    return lambda text: str(
        yaml.safe_dump({"run": {"id": 3, "log": text}}, default_style=style)  # type: ignore[call-overload]  # the stubs lack it
    )


def _stream(place: int) -> str:
    return random.Random(place).choice(["stdout", "stderr"])  # noqa: S311 - no secret


# Before each line: CI systems, containers, journals, greps, diffs, mails, loggers.
MARGINS: dict[str, Wrapping] = {
    "GitHub Actions": _before(lambda n: f"2026-01-23T{_clock(n)}4567Z "),
    "gh run view": _before(lambda n: f"bench\tRun benchmark\t2026-01-23T{_clock(n)}4567Z "),
    "GitLab": _before(lambda n: f"2026-01-23T{_clock(n)}456Z 0{n % 2}{'OE'[n % 2]} "),
    "Jenkins": _before(lambda n: f"[2026-01-23T{_clock(n)}Z] "),
    "docker compose": _before("bench-1  | "),
    "kubectl --prefix": _before("[pod/bench-7d9f-x2/runner] "),
    "CRI": _before(lambda n: f"2026-01-23T{_clock(n)}456789Z {_stream(n)} F "),
    "stern": _before("bench-7d9f bench "),
    "journalctl": _before(lambda n: f"Jan 23 {_clock(n)[:8]} rpi4 bench[1234]: "),
    "journalctl -o short-iso": _before(lambda n: f"2026-01-23T{_clock(n)[:8]}+0100 rpi4 b[12]: "),
    "journalctl -o short-full": _before(
        lambda n: f"Fri 2026-01-23 {_clock(n)[:8]} UTC rpi4 b[1]: "
    ),
    "journalctl -o short-monotonic": _before(lambda n: f"[{n + 12345}.{n:06d}] rpi4 b[12]: "),
    "quoted": _before("> "),
    "quoted twice": _before("> > "),
    "indented": _before("    "),
    "a tab": _before("\t"),
    "added": _before("+"),
    "added, with a blank": _before("+ "),
    "removed": _before("-"),
    "cat -n": _before(lambda n: f"{n:6d}\t"),
    "numbered with dots": _before(lambda n: f"{n}. "),
    "numbered with brackets": _before(lambda n: f"{n}) "),
    "numbered with bars": _before(lambda n: f"{n:4d} | "),
    "numbered": _before(lambda n: f"{n:4d}  "),
    "grep -Hn": _before(lambda n: f"out/log.txt:{n}:"),
    "a viewer of code": _before(lambda n: f"L{n}: "),
    "listed": _before("* "),
    "pytest": _before("E       "),
    "Python's logging": _before(lambda n: f"2026-01-23 {_clock(n)} - bench.run - INFO - "),
    "log4j": _before(lambda n: f"{_clock(n)} [main] INFO  c.e.Bench - "),
    "glog": _before(lambda n: f"I0123 {_clock(n)}456 12345 benchmark_model.cc:{n}] "),
    "TensorFlow's logging": _before(lambda n: f"2026-01-23 {_clock(n)}: I tflite/bench.cc:{n}] "),
    "time of day": _before(lambda n: f"[{_clock(n)}] "),
    "ts": _before(lambda n: f"Jan 23 {_clock(n)[:8]} "),
    "seconds since the start": _before(lambda n: f"[+{n * 0.13:7.3f}s] "),
    "ninja": _before(lambda n: f"[{n}/99] "),
    "bazel": _before(lambda n: f"({_clock(n)[:8]}) "),
    "Ansible": _each(lambda line, _: f'ok: [pi] => "{line}"'),
    "a table": _each(lambda line, n: f"| {n} | {line} |"),
    "code spans": _each(lambda line, _: f"`{line}`  "),
    "a box": _each(lambda line, _: f"\u2502 {line:<200} \u2502"),
    "texts of a program": _each(lambda line, _: f'"{line}",'),
}
# Logcat's formats, and Android Studio's columns.
LOGCAT: dict[str, Wrapping] = {
    "threadtime": _before(lambda n: f"01-23 {_clock(n)}  1234  1234 I tflite  : "),
    "time": _before(lambda n: f"01-23 {_clock(n)} I/tflite  ( 1234): "),
    "brief": _before("I/tflite  ( 1234): "),
    "process": _each(lambda line, _: f"I( 1234) {line}  (tflite)"),
    "thread": _before("I( 1234: 1234) "),
    "tag": _before("I/tflite  : "),
    "long": _each(lambda line, n: f"[ 01-23 {_clock(n)}  1234: 1234 I/tflite   ]\n{line}\n"),
    "usec": _before(lambda n: f"01-23 {_clock(n)}123  1234  1234 I tflite  : "),
    "monotonic": _before(lambda n: f"  {100 + n}.{n:03d}  1234  1234 I tflite  : "),
    "uid": _before(lambda n: f"01-23 {_clock(n)} 10123  1234  1234 I tflite  : "),
    "colour": _each(
        lambda line, n: f"\x1b[38;5;40m01-23 {_clock(n)}  1234  1234 I tflite  : {line}\x1b[0m"
    ),
    "Studio": _before(lambda n: f"2026-01-23 {_clock(n)}  1234-1234  tflite     org.lite.b   I  "),
    "Studio, no date": _before(lambda n: f"{_clock(n)}  1234-1234  tflite     org.lite.b   I  "),
    "Studio, no package": _before(lambda n: f"{_clock(n)}  1234-1234  tflite  I  "),
    "Studio, compact": _before(lambda n: f"{_clock(n)}  I  "),
    "Studio until 2022": _before(lambda n: f"2026-01-23 {_clock(n)} 1234-1234/org.b I/tflite: "),
    "threadtime in 80 columns": lambda text: _columns(80)(
        _each(lambda line, n: f"01-23 {_clock(n)}  1234  1234 I tflite  : {line}")(text)
    ),
}
# Strings of documents, and pages.
CONTAINERS: dict[str, Wrapping] = {
    "JSON": lambda text: json.dumps({"id": 3, "result": {"log": text, "status": "ended"}}),
    "indented JSON": lambda text: json.dumps({"result": {"log": text}}, indent=2),
    "a list of lines": lambda text: json.dumps({"lines": text.split("\n")}, indent=1),
    "JSON in JSON": lambda text: json.dumps({"a": json.dumps({"log": text})}),
    "docker's JSON lines": _each(
        lambda line, _: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-01"})
    ),
    "journald's JSON lines": _each(lambda line, _: json.dumps({"MESSAGE": line, "_PID": "12"})),
    "a list of records": lambda text: json.dumps(
        [{"ts": n, "message": line} for n, line in enumerate(_lines(text))]
    ),
    "JSON, cut off": lambda text: f'{{"x": 1, "out": {json.dumps(text)[:-1]}\\n", "trunc',
    "repr": lambda text: f"stdout = {text!r}\n",
    "repr of bytes": lambda text: f"CompletedProcess(args=[], stdout={text.encode()!r})\n",
    "repr of a list": lambda text: repr(_lines(text)),
    "YAML, literal": lambda text: "run:\n  id: 3\n  log: |\n" + textwrap.indent(text, "    "),
    "YAML": _in_yaml(None),
    "YAML, quoted": _in_yaml('"'),
    "YAML, quoted once": _in_yaml("'"),
    "YAML, folded": _in_yaml(">"),
    "a tracker": lambda text: f"{{noformat:title=a log}}\n{text}{{noformat}}\n",
    "a forum": lambda text: f"[CODE]{text.rstrip()}[/CODE]\n",
    "a forum's quote": lambda text: f"[quote=me][code=sh]{text.rstrip()}[/code][/quote]",
    "CDATA": lambda text: f"<testcase><system-out><![CDATA[{text}]]></system-out></testcase>",
    "a cell of a CSV": lambda text: 'id,log\n3,"' + text.replace('"', '""') + '"\n',
    "TOML": lambda text: f'[run]\nlog = """\n{text}"""\n',
    "a fence": lambda text: f"Here is my log:\n\n```text\n{text}```\n\nThanks!\n",
    "details": lambda text: f"<details><summary>log</summary>\n\n```\n{text}```\n</details>\n",
    "<pre>": lambda text: f"<html><body><pre>{html.escape(text)}</pre></body></html>",
    "<br>": lambda text: f"<p>{'<br>'.join(map(html.escape, _lines(text)))}</p>",
    "<div>": lambda text: "".join(
        f'<div class="l"><span style="color:#fff">{html.escape(line)}</span></div>'
        for line in _lines(text)
    ),
    "<td>": lambda text: "".join(
        f"<tr><td>{n}</td><td>{html.escape(line)}</td></tr>" for n, line in enumerate(_lines(text))
    ),
    "entities": lambda text: html.escape(text).replace(" ", "&nbsp;"),
    "entities of entities": lambda text: html.escape(html.escape(text)),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()),
}
# Characters, ends of lines, copies, terminals and prompts.
TERMINALS: dict[str, Wrapping] = {
    "CR LF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, no mark": lambda text: text.encode("utf-16-be"),
    "no-break spaces": lambda text: text.replace(" ", "\xa0"),
    "narrow spaces": lambda text: text.replace(" ", "\u202f"),
    "zero width": lambda text: text.replace(" ", " \u200b").replace("=", "=\u2060"),
    "colours": _each(lambda line, _: f"\x1b[32m{line}\x1b[0m"),
    "colours in writing": _each(lambda line, _: f"\\033[1;32m{line}^[[0m"),
    "colours without ESC": _each(lambda line, _: f"[32m{line}[0m"),
    "each line twice": _each(lambda line, _: f"{line}\n{line}"),
    "all twice": lambda text: text + text,
    "tabs for blanks": lambda text: text.replace(" ", "\t"),
    "two blanks for one": lambda text: text.replace(" ", "  "),
    "ends of two kinds": lambda text: "".join(
        f"{line}{chr(13) * (n % 3)}\n" for n, line in enumerate(_lines(text))
    ),
    "a terminal's record": lambda text: (
        f'Script started on 2026-01-23 10:00:00+00:00 [COLUMNS="200"]\n\x1b[?2004h$ '
        f"./benchmark_model --graph=m.tflite\n\x1b[?2004l{text}\nScript done on 2026-01-23\n"
    ),
    "fish": lambda text: f"me@box ~/t> ./benchmark_model --graph=m\n{text}me@box ~/t>\n",
    "time": lambda text: (
        f"$ time ./benchmark_model --graph=m\n{text}\nreal\t0m3.1s\nuser\t0m2.9s\n"
    ),
    "empty lines between": lambda text: text.replace("\n", "\n\n"),
    "blanks at the ends": lambda text: text.replace("\n", "   \n"),
    "80 columns": _columns(80),
    "100 columns": _columns(100),
    "132 columns": _columns(132),
    "80 columns, quoted": lambda text: _each(lambda line, _: f"> {line}")(_columns(80)(text)),
    "80 columns, indented": lambda text: _each(lambda line, _: f"    {line}")(_columns(80)(text)),
    "sh": lambda text: f"$ ./benchmark_model --graph=m.tflite\n{text}$ \n",
    "root": lambda text: f"# ./benchmark_model --graph=m.tflite\n{text}# \n",
    "root of a board": lambda text: (
        f"root@am62:/# ./benchmark_model --graph=m\n{text}root@am62:/# \n"
    ),
    "adb shell": lambda text: f"oriole:/data/local/tmp $ ./benchmark_model --graph=m\n{text}",
    "cmd": lambda text: (
        f"C:\\t>adb shell /data/local/tmp/benchmark_model --graph=m\n{text}C:\\t>\n"
    ),
    "PowerShell": lambda text: (
        f"PS C:\\t> adb shell /t/benchmark_model --graph=m\n{text}PS C:\\t> \n"
    ),
    "a notebook": lambda text: f">>> !./benchmark_model --graph=m.tflite\n{text}>>> \n",
}
WRAPPINGS = {**MARGINS, **LOGCAT, **CONTAINERS, **TERMINALS}
