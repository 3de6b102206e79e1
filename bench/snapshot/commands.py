"""The commands whose output a snapshot holds: one table for those who take it and replay it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bench.adb.state.power_modes import MAKERS_SETTINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command on a phone; ``commands/NAME.txt`` has its stdout and stderr.

    Args:
        asks: a line for the phone's shell; it changes nothing on the phone.
        what: what its output shows, in words for the user.
    """

    asks: str
    what: str


# Those that we read or change.
SETTINGS = (
    "global/animator_duration_scale",
    "global/low_power",
    "global/stay_on_while_plugged_in",
    "global/transition_animation_scale",
    "global/window_animation_scale",
    "system/screen_brightness",
    "system/screen_brightness_mode",
    "system/screen_off_timeout",
    *(setting.replace(" ", "/") for setting in MAKERS_SETTINGS),
)
# Programs that we start; a phone need not have all of them.
PROGRAMS = (
    *("cat", "chmod", "cmd", "dd", "dumpsys", "find", "getconf", "getprop", "grep", "input"),
    *("kill", "md5sum", "mkdir", "mv", "pgrep", "pkill", "rm", "settaskprofile", "settings"),
    *("sha1sum", "sha256sum", "sleep", "stat", "svc", "taskset", "toybox"),
)
_NAMES = " ".join(key.replace("/", ".") for key in SETTINGS)
_ALL_SETTINGS = (
    f"for k in {_NAMES}; do "
    'echo "${k%%.*}/${k#*.}=$(settings get ${k%%.*} ${k#*.} 2>&1)"; done'
)
# Writes the value that a setting has, which is a number: to set one that is unset would change it.
_SAME_SETTING = (
    "for k in system.screen_off_timeout global.window_animation_scale; do "
    "v=$(settings get ${k%%.*} ${k#*.} 2>/dev/null); case $v in ''|*[!0-9.]*) ;; "
    "*) settings put ${k%%.*} ${k#*.} $v; exit;; esac; done"
)

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "getprop": Command(asks="getprop", what="model, chip, Android version"),
        "dumpsys-battery": Command(asks="dumpsys battery", what="level, charging, temperature"),
        "dumpsys-thermalservice": Command(
            asks="dumpsys thermalservice", what="thermal status, temperatures and their limits"
        ),
        "dumpsys-power": Command(asks="dumpsys power", what="whether the screen is on"),
        "dumpsys-powerstats": Command(asks="dumpsys powerstats", what="energy by power rail"),
        "settings": Command(asks=_ALL_SETTINGS, what="the settings that the program changes"),
        "settings-put": Command(
            asks=_SAME_SETTING, what="whether settings can be written (its own value was written)"
        ),
        "input-keyevent": Command(
            asks="input keyevent 0", what="whether keys can be sent (one without a meaning was)"
        ),
        "cmd-connectivity-airplane-mode": Command(
            asks="cmd connectivity airplane-mode", what="whether airplane mode is on"
        ),
        "cmd-fixed-performance": Command(
            asks="cmd power help", what="whether Android has its mode of fixed performance"
        ),
        "settaskprofile": Command(
            asks="settaskprofile $$ MaxPerformance",
            what="whether a command can get the clocks of an app in front",
        ),
        "toybox": Command(asks="toybox", what="the commands that the phone has"),
        "command-v": Command(
            asks=f"for c in {' '.join(PROGRAMS)}; do command -v $c || echo $c: not found; done",
            what="where the commands are that the program uses",
        ),
        "taskset-help": Command(asks="taskset --help", what="how a command is pinned to cores"),
        "pkill-help": Command(asks="pkill --help", what="how a program is ended"),
        "getconf-page-size": Command(asks="getconf PAGE_SIZE", what="the size of a memory page"),
        "stat-f": Command(asks="stat -f -c '%a %S' /data/local/tmp", what="free space"),
        "mount": Command(asks="mount", what="how the folders are mounted that hold programs"),
        "uname": Command(asks="uname -srm", what="the kernel"),
        "id": Command(asks="id", what="the rights of adb's shell"),
    }
)


def settings_of(text: str) -> dict[str, str]:
    """Returns the settings in the text of ``settings``: ``global/low_power`` to what it printed.

    What it printed may have several lines, for example an exception.
    """
    settings: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key in SETTINGS:
            last, settings[key] = key, value
        elif last:
            settings[last] += f"\n{line}"
    return settings
