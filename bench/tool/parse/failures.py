"""Why a run failed: a table of error lines, the most reliable first, then the exit status."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.tool.parse.lines import Line

# Code, pattern of the line's beginning, and sentence for users ({0}, {1} are the pattern's groups).
_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("model-missing", r"Could not open '(.*)'", "the model file {0} cannot be opened"),
    ("model-missing", r"Model file not found: (.*)", "the model file {0} does not exist"),
    (
        "model-permission",
        r"Mmap of .* failed with error '13'",
        "the model file may not be read (permission or SELinux label)",
    ),
    ("model-empty", r"Mmap of .* failed with error '22'", "the model file is empty"),
    ("model-directory", r"Mmap of .* failed with error '19'", "the model path is a directory"),
    ("model-unreadable", r"Mmap of .* failed with error '(\d+)'", "mapping it gave errno {0}"),
    (
        "model-invalid",
        r"The model is not a valid Flatbuffer|Model provided has model identifier",
        "the model file is damaged or not a TFLite model",
    ),
    (
        "op-version",
        r"Didn't find op for builtin opcode '(.*?)' version '(.*?)'",
        "the tool is too old for operator {0} version {1}",
    ),
    (
        "flex-op",
        r"(?:Select TensorFlow op\(s\)|Regular TensorFlow ops are not supported)",
        "the model has TensorFlow operators, which this build of the tool lacks",
    ),
    (
        "custom-op",
        r"Encountered unresolved custom op: (.*?)\.",
        "the tool does not know the custom operator {0}",
    ),
    (
        "delegate-failed",
        r"(?:Delegate kernel was not initialized|Node number \d+ \(\w*Delegate\w*\) failed to pre"
        r"|Restored original execution plan after delegate|hexagon_nn_config failed)",
        "the delegate could not be applied",
    ),
    ("delegate-failed", r"Failed to apply (.+?) delegate\.", "the {0} delegate was not applied"),
    (
        "delegate-failed",
        r"Attempting to use a delegate that only supports static-sized tensors",
        "the delegate cannot run a graph with dynamic shapes",
    ),
    (
        "shape",
        r"\S+\.cc:\d+ (.+(?:[!=<>]=| [<>] |was not true).*)",
        "an operator refused its shapes or types: {0}",
    ),
    ("prepare-failed", r"Node number \d+ \((.*)\) failed to prepare", "operator {0}"),
    ("invoke-failed", r"Node number \d+ \((.*)\) failed to invoke", "operator {0} failed"),
    ("invoke-failed", r"Run failed$|Failed to invoke", "an inference failed"),
    (
        "full-delegation-refused",
        r"(?:Disallowed CPU fallback detected|Model is not fully accelerated but"
        r"|Hint fully delegated to single delegate is set, but)",
        "the delegate did not take the whole graph, which was required",
    ),
    (
        "flag-value",
        r"Requesting full delegation and CPU acceleration are incompatible",
        "require_full_delegation needs use_cpu=false",
    ),
    (
        "flag-value",
        r"Failed to parse flag '(.*?)' against argv '(.*)'",
        "{1} is not a value for {0}",
    ),
    (
        "flag-value",
        r"((?:Wrong .*input value (?:range|file)|There are invalid perf options"
        r"|The number of items in +--input_layer_shape|Any unknown sizes in the shapes"
        r"|Incorrect size string|Cannot find the corresponding input_layer name"
        r"|Inputs mismatch|Input tensor #\d+ should have).*)",
        "{0}",
    ),
    ("no-graph", r"Please specify the name of your TF Lite input file", "no --graph=FILE given"),
    ("usage", r"usage: (\S+)", "this is the usage text of {0}, not a run"),
    (
        "input-file",
        r"((?:The size of .+ is \S+ bytes\. It should be|Failed to read the input_layer_value_file"
        r"|The number of string in the input_layer_value_file).*)",
        "{0}",
    ),
    (
        "input-type",
        r"((?:Populating the tensor|Don't know how to populate tensor).*)",
        "no default input for this type: {0}",
    ),
    ("signature", r"(Signature .* not found.*)", "{0}"),
    (
        "wrong-abi",
        r".*(?:not executable: (?:32|64)-bit ELF|Exec format error|cannot execute binary file"
        r"|is (?:32|64)-bit instead of (?:32|64)-bit|has unexpected e_machine)",
        "the tool was built for another processor or word size",
    ),
    (
        "library-missing",
        r".*(?:CANNOT LINK EXECUTABLE.*? library|error while loading shared libraries:)"
        r" \"?([^\s:\"]+)",
        "the tool cannot be linked on this device without {0}",
    ),
    (
        "library-mismatch",
        r".*(?:CANNOT LINK EXECUTABLE.*cannot locate symbol \""
        r"|symbol lookup error: .*undefined symbol: "
        r"|: version `(?=\S+ not found \(required by))([^\s\"']+)",
        "a library on this device lacks {0}",
    ),
    ("not-executable", r".*(?:can't execute|: Permission denied$)", "the tool may not be executed"),
    (
        "tool-missing",
        r".*sh: (?:.* )?([^\s:]+): (?:inaccessible or )?(?:not found|No such file or directory)$",
        "{0} was not found",
    ),
    ("crashed", r"Segmentation fault|Fatal signal \d+ \((\w+)\)", "the process crashed {0}"),
    ("killed", r"Killed$", "the system killed the process"),
    ("aborted", r"Aborted(?: \(core dumped\))?$", "the process aborted"),
)
# Consequences of a cause; they are the reason only if no cause was printed.
_CONSEQUENCES: tuple[tuple[str, str, str], ...] = (
    ("model-invalid", r"Failed to load model(?: (.*))?", "the model could not be loaded"),
    ("tool-failed", r"(Failed to (?:initialize|allocate|compile|create) .*)", "{0}"),
    ("tool-failed", r"(\w+(?:Error|Exception): .*)", "{0}"),
    ("tool-failed", r"Benchmarking failed", "the tool reports that it failed"),
)
_TABLE = tuple(
    tuple((code, re.compile(pattern), text) for code, pattern, text in rows)
    for rows in (_CAUSES, _CONSEQUENCES)
)
# After these lines even complete statistics are worthless.
_FATAL = re.compile(
    r"Benchmarking failed|Node number \d+ \(.*\) failed to invoke|Run failed$|Segmentation fault"
    r"|Fatal signal"
)
# Lines of these levels never report a failure. Logcat's own levels are not reliable.
_HARMLESS = ("VERBOSE", "DEBUG", "INFO", "WARN", "WARNING")
# By Linux's numbers, because the status comes from a phone and not from this machine.
_SIGNALS = {
    1: ("killed", "SIGHUP"),
    2: ("killed", "SIGINT"),
    4: ("crashed", "SIGILL"),
    5: ("crashed", "SIGTRAP"),
    6: ("aborted", "SIGABRT"),
    7: ("crashed", "SIGBUS"),
    8: ("crashed", "SIGFPE"),
    9: ("killed", "SIGKILL"),
    11: ("crashed", "SIGSEGV"),
    13: ("killed", "SIGPIPE"),
    15: ("killed", "SIGTERM"),
    31: ("crashed", "SIGSYS"),
}


def find(lines: Iterable[Line]) -> tuple[str | None, bool]:
    """Returns code and sentence of the first line that gives a cause of a failure; else ``None``.

    And whether that counts even if all statistics were printed.
    """
    candidates = [line for line in lines if line.logcat or line.level not in _HARMLESS]
    fatal = any(line.level == "FATAL" or _FATAL.match(line.text) for line in candidates)
    for rows in _TABLE:
        for line in candidates:
            if sentence := _classify(line.text, rows):
                return sentence, fatal
    messages = [f"fatal: {line.text}" for line in candidates if line.level == "FATAL"]
    return next(iter(messages), None), fatal


def exit_status(status: int | None) -> str | None:
    """Returns the failure of a shell's or ``subprocess``'s exit status; ``None`` for 0."""
    if not status:
        return None
    if ending := _SIGNALS.get(-status if status < 0 else status - 128):
        code, name = ending
        return f"{code}: the process ended by {name} (exit status {status})"
    codes = {
        124: ("timeout", "the time limit was reached"),
        126: ("not-executable", "the tool could not be executed"),
        127: ("tool-missing", "the tool was not found"),
    }
    code, text = codes.get(status, ("exit-status", "the tool reported a failure"))
    return f"{code}: {text} (exit status {status})"


def _classify(text: str, rows: Iterable[tuple[str, re.Pattern[str], str]]) -> str | None:
    for code, pattern, sentence in rows:
        if match := pattern.match(text):
            words = sentence.format(*(group or "" for group in match.groups()))
            return f"{code}: {words.strip()}"
    return None
