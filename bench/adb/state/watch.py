"""A process on a phone between two states of it, all in one command.

How long a process waited for a core is kept until its parent reaps it. So its parent becomes a
``cat`` that reaps nothing: it reads a pipe whose other end the process holds, and when that has
ended, its counters. Nothing polls.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.adb.batch import Answer, answers, script
from bench.adb.phone import Phone
from bench.adb.shell import KILLED_STATUS, PhaseLimits
from bench.adb.state.counters import TICK_S, Group, counting, usage_between
from bench.adb.state.reading import QUESTIONS, SAMPLED, sample_of, snapshot_of
from bench.adb.transport.stream import lost
from bench.core.device_state.cores import parse_cores
from bench.core.device_state.state import Reading, State
from bench.core.device_state.telemetry import Sample, Telemetry

SAMPLED_AFTER_S = 2
SAMPLE_S = 2
_PROBE_STATUS = 7
_PROBE_LIMIT_S = 10.0
_ROUND_TRIP_S = 10.0  # more than a shell on a phone takes to begin, and its output to arrive
_SIGNAL_BITS, _SIGNALLED = 0x7F, 128
_EXITING = 0x4  # of the flags that the kernel has of a process
# The words of /proc/PID/stat, from the state on.
_FLAGS, _USER, _SYSTEM, _STATUS = 6, 11, 12, 49
_COUNTERS, _SAMPLES = "counters", "samples"
# The parts of the output between the marks.
_BEFORE, _RUN, _AFTER = 1, 2, 3
# The program takes the shell's place, so its process is the one that was asked.
_PROVE = (
    "while read -r name value; do case $name in Cpus_allowed_list:) "
    'echo "$0 cores $value $$";; esac; done </proc/$$/status; exec "$@"'
)
_STAT = rb"%b \([^\n]*\) ([A-Z] [-\d ]+)\r?\n(?:(\d+) (\d+) \d+\r?\n)?\Z"
_UNKNOWN = Reading(unavailable="the phone shows no counters of what has ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedProcess:
    """A process that has ended, and what its phone did meanwhile.

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
    cpu_s: Reading = _UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How processes on a phone are watched.

    Args:
        phone: where they run.
        groups: its cores, those together that share a clock.
        counters: whether it ``keeps_counters``.
        state_limit_s: how long a state of it may take; 0 for no states.
    """

    phone: Phone
    groups: tuple[Group, ...]
    counters: bool
    state_limit_s: float

    def run(
        self,
        command: Sequence[str],
        *,
        limit_s: float,
        first: str = "true",
        known: State | None = None,
    ) -> EndedProcess:
        """Returns a process that has ended, with a state of the phone before and after it.

        Args:
            limit_s: when it is killed, with all that it started. Snapshots have a limit of their
                own, so that a short one is never mistaken for a phone that went away.
            first: a command to be done before.
            known: the state of the phone a moment ago, instead of a state before.

        Raises:
            TransientDeviceError: the phone went away, or does not tell how the process ended.
        """
        word = secrets.token_hex(8)
        now = f'echo "{word} at $EPOCHREALTIME"'
        run = (_unreaped if self.counters else _reaped)(word, command)
        before = after = ""
        if self.state_limit_s:
            samples = f"{self.phone.folder}/samples"
            counters = {_COUNTERS: counting(self.groups)}
            questions = "" if known else script(word, QUESTIONS)
            before = f"{questions}{_sampler(samples)}\n{script(word, counters)}"
            sampled = {_SAMPLES: f"cat {samples}; rm {samples} {samples}.on"}
            after = f"{_sampled(samples)}\n{script(word, counters | QUESTIONS | sampled)}"
        done = self.phone.shell(
            "\n".join([first, now, before + now, run, now, after + now]),
            limit_s=self._limits(word, limit_s),
        )
        parts = re.split(rb"%b at (\S*)\r?\n" % word.encode(), done.stdout)
        ended = len(parts) > 2 * _AFTER
        if len(parts) <= 2 * (_AFTER + 1 if ended else _RUN):
            raise lost(self.phone.serial, "it did not tell its state in time")
        process = self._ran(word, parts[2 * _RUN], ended=ended)
        times_s = [_seconds(part) for part in parts[1::2]]
        telemetry = replace(process.telemetry, overhead_s=_overhead_s(times_s))
        if self.state_limit_s and ended:
            telemetry = self._with_snapshots(
                replace(process, telemetry=telemetry),
                word,
                known,
                (parts[2 * _BEFORE], parts[2 * _AFTER]),
                begun_s=times_s[_RUN - 1],
            )
        return replace(process, stderr=done.stderr, telemetry=telemetry)

    def _limits(self, word: str, limit_s: float) -> PhaseLimits:
        snapshot_s = self.state_limit_s + _ROUND_TRIP_S
        return PhaseLimits(
            mark=f"{word} at ".encode(),
            limits_s=(snapshot_s, snapshot_s, limit_s, snapshot_s, _ROUND_TRIP_S),
        )

    def _ran(self, word: str, output: bytes, *, ended: bool) -> EndedProcess:
        """Returns what a process printed and left; without an end it was killed."""
        begun = re.match(rb"%b cores (\S*) (\d+)\r?\n" % word.encode(), output)
        if begun is not None:
            output = output[begun.end() :]
        left = _left(word, output, begun[2] if begun else rb"\d+") if ended else None
        if ended and left is None:
            raise lost(self.phone.serial, "it does not tell how a process ended")
        cores = parse_cores(begun[1].decode(errors="replace")) if begun else ()
        if left is None:
            return EndedProcess(
                stdout=output,
                stderr=b"",
                exit_status=KILLED_STATUS,
                timed_out=True,
                telemetry=Telemetry(cores=cores),
            )
        return EndedProcess(
            stdout=output[: left.begins_at],
            stderr=b"",
            exit_status=left.exit_status,
            timed_out=False,
            telemetry=Telemetry(
                cores=cores, run_s=left.run_s, run_queue_wait_s=left.run_queue_wait_s
            ),
            cpu_s=left.cpu_s,
        )

    def _with_snapshots(
        self,
        process: EndedProcess,
        word: str,
        known: State | None,
        outputs: tuple[bytes, bytes],
        begun_s: float | None,
    ) -> Telemetry:
        before, after = outputs
        first = answers(word, before.decode(errors="replace"), [*QUESTIONS, _COUNTERS])
        last = answers(word, after.decode(errors="replace"), [*QUESTIONS, _COUNTERS, _SAMPLES])
        return replace(
            process.telemetry,
            before=known or snapshot_of(first),
            after=snapshot_of(last),
            usage=usage_between(
                first[_COUNTERS],
                last[_COUNTERS],
                cores=process.telemetry.cores or (),
                groups=self.groups,
                cpu_s=process.cpu_s,
            ),
            samples=_samples(last[_SAMPLES], begun_s),
        )


def keeps_counters(phone: Phone) -> bool:
    """Returns whether a phone shows how a process ended and what it used, before it is reaped.

    It is asked with a status that is known, because a phone that hides it shows 0.

    Raises:
        TransientDeviceError: the phone went away.
    """
    word = secrets.token_hex(8)
    command = ["sh", "-c", f"exit {_PROBE_STATUS}"]
    done = phone.shell(_unreaped(word, command), limit_s=_PROBE_LIMIT_S)
    left = _left(word, done.stdout, rb"\d+")
    return left is not None and left.exit_status == _PROBE_STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """What is left of a process that has ended.

    Args:
        begins_at: where it begins in the output, of which all before is the process's own.
    """

    begins_at: int
    exit_status: int
    cpu_s: Reading
    run_s: float | None = None
    run_queue_wait_s: float | None = None


def _unreaped(word: str, command: Sequence[str]) -> str:
    """Returns what runs a command and then shows its counters, as a shell's co-process.

    It begins when its input ends, which is when ``cat`` has taken the shell's place: a command that
    ends sooner would be reaped by the shell, with its counters.
    """
    counters = "cat - /proc/$!/stat /proc/$!/schedstat <&p 2>/dev/null"
    gated = f"(read -r; exec {_proved(word, command)}) 3>&1 1>&4 4>&- |&"
    return f"exec 4>&1\n({gated}\nexec {counters} 4>&-)\nexec 4>&-"


def _reaped(word: str, command: Sequence[str]) -> str:
    """Returns what runs a command and then its status; the shell's own remarks are dropped."""
    return (
        f"exec 5>&2 2>/dev/null\n(exec {_proved(word, command)} 2>&5 5>&-)\n"
        f"echo {word} ended $?\nexec 2>&5 5>&-"
    )


def _proved(word: str, command: Sequence[str]) -> str:
    pinned = 2 if command[0] == "taskset" else 0
    return shlex.join([*command[:pinned], "sh", "-c", _PROVE, word, *command[pinned:]])


def _left(word: str, output: bytes, pid: bytes) -> _Left | None:
    """Returns what the end of an output says of the process; ``None`` where it says nothing."""
    reaped = re.search(rb"%b ended (\d+)\r?\n\Z" % word.encode(), output)
    if reaped is not None:
        return _Left(begins_at=reaped.start(), exit_status=int(reaped[1]), cpu_s=_UNKNOWN)
    stat = re.search(_STAT % pid, output)
    words = stat[1].split() if stat else []
    if stat is None or len(words) <= _STATUS or not int(words[_FLAGS]) & _EXITING:
        return None
    status = int(words[_STATUS])
    signal = status & _SIGNAL_BITS
    waited = stat[2] is not None
    return _Left(
        begins_at=stat.start(),
        exit_status=_SIGNALLED + signal if signal else status >> 8,
        cpu_s=Reading(value=round((int(words[_USER]) + int(words[_SYSTEM])) * TICK_S, 2)),
        run_s=int(stat[2]) / 1e9 if waited else None,
        run_queue_wait_s=int(stat[3]) / 1e9 if waited else None,
    )


def _sampler(samples: str) -> str:
    """Returns what samples the phone now and then, once a process takes long."""
    # A shell ends in its wait, and takes the sleep along, which would outlive it. By a signal that
    # is not lost on a sleep that is a shell still.
    return (
        f"echo >{samples}.on\n( trap 'kill -9 $!; exit' TERM; sleep {SAMPLED_AFTER_S} & wait; "
        f"while [ -s {samples}.on ]; do "
        f'echo "at $EPOCHREALTIME"; {SAMPLED}; sleep {SAMPLE_S} & wait; done '
        f") >{samples} 2>&1 & sampler=$!"
    )


def _sampled(samples: str) -> str:
    """Returns what ends the sampling, also where the signal came before the trap and was lost."""
    return f": >{samples}.on; {{ kill $sampler; wait $sampler; }} 2>/dev/null"


def _samples(answer: Answer, begun_s: float | None) -> tuple[Sample, ...]:
    """Returns what was seen while a process ran that began at ``begun_s``."""
    parts = re.split(r"^at (\S*)\r?\n", answer.text, flags=re.MULTILINE)
    samples = []
    for index, (at, text) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        now_s = _seconds(at)
        late_s = None if now_s is None or begun_s is None else round(now_s - begun_s, 1)
        at_s = SAMPLED_AFTER_S + index * SAMPLE_S if late_s is None else late_s
        samples.append(sample_of(Answer(text=text, exit_status=0), at_s))
    return tuple(samples)


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
