"""Runs a process on a phone and reads its state before and after, all in one command.

The kernel keeps how long a process waited for a core until its parent reaps it. So its parent
becomes a ``cat`` that reaps nothing: it reads a pipe whose other end the process holds, and its
counters when it has ended. Nothing polls.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.adb.batch import Answer, answers, script
from bench.adb.phone import Phone
from bench.adb.shell import KILLED_STATUS, Completed, PhaseLimits
from bench.adb.staging import stage_text, text_place
from bench.adb.state.counters import TICK_S, Group, counters_command, usage_between
from bench.adb.state.energy import EnergyMeter
from bench.adb.state.reading import QUESTIONS, SAMPLED, sample_of, state_of
from bench.adb.transport.stream import lost
from bench.core.device_state.cores import parse_cores
from bench.core.device_state.state import Reading, State
from bench.core.device_state.telemetry import Telemetry

_SAMPLED_AFTER_S = 2
_SAMPLE_S = 2
_PROBE_STATUS = 7
_ROUND_TRIP_S = 10.0  # more than a shell on a phone takes to begin, and its output to arrive
_SIGNAL_BITS, _SIGNALLED = 0x7F, 128
_EXITING = 0x4  # a bit of the kernel's flags of a process
# Positions in /proc/PID/stat, counted from the state.
_FLAGS, _USER, _SYSTEM, _STATUS = 6, 11, 12, 49
_COUNTERS, _SAMPLES = "counters", "samples"
_NO_METER = EnergyMeter()
# What the script reads; its second argument has the letters of these.
_STATE_BEFORE, _COUNTED, _STATE_AFTER, _NOTHING = "b", "c", "a", "n"
# The parts of the output between the marks.
_BEFORE, _RUN, _AFTER = 1, 2, 3
# The program replaces the shell, so the cores shown are those of its process.
_SHOW_CORES = (
    "while read -r name value; do case $name in Cpus_allowed_list:) "
    'echo "$0 cores $value $$";; esac; done </proc/$$/status; exec "$@"'
)
# Runs "$@" as a co-process and then prints its counters. It starts when its input ends, which is
# when `cat` has replaced the shell: the shell would reap a command that ends sooner, and its
# counters would be lost.
_KEEP_UNREAPED = (
    'exec 4>&1\n((read -r; exec "$@") 3>&1 1>&4 4>&- |&\n'
    "exec cat - /proc/$!/stat /proc/$!/schedstat <&p 2>/dev/null 4>&-)\nexec 4>&-"
)
# Runs "$@" and prints its status, without messages of the shell.
_REAP = 'exec 5>&2 2>/dev/null\n(exec "$@" 2>&5 5>&-)\necho $word ended $?\nexec 2>&5 5>&-'
_SUFFIX = ".sh"
_MOST_BYTES = 3_000  # of a command, for those servers take 4,096 of all that is sent with it
_STAT = rb"%b \([^\n]*\) ([A-Z] [-\d ]+)\r?\n(?:(\d+) (\d+) \d+\r?\n)?\Z"
_UNKNOWN = Reading(unavailable="the phone shows no counters of ended processes")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedProcess:
    """A process that has ended, and the telemetry around it.

    Args:
        stdout, stderr: raw bytes of the process alone.
        exit_status: as a shell has it: 128 and the signal's number for a killed process.
        cpu_s: CPU time of all its threads.
    """

    stdout: bytes
    stderr: bytes
    exit_status: int
    timed_out: bool
    telemetry: Telemetry
    cpu_s: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How processes on a phone are watched.

    Args:
        phone: where they run.
        groups: its cores; those that share a clock are one group.
        counters: whether it ``keeps_counters``.
        state_limit_s: how long reading its state may take; 0 reads no state.
        meter: the energy meter to read while a process runs; ``None`` for none.
    """

    phone: Phone
    groups: tuple[Group, ...]
    counters: bool
    state_limit_s: float
    meter: EnergyMeter | None = None

    def run(
        self,
        command: Sequence[str],
        *,
        limit_s: float,
        first: str = "true",
        before: State | None = None,
        read_after: bool = True,
    ) -> EndedProcess:
        """Returns a process that has ended, with the state of the phone before and after it.

        Args:
            limit_s: when it is killed, with all processes that it started. Reading the state has
                its own limit, so that a slow phone is not mistaken for one that went away.
            first: a command to run before.
            before: the state of the phone a moment ago; ``None`` reads it.
            read_after: whether to read the state after it; the counters of its cores are read
                always.

        Raises:
            TransientDeviceError: the phone went away, or does not show how the process ended.
        """
        word = secrets.token_hex(8)
        done = self._run_script(
            [word, self._reads(before, read_after), *_show_cores(word, command)],
            first=first,
            limits=self._limits(word, limit_s),
        )
        parts = re.split(rb"%b at (\S*)\r?\n" % word.encode(), done.stdout)
        ended = len(parts) > 2 * _AFTER
        if len(parts) <= 2 * (_AFTER + 1 if ended else _RUN):
            raise lost(self.phone.serial, "it did not show its state in time")
        process = self._process(word, parts[2 * _RUN], ended=ended)
        times_s = [_seconds(part) for part in parts[1::2]]
        telemetry = replace(process.telemetry, overhead_s=_overhead_s(times_s))
        if self.state_limit_s and ended:
            telemetry = self._with_states(
                replace(process, telemetry=telemetry),
                word,
                before,
                (parts[2 * _BEFORE], parts[2 * _AFTER]),
                read_after=read_after,
                begun_s=times_s[_RUN - 1],
            )
        return replace(process, stderr=done.stderr, telemetry=telemetry)

    def stage_script(self) -> None:
        """Pushes the script that runs processes, unless the phone has it with the same bytes.

        Raises:
            DeviceError: the phone has no room, or refuses it.
            TransientDeviceError: the phone went away.
        """
        stage_text(self.phone, self._script(), _SUFFIX)

    def _run_script(
        self, arguments: Sequence[str], *, first: str, limits: PhaseLimits
    ) -> Completed:
        """Runs the script in the phone's shell, after pushing it where it is not there yet.

        Old adb servers, and phones up to Android 6, take no command as long as the script.
        """
        file = shlex.quote(str(text_place(self.phone, self._script(), _SUFFIX)))
        given = f"set -- {shlex.join(arguments)}"
        if len(given.encode()) > _MOST_BYTES:
            long = shlex.quote(str(stage_text(self.phone, given, _SUFFIX)))
            given = f". {long}; rm -f {long}"
        absent = f"{arguments[0]} absent"
        # Not "sh FILE": the messages of a shell would begin with that long name.
        command = (
            f'[ -e {file} ] || {{ echo {absent}; exit; }}\n{first}\n{given}\neval "$(<{file})"'
        )
        done = self.phone.shell(command, limit_s=limits)
        if done.text != absent:
            return done
        self.stage_script()
        return self.phone.shell(command, limit_s=limits)

    def _reads(self, before: State | None, read_after: bool) -> str:
        """Returns what the script reads: the state before, after, and the counters around it."""
        if not self.state_limit_s:
            return _NOTHING
        return f"{_STATE_BEFORE * (before is None)}{_COUNTED}{_STATE_AFTER * read_after}"

    def _script(self) -> str:
        """Returns what runs a process: the same text for all processes of a phone.

        Its arguments are the word of its marks, what it reads, and the command of the process.
        """
        meter = self.meter or _NO_METER
        samples = f"{self.phone.folder}/samples"
        now = 'echo "$word at $EPOCHREALTIME"'
        counters = {_COUNTERS: counters_command(self.groups)}
        collected = {_SAMPLES: f"cat {samples}; rm {samples} {samples}.on"}
        at_once = script("$word", counters | meter.asked)
        later = script("$word", collected | meter.asked_later)
        state = script("$word", QUESTIONS)
        sampler = _sampler(samples, f"{SAMPLED} {meter.sampled}")
        return "\n".join(
            [
                "word=$1 reads=$2\nshift 2",
                now,
                f"{_if_read(_STATE_BEFORE)}\n{state}fi",
                _if_read(_COUNTED),
                f"{sampler}\n{meter.begin}\n{at_once}fi",
                now,
                _KEEP_UNREAPED if self.counters else _REAP,
                now,
                _if_read(_COUNTED),
                f"{_stop_sampler(samples)}\n{at_once}{meter.end}\n{later}fi",
                f"{_if_read(_STATE_AFTER)}\n{state}fi",
                now,
            ]
        )

    def _limits(self, word: str, limit_s: float) -> PhaseLimits:
        snapshot_s = self.state_limit_s + _ROUND_TRIP_S
        return PhaseLimits(
            mark=f"{word} at ".encode(),
            limits_s=(snapshot_s, snapshot_s, limit_s, snapshot_s, _ROUND_TRIP_S),
        )

    def _process(self, word: str, output: bytes, *, ended: bool) -> EndedProcess:
        """Returns the process of an output; one that is not ``ended`` was killed."""
        begun = re.match(rb"%b cores (\S*) (\d+)\r?\n" % word.encode(), output)
        if begun is not None:
            output = output[begun.end() :]
        killed = _End(begins_at=len(output), exit_status=KILLED_STATUS, cpu_s=_UNKNOWN)
        end = _end_of(word, output, begun[2] if begun else rb"\d+") if ended else killed
        if end is None:
            raise lost(self.phone.serial, "it does not show how a process ended")
        return EndedProcess(
            stdout=output[: end.begins_at],
            stderr=b"",
            exit_status=end.exit_status,
            timed_out=not ended,
            telemetry=Telemetry(
                cores=parse_cores(begun[1].decode(errors="replace")) if begun else (),
                run_s=end.run_s,
                run_queue_wait_s=end.run_queue_wait_s,
            ),
            cpu_s=end.cpu_s,
        )

    def _with_states(
        self,
        process: EndedProcess,
        word: str,
        known_before: State | None,
        outputs: tuple[bytes, bytes],
        *,
        read_after: bool,
        begun_s: float | None,
    ) -> Telemetry:
        before, after = outputs
        meter = self.meter or _NO_METER
        asked = [*QUESTIONS, _COUNTERS, *meter.asked]
        first = answers(word, before.decode(errors="replace"), asked)
        asked += [_SAMPLES, *meter.asked_later]
        last = answers(word, after.decode(errors="replace"), asked)
        samples = _samples(last[_SAMPLES])
        return replace(
            process.telemetry,
            before=known_before or state_of(first),
            after=state_of(last) if read_after else None,
            usage=usage_between(
                first[_COUNTERS],
                last[_COUNTERS],
                cores=process.telemetry.cores or (),
                groups=self.groups,
                cpu_s=process.cpu_s,
            ),
            samples=tuple(
                sample_of(sample, _sampled_at_s(at_s, index, begun_s))
                for index, (at_s, sample) in enumerate(samples)
            ),
            energy=None
            if self.meter is None
            else self.meter.energy(first, last, [each for _, each in samples]),
        )


def keeps_counters(phone: Phone) -> bool:
    """Returns whether a phone shows how a process ended and what it used, before it is reaped.

    Tested with an exit status that is not 0, because a phone that hides it shows 0.

    Raises:
        TransientDeviceError: the phone went away.
    """
    word = secrets.token_hex(8)
    command = ["sh", "-c", f"exit {_PROBE_STATUS}"]
    arguments = shlex.join(_show_cores(word, command))
    done = phone.shell(f"set -- {arguments}\n{_KEEP_UNREAPED}")
    if done.timed_out:
        raise lost(phone.serial, "it did not show the counters of a process in time")
    end = _end_of(word, done.stdout, rb"\d+")
    return end is not None and end.exit_status == _PROBE_STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The end of a process, as its phone shows it.

    Args:
        begins_at: its position in the output; all before is the process's own output.
    """

    begins_at: int
    exit_status: int
    cpu_s: Reading
    run_s: float | None = None
    run_queue_wait_s: float | None = None


def _show_cores(word: str, command: Sequence[str]) -> list[str]:
    pinned = 2 if command[0] == "taskset" else 0
    return [*command[:pinned], "sh", "-c", _SHOW_CORES, word, *command[pinned:]]


def _end_of(word: str, output: bytes, pid: bytes) -> _End | None:
    """Returns the end of a process, from its last output; ``None`` if that does not show it."""
    reaped = re.search(rb"%b ended (\d+)\r?\n\Z" % word.encode(), output)
    if reaped is not None:
        return _End(begins_at=reaped.start(), exit_status=int(reaped[1]), cpu_s=_UNKNOWN)
    stat = re.search(_STAT % pid, output)
    words = stat[1].split() if stat else []
    if stat is None or len(words) <= _STATUS or not int(words[_FLAGS]) & _EXITING:
        return None
    status = int(words[_STATUS])
    signal = status & _SIGNAL_BITS
    waited = stat[2] is not None
    return _End(
        begins_at=stat.start(),
        exit_status=_SIGNALLED + signal if signal else status >> 8,
        cpu_s=Reading(value=round((int(words[_USER]) + int(words[_SYSTEM])) * TICK_S, 2)),
        run_s=int(stat[2]) / 1e9 if waited else None,
        run_queue_wait_s=int(stat[3]) / 1e9 if waited else None,
    )


def _if_read(what: str) -> str:
    return f'if [ "${{reads#*{what}}}" != "$reads" ]; then'


def _sampler(samples: str, sampled: str) -> str:
    """Returns a script that samples the phone every two seconds, two seconds after the start."""
    # The trap ends the shell in its wait and kills the sleep, which would outlive it. SIGKILL,
    # because a sleep that is still a forked shell would lose a SIGTERM. `$$` is the shell that runs
    # it, which ends where this machine goes away.
    return (
        f"echo >{samples}.on\n( trap 'kill -9 $!; exit' TERM; sleep {_SAMPLED_AFTER_S} & wait; "
        f"while [ -s {samples}.on ] && kill -0 $$; do "
        f'echo "at $EPOCHREALTIME"; {sampled}; sleep {_SAMPLE_S} & wait; done '
        f") >{samples} 2>&1 & sampler=$!"
    )


def _stop_sampler(samples: str) -> str:
    """Returns a script that ends the sampling, also if the signal came before the trap."""
    return f": >{samples}.on; {{ kill $sampler; wait $sampler; }} 2>/dev/null"


def _samples(answer: Answer) -> list[tuple[float | None, Answer]]:
    """Returns the samples in an answer, each with its time."""
    parts = re.split(r"^at (\S*)\r?\n", answer.text, flags=re.MULTILINE)
    return [
        (_seconds(at), Answer(text=text, exit_status=0))
        for at, text in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _sampled_at_s(at_s: float | None, index: int, begun_s: float | None) -> float:
    """Returns when a sample was taken, since its process began at ``begun_s``."""
    if at_s is None or begun_s is None:
        return float(_SAMPLED_AFTER_S + index * _SAMPLE_S)
    return round(at_s - begun_s, 1)


def _seconds(text: bytes | str) -> float | None:
    try:
        return float(text)
    except ValueError:  # an old shell has no such clock
        return None


def _overhead_s(times: Sequence[float | None]) -> float | None:
    first, begun, ended, done = [*times, None, None, None, None][:4]
    if first is None or begun is None or ended is None or done is None:
        return None
    return begun - first + done - ended
