"""The settings that are changed on a phone while it is measured, and restored afterwards.

Their values are written to this machine before anything is changed. So they are restored also after
a crash or a pulled cable: at the next contact with that phone, whatever way it is reached.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.adb.batch import Answer, ask_all
from bench.adb.lock import locked
from bench.adb.phone import Phone
from bench.core import config
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError
from bench.core.paths import state_dir

FIXED_PERFORMANCE = "fixed-performance"
AWAY_S = 10.0  # how long a phone that is away at the end is waited for
_READS, _READ_S = 3, 0.2  # a change may take a moment to be seen
_UNSET = "null"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """What is to be changed on a phone; window animations always end.

    Args:
        screen: keep it awake, dim, and at one brightness.
        fixed_performance: hold the clocks at a level that the phone can sustain.
        airplane: airplane mode, so that nothing comes in.
    """

    screen: bool = True
    fixed_performance: bool = False
    airplane: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSettings:
    """The settings that a phone is measured with.

    Args:
        changed: name to value, of those that were changed, as read back.
        refused: name to the phone's own words, of those that it did not let us change.
    """

    changed: Mapping[str, str]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The settings that were restored on a phone.

    Args:
        refused: name to the phone's own words, of those that it did not let us restore.
    """

    names: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        done = f"restored: {', '.join(self.names)}" if self.names else ""
        not_done = "; ".join(f"{name}: {words}" for name, words in self.refused.items())
        failed = f"could not be restored, and is tried again next time: {not_done}"
        return "; ".join(filter(None, (done, failed if not_done else "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """A setting of a phone.

    Args:
        ours: the value while we measure.
        get: prints its value; empty where phones do not tell it, then it is assumed to be
            ``before``.
        put: sets it to ``{}``.
        unset: makes it as if it had never been set.
    """

    ours: str
    get: str
    put: str
    unset: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    """What is to be restored on a phone: name to value; ``None`` where nothing was set."""

    serial: str
    found: dict[str, str | None]


def _stored_setting(key: str, ours: str) -> _Setting:
    return _Setting(
        ours=ours,
        get=f"settings get {key}",
        put=f"settings put {key} {{}}",
        unset=f"settings delete {key}",
    )


# In the order in which they are set; they are restored in the opposite one.
_SCREEN = {
    "screen": _Setting(
        ours="WAKEUP",
        get="said=$(dumpsys power | grep -m1 mWakefulness=); case $said in *=Awake) echo WAKEUP;; "
        '*=*) echo SLEEP;; *) echo "$said"; exit 1;; esac',
        put="input keyevent {}",
    ),
    "stay-awake": _stored_setting(
        "global stay_on_while_plugged_in", "7"
    ),  # on AC, USB and wireless
    "screen-time-out": _stored_setting("system screen_off_timeout", "86400000"),
    "brightness-mode": _stored_setting("system screen_brightness_mode", "0"),
    "brightness": _stored_setting("system screen_brightness", "10"),
}
_ANIMATIONS = {
    "window-animation": _stored_setting("global window_animation_scale", "0"),
    "transition-animation": _stored_setting("global transition_animation_scale", "0"),
    "animator-duration": _stored_setting("global animator_duration_scale", "0"),
}
_AIRPLANE = {
    "airplane-mode": _Setting(
        ours="enable",
        get="said=$(cmd connectivity airplane-mode 2>&1); case $said in enabled|disabled) "
        'echo ${said%d};; *) echo "$said"; exit 1;; esac',
        put="cmd connectivity airplane-mode {}",
    )
}
_FIXED = {
    FIXED_PERFORMANCE: _Setting(
        ours="true", get="", put="cmd power set-fixed-performance-mode-enabled {}", before="false"
    )
}
_SETTINGS = {**_SCREEN, **_ANIMATIONS, **_AIRPLANE, **_FIXED}


@contextmanager
def changed_settings(
    phone: Phone,
    asked: DeviceSettings,
    *,
    serial: str,
    again: Callable[[Callable[[], ChangedSettings]], ChangedSettings] = lambda act: act(),
    on_message: Callable[[str], None] = lambda message: None,
    away_s: float = AWAY_S,
    folder: Path | None = None,
) -> Iterator[ChangedSettings]:
    """Changes settings, yields what was changed, and restores them, however it ends.

    What an earlier run could not restore is restored first, so that our own values are never taken
    for the user's.

    Args:
        serial: the phone's own.
        again: does it again when a phone that was lost meanwhile is back.
        on_message: gets what was restored late or not at all.
        away_s: how long a phone that is away at the end is waited for.
        folder: where it is remembered what to restore.

    Raises:
        ConfigurationError: what an earlier run remembered cannot be read.
        DeviceError: fixed performance is asked for and the phone refuses it.
        TransientDeviceError: the phone went away, or somebody else measures on it.
    """
    folder = folder or _memory()
    path = _file(folder, serial)

    def change() -> ChangedSettings:
        restored = _restore(phone, serial, path)
        if str(restored):
            on_message(f"an earlier run was cut off: {restored}")
        return _change(phone, serial, _settings_of(asked), path)

    with locked(serial, folder):
        try:
            yield again(change)
        finally:
            _leave(phone, serial, path, on_message, away_s)


def restore_settings(phone: Phone, *, folder: Path | None = None) -> Restored:
    """Restores what an earlier run, which was cut off, had changed, and returns it.

    Raises:
        ConfigurationError: what it remembered cannot be read.
        TransientDeviceError: the phone went away, or is being measured.
    """
    folder = folder or _memory()
    if not any(folder.glob("*.json")):
        return Restored()
    serial = own_serial(phone)
    with locked(serial, folder):
        return _restore(phone, serial, _file(folder, serial))


def wake(phone: Phone) -> str:
    """Returns the phone's own words if its screen stays dark; nothing if it is awake again.

    Raises:
        TransientDeviceError: it went away.
    """
    return _set(phone, {"screen": _SCREEN["screen"].ours}).get("screen", "")


def own_serial(phone: Phone) -> str:
    """Returns the phone's own serial, by which it is one phone on USB and on the network.

    adb's where the phone hides its own.
    """
    words = phone.ask("getprop ro.serialno; getprop ro.boot.serialno").split()
    return next((word for word in words if word != "unknown"), phone.serial)


def _memory() -> Path:
    return state_dir() / "restores"


def _file(folder: Path, serial: str) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', serial)}.json"


def _settings_of(asked: DeviceSettings) -> dict[str, _Setting]:
    return {
        **(_SCREEN if asked.screen else {}),
        **_ANIMATIONS,
        **(_AIRPLANE if asked.airplane else {}),
        **(_FIXED if asked.fixed_performance else {}),
    }


def _change(
    phone: Phone, serial: str, settings: Mapping[str, _Setting], path: Path
) -> ChangedSettings:
    before, refused = _read(phone, settings)
    # What an earlier run could not restore reads as it left it: what it found still counts.
    found = {**before, **_remembered(path, serial).found}
    _remember(path, serial, found)
    wanted: dict[str, str | None] = {name: settings[name].ours for name in before}
    wrong = _set(phone, wanted)
    refused |= wrong
    if FIXED_PERFORMANCE in refused:
        # No phone tells whether it is on, so nothing else shows that it needs not be restored.
        _remember(path, serial, {key: found[key] for key in found if key != FIXED_PERFORMANCE})
        raise DeviceError(
            f"{phone.serial}: it refuses fixed performance: {refused[FIXED_PERFORMANCE]}",
            hint="leave out --fixed-performance",
            serial=phone.serial,
        )
    return ChangedSettings(
        changed={name: settings[name].ours for name in before if name not in wrong}, refused=refused
    )


def _restore(phone: Phone, serial: str, path: Path) -> Restored:
    """Restores what is remembered, and forgets it."""
    found = _remembered(path, serial).found
    if not found:
        path.unlink(missing_ok=True)
        return Restored()
    now, _ = _read(phone, {name: _SETTINGS[name] for name in found if _SETTINGS[name].get})
    changed = [name for name in found if name not in now or now[name] != found[name]]
    back = {name: found[name] for name in reversed(_SETTINGS) if name in changed}
    wrong = _set(phone, back)
    _remember(path, serial, {name: found[name] for name in wrong})
    return Restored(names=tuple(name for name in back if name not in wrong), refused=wrong)


def _leave(
    phone: Phone, serial: str, path: Path, on_message: Callable[[str], None], away_s: float
) -> None:
    """Restores all at the end; where that fails it stays remembered."""
    calm = Phone(phone.transport, folder=phone.folder)  # Ctrl-C has done its part
    deadline_s = time.monotonic() + away_s
    while path.exists():
        try:
            calm.wait(max(deadline_s - time.monotonic(), 0.0))
            restored = _restore(calm, serial, path)
        except TransientDeviceError as error:
            if time.monotonic() < deadline_s:
                continue
            why = error.message
        except DeviceError as error:
            why = error.message
        else:
            if restored.refused:
                on_message(str(restored))
            return
        on_message(f"what was changed on it will be restored at the next contact: {why}")
        return


def _set(phone: Phone, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Changes settings; returns the phone's own words for those that are not as wanted then."""
    settings = {name: _SETTINGS[name] for name in wanted}
    given = _ask(phone, {name: _command(settings[name], value) for name, value in wanted.items()})
    hidden = [name for name, setting in settings.items() if not setting.get]
    wrong = {name: _words(given[name]) for name in hidden if given[name].exit_status != 0}
    readable = {name: setting for name, setting in settings.items() if setting.get}
    for attempt in range(_READS):
        time.sleep(attempt * _READ_S)
        now, unreadable = _read(phone, readable)
        off = [name for name in readable if name in unreadable or now[name] != wanted[name]]
        if not off:
            break
    else:
        for name in off:
            words = unreadable.get(name) or _words(given[name])
            wrong[name] = words or f"it stays {now.get(name)} instead of {wanted[name]}"
    return wrong


def _read(
    phone: Phone, settings: Mapping[str, _Setting]
) -> tuple[dict[str, str | None], dict[str, str]]:
    """Returns the values now, and the phone's own words where it does not tell one."""
    values: dict[str, str | None] = {}
    unreadable: dict[str, str] = {}
    given = _ask(phone, {name: setting.get for name, setting in settings.items() if setting.get})
    for name, setting in settings.items():
        if not setting.get:
            values[name] = setting.before
        elif given[name].exit_status == 0 and len(given[name].lines) == 1:
            (line,) = given[name].lines
            values[name] = None if line == _UNSET else line
        else:
            unreadable[name] = _words(given[name]) or "it says nothing"
    return values, unreadable


def _ask(phone: Phone, commands: Mapping[str, str]) -> dict[str, Answer]:
    return ask_all(phone, commands) if commands else {}


def _command(setting: _Setting, value: str | None) -> str:
    return setting.unset if value is None else setting.put.format(shlex.quote(value))


def _words(answer: Answer) -> str:
    if answer.exit_status is None:
        return "it did not answer in time"
    return " ".join(answer.lines[:2])


def _remember(path: Path, serial: str, found: Mapping[str, str | None]) -> None:
    """Remembers what is to be restored; nothing to restore leaves no file."""
    if found:
        config.save(path, _Remembered(serial=serial, found=dict(found)))
    else:
        path.unlink(missing_ok=True)


def _remembered(path: Path, serial: str) -> _Remembered:
    """Returns what is to be restored; nothing where nothing is remembered."""
    if not path.exists():
        return _Remembered(serial=serial, found={})
    try:
        remembered = config.load(path, _Remembered)
        strange = sorted(set(remembered.found) - set(_SETTINGS))
        if strange:
            raise ConfigurationError(
                f"{path}: {', '.join(strange)} is not a setting that this program changes",
                hint="update frill-bench, or remove the file",
            )
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error.message}; it holds what an earlier run changed on {serial}",
            hint="set screen, animations and airplane mode of that phone as you like them, then "
            f"remove {path}",
        ) from error
    return remembered
