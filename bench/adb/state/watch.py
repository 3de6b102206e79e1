"""A process on a phone between two looks at it, all in one command.

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
from bench.adb.shell import KILLED_STATUS
from bench.adb.state.counters import TICK_S, Group, counting, spent
from bench.adb.state.facts import cores_of
from bench.adb.state.reading import QUESTIONS, SAMPLED, sample_of, state_of
from bench.adb.transport.stream import lost
from bench.core.state import Reading, Sample, Spent, State

SAMPLED_AFTER_S = 2
SAMPLE_S = 2
_PROBE_STATUS = 7
_PROBE_LIMIT_S = 10.0
_SIGNAL_BITS, _SIGNALLED = 0x7F, 128
_EXITING = 0x4  # of the flags that the kernel has of a process
# The words of /proc/PID/stat, from the state on.
_FLAGS, _USER, _SYSTEM, _STATUS = 6, 11, 12, 49
_COUNTERS, _SAMPLES = "counters", "samples"
# The parts of the output between the marks.
_BEFORE, _RUN, _AFTER = 1, 2, 3
# The program takes the shell's place, so its process is the one that was looked at.
_PROVE = (
    "while read -r name value; do case $name in Cpus_allowed_list:) "
    'echo "$0 cores $value $$";; esac; done </proc/$$/status; exec "$@"'
)
_STAT = rb"%b \([^\n]*\) ([A-Z] [-\d ]+)\r?\n(?:(\d+) (\d+) \d+\r?\n)?\Z"
_UNTOLD = Reading(unavailable="the phone shows no counters of what has ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A process that has ended, and what its phone was doing.

    Args:
        stdout, stderr: raw bytes of the process alone.
        exit_status: as a shell has it: 128 and the signal's number for a killed process.
        telemetry_s: how long the looks took, by the phone's clock.
        cores: that it was allowed, as the kernel lists them; empty where it never began.
        cpu_s: CPU time of all its threads.
        run_s, run_queue_wait_s: how long its first thread ran, and waited for a core.
        before, after: the phone; ``None`` where it was not looked at.
        samples: of the phone while the process ran, if that took long.
    """

    stdout: bytes
    stderr: bytes
    exit_status: int
    timed_out: bool
    telemetry_s: float | None
    cores: str
    cpu_s: Reading = _UNTOLD
    run_s: float | None = None
    run_queue_wait_s: float | None = None
    before: State | None = None
    after: State | None = None
    spent: Spent | None = None
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How processes on a phone are watched.

    Args:
        phone: where they run.
        groups: its cores, those together that share a clock.
        counters: whether it ``keeps_counters``.
        look_s: how long a look at it may take; 0 for none.
    """

    phone: Phone
    groups: tuple[Group, ...]
    counters: bool
    look_s: float

    def run(
        self,
        command: Sequence[str],
        *,
        limit_s: float,
        first: str = "true",
        known: State | None = None,
    ) -> Watched:
        """Returns a process that has ended, with a look at the phone before and after it.

        Args:
            limit_s: when it is killed, with all that it started.
            first: a command to be done before.
            known: what the phone did a moment ago, instead of a look before.

        Raises:
            TransientDeviceError: the phone went away, or does not tell how the process ended.
        """
        word = secrets.token_hex(8)
        now = f'echo "{word} at $EPOCHREALTIME"'
        run = (_unreaped if self.counters else _reaped)(word, command)
        before = after = ""
        if self.look_s:
            samples = f"{self.phone.folder}/samples"
            counters = {_COUNTERS: counting(self.groups)}
            asked = "" if known else script(word, QUESTIONS)
            before = f"{asked}{_sampler(samples)}\n{script(word, counters)}"
            kept = {_SAMPLES: f"cat {samples}; rm {samples} {samples}.on"}
            after = f"{_sampled(samples)}\n{script(word, counters | QUESTIONS | kept)}"
        done = self.phone.shell(
            "\n".join([first, now, before + now, run, now, after + now]),
            limit_s=limit_s + 2 * self.look_s,
        )
        parts = re.split(rb"%b at (\S*)\r?\n" % word.encode(), done.stdout)
        ended = len(parts) > 2 * _AFTER
        if len(parts) <= 2 * (_AFTER + 1 if ended else _RUN):
            raise lost(self.phone.serial, "it did not tell its state in time")
        watched = self._ran(word, parts[2 * _RUN], ended=ended)
        times = [_seconds(each) for each in parts[1::2]]
        watched = replace(watched, stderr=done.stderr, telemetry_s=_telemetry_s(times))
        if not self.look_s or watched.timed_out:
            return watched
        looks = parts[2 * _BEFORE], parts[2 * _AFTER]
        return self._looked(watched, word, known, looks, begun_s=times[_RUN - 1])

    def _ran(self, word: str, output: bytes, *, ended: bool) -> Watched:
        """Returns what a process printed and left; without an end it was killed."""
        begun = re.match(rb"%b cores (\S*) (\d+)\r?\n" % word.encode(), output)
        if begun is not None:
            output = output[begun.end() :]
        left = _left(word, output, begun[2] if begun else rb"\d+") if ended else None
        if ended and left is None:
            raise lost(self.phone.serial, "it does not tell how a process ended")
        watched = Watched(
            stdout=output,
            stderr=b"",
            exit_status=KILLED_STATUS,
            timed_out=not ended,
            telemetry_s=None,
            cores=begun[1].decode(errors="replace") if begun else "",
        )
        if left is None:
            return watched
        return replace(
            watched,
            stdout=output[: left.begins_at],
            exit_status=left.exit_status,
            cpu_s=left.cpu_s,
            run_s=left.run_s,
            run_queue_wait_s=left.run_queue_wait_s,
        )

    def _looked(
        self,
        watched: Watched,
        word: str,
        known: State | None,
        looks: tuple[bytes, bytes],
        begun_s: float | None,
    ) -> Watched:
        before, after = looks
        first = answers(word, before.decode(errors="replace"), [*QUESTIONS, _COUNTERS])
        last = answers(word, after.decode(errors="replace"), [*QUESTIONS, _COUNTERS, _SAMPLES])
        return replace(
            watched,
            before=known or state_of(first),
            after=state_of(last),
            spent=spent(
                first[_COUNTERS],
                last[_COUNTERS],
                cores=cores_of(watched.cores),
                groups=self.groups,
                cpu_s=watched.cpu_s,
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
        begins_at: where it is told in the output, of which all before is the process's own.
    """

    begins_at: int
    exit_status: int
    cpu_s: Reading
    run_s: float | None = None
    run_queue_wait_s: float | None = None


def _unreaped(word: str, command: Sequence[str]) -> str:
    """Returns what runs a command and then shows its counters, as a shell's co-process."""
    told = "cat - /proc/$!/stat /proc/$!/schedstat <&p 2>/dev/null"
    return f"exec 4>&1\n({_proved(word, command)} 3>&1 1>&4 4>&- |&\nexec {told} 4>&-)\nexec 4>&-"


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
    """Returns what the end of an output tells of the process; ``None`` where it does not."""
    reaped = re.search(rb"%b ended (\d+)\r?\n\Z" % word.encode(), output)
    if reaped is not None:
        return _Left(begins_at=reaped.start(), exit_status=int(reaped[1]), cpu_s=_UNTOLD)
    found = re.search(_STAT % pid, output)
    words = found[1].split() if found else []
    if found is None or len(words) <= _STATUS or not int(words[_FLAGS]) & _EXITING:
        return None
    status = int(words[_STATUS])
    signal = status & _SIGNAL_BITS
    waited = found[2] is not None
    return _Left(
        begins_at=found.start(),
        exit_status=_SIGNALLED + signal if signal else status >> 8,
        cpu_s=Reading(value=round((int(words[_USER]) + int(words[_SYSTEM])) * TICK_S, 2)),
        run_s=int(found[2]) / 1e9 if waited else None,
        run_queue_wait_s=int(found[3]) / 1e9 if waited else None,
    )


def _sampler(samples: str) -> str:
    """Returns what looks at the phone now and then, once a process takes long."""
    # A shell ends in its wait, and takes the sleep along, which would outlive it.
    return (
        f"echo >{samples}.on\n( trap 'kill $!; exit' TERM; sleep {SAMPLED_AFTER_S} & wait; "
        f"while [ -s {samples}.on ]; do "
        f'echo "at $EPOCHREALTIME"; {SAMPLED}; sleep {SAMPLE_S} & wait; done '
        f") >{samples} 2>&1 & sampler=$!"
    )


def _sampled(samples: str) -> str:
    """Returns what ends the looks, also where the signal came before the trap and was lost."""
    return f": >{samples}.on; {{ kill $sampler; wait $sampler; }} 2>/dev/null"


def _samples(answer: Answer, begun_s: float | None) -> tuple[Sample, ...]:
    """Returns what was seen while a process ran that began at ``begun_s``."""
    parts = re.split(r"^at (\S*)\r?\n", answer.text, flags=re.MULTILINE)
    found = []
    for index, (at, text) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        now_s = _seconds(at)
        late_s = None if now_s is None or begun_s is None else round(now_s - begun_s, 1)
        at_s = SAMPLED_AFTER_S + index * SAMPLE_S if late_s is None else late_s
        found.append(sample_of(Answer(text=text, exit_status=0), at_s))
    return tuple(found)


def _seconds(text: bytes | str) -> float | None:
    try:
        return float(text)
    except ValueError:  # an old shell has no such clock
        return None


def _telemetry_s(times: Sequence[float | None]) -> float | None:
    looked, begun, ended, done = [*times, None, None, None, None][:4]
    if looked is None or begun is None or ended is None or done is None:
        return None
    return begun - looked + done - ended
