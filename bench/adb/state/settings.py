"""What is changed on a phone while it is measured, and put back as it was found.

What was found is written to this machine before anything is changed. So it is put back also after
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
_LOOKS, _LOOK_S = 3, 0.2  # a change may take a moment to be seen
_UNSET = "null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
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
class Conditions:
    """What a phone is measured under.

    Args:
        changed: name to value, of what was changed and seen to be.
        refused: name to the phone's own words, of what it did not let us change.
    """

    changed: Mapping[str, str]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back on a phone.

    Args:
        refused: name to the phone's own words, of what it did not let us put back.
    """

    names: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        done = f"put back as it was found: {', '.join(self.names)}" if self.names else ""
        not_done = "; ".join(f"{name}: {words}" for name, words in self.refused.items())
        failed = f"could not be put back, and is tried again next time: {not_done}"
        return "; ".join(filter(None, (done, failed if not_done else "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Knob:
    """Something that can be turned on a phone.

    Args:
        ours: the value while we measure.
        get: prints its value; empty where no phone tells it, then it is taken to be ``before``.
        put: sets it to ``{}``.
        unset: makes it as if nobody had ever set it.
    """

    ours: str
    get: str
    put: str
    unset: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is to be put back on a phone: name to value; ``None`` where nothing was set."""

    serial: str
    found: dict[str, str | None]


def _setting(key: str, ours: str) -> _Knob:
    return _Knob(
        ours=ours,
        get=f"settings get {key}",
        put=f"settings put {key} {{}}",
        unset=f"settings delete {key}",
    )


# In the order in which they are turned; they are turned back in the opposite one.
_SCREEN = {
    "screen": _Knob(
        ours="WAKEUP",
        get="said=$(dumpsys power | grep -m1 mWakefulness=); case $said in *=Awake) echo WAKEUP;; "
        '*=*) echo SLEEP;; *) echo "$said"; exit 1;; esac',
        put="input keyevent {}",
    ),
    "stay-awake": _setting("global stay_on_while_plugged_in", "7"),  # on AC, USB and wireless
    "screen-time-out": _setting("system screen_off_timeout", "86400000"),
    "brightness-mode": _setting("system screen_brightness_mode", "0"),
    "brightness": _setting("system screen_brightness", "10"),
}
_ANIMATIONS = {
    "window-animation": _setting("global window_animation_scale", "0"),
    "transition-animation": _setting("global transition_animation_scale", "0"),
    "animator-duration": _setting("global animator_duration_scale", "0"),
}
_AIRPLANE = {
    "airplane-mode": _Knob(
        ours="enable",
        get="said=$(cmd connectivity airplane-mode 2>&1); case $said in enabled|disabled) "
        'echo ${said%d};; *) echo "$said"; exit 1;; esac',
        put="cmd connectivity airplane-mode {}",
    )
}
_FIXED = {
    FIXED_PERFORMANCE: _Knob(
        ours="true", get="", put="cmd power set-fixed-performance-mode-enabled {}", before="false"
    )
}
_KNOBS = {**_SCREEN, **_ANIMATIONS, **_AIRPLANE, **_FIXED}


@contextmanager
def conditions(
    phone: Phone,
    asked: Asked,
    *,
    serial: str,
    again: Callable[[Callable[[], Conditions]], Conditions] = lambda act: act(),
    said: Callable[[str], None] = lambda what: None,
    away_s: float = AWAY_S,
    folder: Path | None = None,
) -> Iterator[Conditions]:
    """Changes a phone, yields what was changed, and puts all back, however it ends.

    What an earlier run could not put back is put back first, so that our own values are never
    taken for the user's.

    Args:
        serial: the phone's own.
        again: does it again when a phone that was lost meanwhile is back.
        said: told what was put back late or not at all.
        away_s: how long a phone that is away at the end is waited for.
        folder: where it is remembered what to put back.

    Raises:
        ConfigurationError: what an earlier run remembered cannot be read.
        DeviceError: fixed performance is asked for and the phone refuses it.
        TransientDeviceError: the phone went away, or somebody else measures on it.
    """
    folder = folder or _memory()
    path = _file(folder, serial)

    def change() -> Conditions:
        restored = _restore(phone, serial, path)
        if str(restored):
            said(f"an earlier run was cut off: {restored}")
        return _change(phone, serial, _knobs(asked), path)

    with locked(serial, folder):
        try:
            yield again(change)
        finally:
            _leave(phone, serial, path, said, away_s)


def put_back(phone: Phone, *, folder: Path | None = None) -> Restored:
    """Returns what was put back of what an earlier run, which was cut off, had changed.

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
    return _turn(phone, {"screen": _SCREEN["screen"].ours}).get("screen", "")


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


def _knobs(asked: Asked) -> dict[str, _Knob]:
    return {
        **(_SCREEN if asked.screen else {}),
        **_ANIMATIONS,
        **(_AIRPLANE if asked.airplane else {}),
        **(_FIXED if asked.fixed_performance else {}),
    }


def _change(phone: Phone, serial: str, knobs: Mapping[str, _Knob], path: Path) -> Conditions:
    told, refused = _look(phone, knobs)
    # What an earlier run could not put back reads as it left it: what it found still counts.
    found = {**told, **_kept(path, serial).found}
    _keep(path, serial, found)
    wanted: dict[str, str | None] = {name: knobs[name].ours for name in told}
    wrong = _turn(phone, wanted)
    refused |= wrong
    if FIXED_PERFORMANCE in refused:
        # No phone tells whether it is on, so nothing else shows that it needs not be put back.
        _keep(path, serial, {key: found[key] for key in found if key != FIXED_PERFORMANCE})
        raise DeviceError(
            f"{phone.serial}: it refuses fixed performance: {refused[FIXED_PERFORMANCE]}",
            hint="leave out --fixed-performance",
            serial=phone.serial,
        )
    return Conditions(
        changed={name: knobs[name].ours for name in told if name not in wrong}, refused=refused
    )


def _restore(phone: Phone, serial: str, path: Path) -> Restored:
    """Puts back what is remembered, and forgets it."""
    found = _kept(path, serial).found
    if not found:
        path.unlink(missing_ok=True)
        return Restored()
    now, _ = _look(phone, {name: _KNOBS[name] for name in found if _KNOBS[name].get})
    changed = [name for name in found if name not in now or now[name] != found[name]]
    back = {name: found[name] for name in reversed(_KNOBS) if name in changed}
    wrong = _turn(phone, back)
    _keep(path, serial, {name: found[name] for name in wrong})
    return Restored(names=tuple(name for name in back if name not in wrong), refused=wrong)


def _leave(
    phone: Phone, serial: str, path: Path, said: Callable[[str], None], away_s: float
) -> None:
    """Puts all back at the end; where that fails it stays remembered."""
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
                said(str(restored))
            return
        said(f"what was changed on it will be put back at the next contact: {why}")
        return


def _turn(phone: Phone, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Turns knobs; returns the phone's own words for those that are not as wanted then."""
    knobs = {name: _KNOBS[name] for name in wanted}
    said = _ask(phone, {name: _command(knobs[name], value) for name, value in wanted.items()})
    hidden = [name for name, knob in knobs.items() if not knob.get]
    wrong = {name: _words(said[name]) for name in hidden if said[name].exit_status != 0}
    readable = {name: knob for name, knob in knobs.items() if knob.get}
    for attempt in range(_LOOKS):
        time.sleep(attempt * _LOOK_S)
        now, untold = _look(phone, readable)
        off = [name for name in readable if name in untold or now[name] != wanted[name]]
        if not off:
            break
    else:
        for name in off:
            words = untold.get(name) or _words(said[name])
            wrong[name] = words or f"it stays {now.get(name)} instead of {wanted[name]}"
    return wrong


def _look(phone: Phone, knobs: Mapping[str, _Knob]) -> tuple[dict[str, str | None], dict[str, str]]:
    """Returns the values now, and the phone's own words where it does not tell one."""
    values: dict[str, str | None] = {}
    untold: dict[str, str] = {}
    said = _ask(phone, {name: knob.get for name, knob in knobs.items() if knob.get})
    for name, knob in knobs.items():
        if not knob.get:
            values[name] = knob.before
        elif said[name].exit_status == 0 and len(said[name].lines) == 1:
            (line,) = said[name].lines
            values[name] = None if line == _UNSET else line
        else:
            untold[name] = _words(said[name]) or "it says nothing"
    return values, untold


def _ask(phone: Phone, commands: Mapping[str, str]) -> dict[str, Answer]:
    return ask_all(phone, commands) if commands else {}


def _command(knob: _Knob, value: str | None) -> str:
    return knob.unset if value is None else knob.put.format(shlex.quote(value))


def _words(answer: Answer) -> str:
    if answer.exit_status is None:
        return "it did not answer in time"
    return " ".join(answer.lines[:2])


def _keep(path: Path, serial: str, found: Mapping[str, str | None]) -> None:
    """Remembers what is to be put back; nothing to put back leaves no file."""
    if found:
        config.save(path, _Kept(serial=serial, found=dict(found)))
    else:
        path.unlink(missing_ok=True)


def _kept(path: Path, serial: str) -> _Kept:
    """Returns what is to be put back; nothing where nothing is remembered."""
    if not path.exists():
        return _Kept(serial=serial, found={})
    try:
        kept = config.load(path, _Kept)
        strange = sorted(set(kept.found) - set(_KNOBS))
        if strange:
            raise ConfigurationError(f"{path}: knows no {', '.join(strange)}")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error.message}; it holds what an earlier run changed on {serial}",
            hint="set screen, animations and airplane mode of that phone as you like them, then "
            f"remove {path}",
        ) from error
    return kept
