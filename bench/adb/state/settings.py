"""Changes settings of a phone while it is measured, and restores them afterwards.

Their values are written to this machine before anything is changed. So they are also restored after
a crash or a pulled cable: at the next contact with that phone, over USB or network.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.adb.batch import Answer, ask_all
from bench.adb.lock import locked
from bench.adb.phone import Phone
from bench.adb.staging import kill_leftovers
from bench.adb.state.identity import file_of, own_key
from bench.adb.state.power_modes import effect_of
from bench.adb.state.screen import WAKEFULNESS, key_to_restore
from bench.adb.state.values import parse_number
from bench.core import config
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError
from bench.core.paths import state_dir

FIXED_PERFORMANCE = "fixed-performance"
AWAY_S = 10.0  # how long to wait for a phone that is away at the end
_READS, _READ_S = 3, 0.2  # a change may take a moment to show
_UNSET = "null"
# Numbers and words of our settings; the lines of warnings and exceptions are others.
_VALUE = re.compile(r"^\s*(null|enable|disable|-?\d+(?:\.\d+)?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """The settings to change on a phone; window animations are always switched off.

    Args:
        screen: keep it awake, dim, and at one brightness.
        fixed_performance: ask for Android's mode of steady clocks; makers choose their level.
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
        refused: name to the phone's message, for those that it did not let us change.
        effects: name to what the change did, in words, for those that cannot be read back.
    """

    changed: Mapping[str, str]
    refused: Mapping[str, str]
    effects: Mapping[str, str] = field(default_factory=dict)


def _value_in(text: str) -> str | None:
    """Returns a text that is one word, else the last line that is a value."""
    words, values = text.split(), _VALUE.findall(text)
    return words[0] if len(words) == 1 else next(reversed(values), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """A setting of a phone.

    Args:
        ours: the value while we measure.
        get: prints its value; empty where phones do not show it, then ``before`` is assumed.
        put: sets it to the value at ``{}``.
        unset: deletes it, as if it had never been set.
        within: how far off a number may read back; Android 11 and later keep it as a fraction.
        value_in: finds its value in what ``get`` printed, among warnings; ``None`` if it has none.
    """

    ours: str
    get: str
    put: str
    unset: str = ""
    before: str = ""
    within: float = 0
    value_in: Callable[[str], str | None] = _value_in

    def agrees(self, now: str | None, value: str | None) -> bool:
        """Returns whether a value that was read back is the one that was set."""
        if not self.within or now is None or value is None or now == value:
            return now == value
        read, asked = parse_number(now), parse_number(value)
        return read is not None and asked is not None and abs(read - asked) <= self.within


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    """The settings to restore on a phone: name to value; ``None`` where nothing was set.

    The file format; its keys do not change.
    """

    serial: str
    found: dict[str, str | None]


def _stored_setting(key: str, ours: str, *, within: float = 0) -> _Setting:
    return _Setting(
        within=within,
        ours=ours,
        get=f"settings get {key}",
        put=f"settings put {key} {{}}",
        unset=f"settings delete {key}",
    )


# In the order in which they are set; they are restored in the opposite one.
_SCREEN = {
    "screen": _Setting(
        ours="WAKEUP",
        get=WAKEFULNESS,
        # Some makers refuse keys. This wakes it, too, and changes stay-awake, which is set next.
        put="input keyevent {0} || {{ [ {0} = WAKEUP ] && svc power stayon true; }}",
        value_in=key_to_restore,
    ),
    "stay-awake": _stored_setting(
        "global stay_on_while_plugged_in", "7"
    ),  # on AC, USB and wireless
    "screen-time-out": _stored_setting("system screen_off_timeout", "86400000"),
    "brightness-mode": _stored_setting("system screen_brightness_mode", "0"),
    "brightness": _stored_setting("system screen_brightness", "10", within=1),
}
_ANIMATIONS = {
    "window-animation": _stored_setting("global window_animation_scale", "0"),
    "transition-animation": _stored_setting("global transition_animation_scale", "0"),
    "animator-duration": _stored_setting("global animator_duration_scale", "0"),
}
_AIRPLANE = {
    "airplane-mode": _Setting(
        ours="enable",
        get="state=$(cmd connectivity airplane-mode 2>&1); case $state in enabled|disabled) "
        'echo ${state%d};; *) echo "$state"; exit 1;; esac',
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
    settings: DeviceSettings,
    *,
    serial: str,
    again: Callable[[Callable[[], ChangedSettings]], ChangedSettings] = lambda act: act(),
    on_message: Callable[[str], None] = lambda message: None,
    away_s: float = AWAY_S,
    folder: Path | None = None,
) -> Iterator[ChangedSettings]:
    """Changes settings, yields the changes, and restores the settings in every case.

    Settings that an earlier run could not restore are restored first, so that our values are never
    taken for the user's.

    Args:
        serial: the phone's own, or its key.
        again: repeats the change when a phone that was lost meanwhile is back.
        on_message: gets a line on settings that were restored late or not at all.
        away_s: how long to wait for a phone that is away at the end.
        folder: where the settings to restore are remembered.

    Raises:
        ConfigurationError: what an earlier run remembered cannot be read.
        DeviceError: fixed performance is settings for and the phone refuses it.
        TransientDeviceError: the phone went away, or another process measures on it.
    """
    folder = folder or _memory()
    path = file_of(folder, serial)

    def change() -> ChangedSettings:
        if restored := _describe(*_restore(phone, serial, path)):
            on_message(f"an earlier run was interrupted: {restored}")
        return _change(phone, serial, _settings_of(settings), path)

    with locked(serial, folder):
        try:
            yield again(change)
        finally:
            _restore_at_end(phone, serial, path, on_message, away_s)


def restore_settings(phone: Phone, *, folder: Path | None = None) -> str:
    """Restores what an interrupted run changed and kills what runs of it; returns a message, or "".

    Raises:
        ConfigurationError: what it remembered cannot be read.
        TransientDeviceError: the phone went away, or is being measured.
    """
    if not any((folder := folder or _memory()).glob("*.json")):
        return ""
    serial = own_key(phone)
    with locked(serial, folder):
        left = kill_leftovers(phone) if (path := file_of(folder, serial)).exists() else ""
        return _describe(*_restore(phone, serial, path), left)


def wake(phone: Phone) -> str:
    """Wakes the screen; returns the phone's message if it stays dark, else an empty text.

    Raises:
        TransientDeviceError: it went away.
    """
    return _set(phone, {"screen": _SCREEN["screen"].ours}).get("screen", "")


def _memory() -> Path:
    return state_dir() / "restores"


def _settings_of(chosen: DeviceSettings) -> dict[str, _Setting]:
    return {
        **(_SCREEN if chosen.screen else {}),
        **_ANIMATIONS,
        **(_AIRPLANE if chosen.airplane else {}),
        **(_FIXED if chosen.fixed_performance else {}),
    }


def _change(
    phone: Phone, serial: str, settings: Mapping[str, _Setting], path: Path
) -> ChangedSettings:
    before, refused = _read(phone, settings)
    # A setting that an earlier run could not restore still has our value; the remembered counts.
    originals = {**before, **_load_remembered(path, serial)}
    _remember(path, serial, originals)
    values: dict[str, str | None] = {name: settings[name].ours for name in before}
    wrong: dict[str, str] = {}
    effects: dict[str, str] = {}
    if FIXED_PERFORMANCE in values:
        effects[FIXED_PERFORMANCE] = effect_of(phone, lambda: wrong.update(_set(phone, values)))
    else:
        wrong = _set(phone, values)
    refused |= wrong
    if FIXED_PERFORMANCE in refused:
        # No phone shows whether it is on, so only this refusal shows that nothing is to restore.
        kept_names = [name for name in originals if name != FIXED_PERFORMANCE]
        _remember(path, serial, {name: originals[name] for name in kept_names})
        raise DeviceError(
            f"{phone.serial}: it refuses fixed performance: {refused[FIXED_PERFORMANCE]}",
            hint="leave out --fixed-performance",
            serial=phone.serial,
        )
    return ChangedSettings(
        changed={name: settings[name].ours for name in before if name not in wrong},
        refused=refused,
        effects=effects,
    )


def _restore(phone: Phone, serial: str, path: Path) -> tuple[list[str], dict[str, str]]:
    """Restores what is remembered, and forgets it.

    Returns the names of the settings, and name to the phone's message for those that it refuses.
    """
    originals = _load_remembered(path, serial)
    if not originals:
        path.unlink(missing_ok=True)
        return [], {}
    now, _ = _read(phone, {name: _SETTINGS[name] for name in originals if _SETTINGS[name].get})
    changed = [name for name in originals if name not in now or now[name] != originals[name]]
    back = {name: originals[name] for name in reversed(_SETTINGS) if name in changed}
    wrong = _set(phone, back)
    _remember(path, serial, {name: originals[name] for name in wrong})
    return [name for name in back if name not in wrong], wrong


def _describe(names: Sequence[str], refused: Mapping[str, str], left: str = "") -> str:
    done = f"restored: {', '.join(names)}" if names else ""
    not_done = "; ".join(f"{name}: {words}" for name, words in refused.items())
    failed = f"could not be restored, and is tried again next time: {not_done}" if not_done else ""
    return "; ".join(filter(None, (done, failed, left and f"it may still run: {left}")))


def _restore_at_end(
    phone: Phone, serial: str, path: Path, on_message: Callable[[str], None], away_s: float
) -> None:
    """Restores all settings at the end; if that fails they stay remembered."""
    calm = Phone(phone.transport, folder=phone.folder)  # not stopped by Ctrl-C again
    deadline_s = time.monotonic() + away_s
    while path.exists():
        try:
            calm.wait(max(deadline_s - time.monotonic(), 0.0))
            names, refused = _restore(calm, serial, path)
        except TransientDeviceError as error:
            if time.monotonic() < deadline_s:
                continue
            why = error.message
        except DeviceError as error:
            why = error.message
        else:
            if refused:
                on_message(_describe(names, refused))
            return
        on_message(f"what was changed on it will be restored at the next contact: {why}")
        return


def _set(phone: Phone, values: Mapping[str, str | None]) -> dict[str, str]:
    """Sets values; returns the phone's message for each setting that does not change."""
    settings = {name: _SETTINGS[name] for name in values}
    answers = _ask(phone, {name: _command(settings[name], value) for name, value in values.items()})
    hidden = [name for name, setting in settings.items() if not setting.get]
    wrong = {name: _words(answers[name]) for name in hidden if answers[name].exit_status != 0}
    readable = {name: setting for name, setting in settings.items() if setting.get}
    for attempt in range(_READS):
        time.sleep(attempt * _READ_S)
        now, unreadable = _read(phone, readable)
        off = [
            name
            for name, setting in readable.items()
            if name in unreadable or not setting.agrees(now[name], values[name])
        ]
        if not off:
            break
    else:
        for name in off:
            words = unreadable.get(name) or _words(answers[name])
            wrong[name] = words or f"it stays {now.get(name)} instead of {values[name]}"
    return wrong


def _read(
    phone: Phone, settings: Mapping[str, _Setting]
) -> tuple[dict[str, str | None], dict[str, str]]:
    """Returns the values now, and the phone's message for each that it does not show."""
    values: dict[str, str | None] = {}
    unreadable: dict[str, str] = {}
    answers = _ask(phone, {name: setting.get for name, setting in settings.items() if setting.get})
    for name, setting in settings.items():
        if not setting.get:
            values[name] = setting.before
        elif answers[name].exit_status == 0 and (value := setting.value_in(answers[name].text)):
            values[name] = None if value == _UNSET else value
        else:
            unreadable[name] = _words(answers[name]) or "it prints nothing"
    return values, unreadable


def _ask(phone: Phone, commands: Mapping[str, str]) -> dict[str, Answer]:
    return ask_all(phone, commands) if commands else {}


def _command(setting: _Setting, value: str | None) -> str:
    return setting.unset if value is None else setting.put.format(shlex.quote(value))


def _words(answer: Answer) -> str:
    if answer.exit_status is None:
        return "it did not answer in time"
    return " ".join(answer.lines[:2])


def _remember(path: Path, serial: str, originals: Mapping[str, str | None]) -> None:
    """Writes the settings to restore to a file; removes the file if there are none."""
    if originals:
        config.save(path, _Remembered(serial=serial, found=dict(originals)))
    else:
        path.unlink(missing_ok=True)


def _load_remembered(path: Path, serial: str) -> dict[str, str | None]:
    """Returns the settings to restore; none without a file."""
    if not path.exists():
        return {}
    try:
        remembered = config.load(path, _Remembered).found
        strange = sorted(set(remembered) - set(_SETTINGS))
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
