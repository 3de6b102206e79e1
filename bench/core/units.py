"""Formats numbers for display (durations, sizes, shares, ratios), and text from outside."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

GAP = "–"

# Signs of our own texts and drawings, for a terminal that shows ASCII only.
_IN_ASCII = str.maketrans("★µμ·–−×\u202f│┤└─┬°█", "*uu.--x |++-+o=")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what begins one in a spreadsheet

# What XML 1.0 forbids, other controls, lone surrogates, and what turns the direction of writing.
_INVISIBLE = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
# Lines of a log that GitHub, Azure and TeamCity carry out instead of showing them.
_CI_COMMAND = re.compile(
    r"::(?=(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher"
    r"|save-state|set-env|set-output|stop-commands|warning)\b)|(?<=#)#(?=\w*\\?\[)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The unit of a column.

    Args:
        unit: its symbol.
        per: number of base units (us, bytes, ...) in one.
    """

    unit: str
    per: float

    def number(self, value: float | None) -> str:
        """Returns ``value``, given in base units, without the unit; a dash if it is absent."""
        return GAP if absent(value) else significant(float(value or 0) / self.per)

    def text(self, value: float | None) -> str:
        """Returns ``value``, given in base units, with the unit."""
        return GAP if absent(value) else f"{self.number(value)} {self.unit}"


_DURATIONS = (Scale(unit="µs", per=1), Scale(unit="ms", per=1e3), Scale(unit="s", per=1e6))
_COUNTS = (Scale(unit="", per=1), Scale(unit="k", per=1e3), Scale(unit="M", per=1e6))
_SIZES = (Scale(unit="B", per=1), Scale(unit="kB", per=1e3), Scale(unit="MB", per=1e6))


def counted(number: int, noun: str) -> str:
    """Returns ``1 file``, ``2 files``, ``2 processes``."""
    return f"{number} {noun}{'' if number == 1 else 'es' if noun.endswith('s') else 's'}"


def absent(value: float | None) -> bool:
    """Returns whether a value is missing: ``None`` or nan."""
    if isinstance(value, float):  # of a class that is quick to recognise
        return math.isnan(value)
    return not isinstance(value, Real) or math.isnan(value)


def significant(value: float, digits: int = 3) -> str:
    """Returns ``value`` with that many significant digits, without exponent, thousands spaced."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}".replace(",", "\u202f")


def duration_scale(values_us: Iterable[float | None]) -> Scale:
    """Returns the scale that suits a whole column of durations in microseconds."""
    return _scale(values_us, _DURATIONS)


def size_scale(values_bytes: Iterable[float | None]) -> Scale:
    """Returns the scale that suits a whole column of sizes in bytes; MB is 1e6 bytes."""
    return _scale(values_bytes, _SIZES)


def count_scale(values: Iterable[float | None]) -> Scale:
    """Returns the scale that suits a whole column of counts: plain, thousands or millions."""
    return _scale(values, _COUNTS)


def duration(value_us: float | None) -> str:
    """Returns a duration on the scale that suits it alone, such as ``175 µs`` or ``1.30 ms``."""
    return duration_scale([value_us]).text(value_us)


def elapsed(seconds: float) -> str:
    """Returns a duration in seconds, such as ``3.2 s``, ``2 min 40 s``, ``1 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(value_bytes: float | None) -> str:
    """Returns a size on the scale that suits it alone, such as ``40.4 MB``."""
    return size_scale([value_bytes]).text(value_bytes)


def clock(khz: float) -> str:
    """Returns a clock, given in kHz, such as ``1171 MHz``."""
    return f"{khz / 1e3:.0f} MHz"


def ratio(value: float | None, digits: int = 3) -> str:
    """Returns a ratio such as ``2.40×``."""
    return GAP if absent(value) else f"{significant(float(value or 0), digits)}×"


def percent(share: float | None) -> str:
    """Returns a share in [0, 1] as a percentage with one decimal, without the sign."""
    return GAP if absent(share) else f"{100 * float(share or 0):.1f}"


def points(difference: float | None) -> str:
    """Returns a difference of two shares in percentage points, signed, with one decimal."""
    if absent(difference):
        return GAP
    text = f"{100 * float(difference or 0):+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def _scale(values: Iterable[float | None], scales: tuple[Scale, ...]) -> Scale:
    # By the median, so that one very large value does not turn a column of small ones into 0.000x.
    present = sorted(float(value) for value in values if value is not None and not absent(value))
    middle = present[len(present) // 2] if present else 0.0
    fitting = [scale for scale in scales if scale.per <= middle]
    return fitting[-1] if fitting else scales[0]


def visible(text: str) -> str:
    r"""Returns text that every document can hold: invisible characters are written ``\x1b``."""
    if text.isascii() and text.isprintable():  # as most are
        return text
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub(lambda match: _escape(ord(match[0])), lines)


def one_line(text: str, *, characters: int = 300) -> str:
    """Returns ``visible`` text in one line of at most ``characters``, cut with an ellipsis."""
    line = " ".join(visible(text).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def printable(text: str) -> str:
    r"""Returns ``visible`` text that neither a terminal nor the log of a CI system carries out.

    The first character of a command such as ``::error::`` or ``##[group]`` is written ``\x3a``.
    """
    return _CI_COMMAND.sub(lambda match: _escape(ord(match[0][0])) + match[0][1:], visible(text))


def ascii_text(text: str) -> str:
    """Returns text in ASCII, for a terminal that shows nothing else; what has no sign is ``?``."""
    return text.translate(_IN_ASCII).encode("ascii", "replace").decode()


def csv_cell(value: object) -> object:
    """Returns a value for a CSV; a text that a spreadsheet would compute gets an apostrophe."""
    if not isinstance(value, str):
        return value
    return f"'{visible(value)}" if value.startswith(_FORMULA) else visible(value)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
