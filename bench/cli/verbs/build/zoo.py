"""``frill-bench zoo list|show|add|lint|parity``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli import flags as shared
from bench.cli import own_flags
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core import config, units
from bench.core.artifact import Artifact, Format, Role
from bench.core.errors import ConfigurationError
from bench.core.units import GAP, counted, percent, significant

if TYPE_CHECKING:
    from models.convert.layer_fidelity import Layer, LayerFidelity

_PATCHES = 50


class Options(shared.VerbOptions):
    """What the parser of ``zoo`` sets."""

    action: str
    name: str
    patches: int
    audio: Path | None
    db: str | None
    zoo: Path
    file: Path
    frontend: str | None
    role: Role | None
    window_s: float | None
    hop_s: float | None
    input_scale: float
    output_scale: float
    output_offset: float
    refs: list[str]
    fail_on: str
    device_class: list[str]
    delegate: str | None
    sarif: Path | None
    junit: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``zoo``."""
    parser.epilog = "example: frill-bench zoo show frill --json"
    actions = parser.add_subparsers(
        dest="action", metavar="list|show|add|lint|parity", required=True
    )
    listing = actions.add_parser("list", help="list the artifacts", allow_abbrev=False)
    show = actions.add_parser(
        "show", help="show everything known about one model", allow_abbrev=False
    )
    show.add_argument("name", metavar="NAME", help="a model in the zoo, or one that can be built")
    add = actions.add_parser("add", help="add a .tflite file", allow_abbrev=False)
    add.add_argument("file", type=Path, metavar="FILE", help="a .tflite file")
    add.add_argument("--name", help="its name in the zoo (default: its file name)")
    add.add_argument(
        "--frontend",
        metavar="NAME",
        help="model in the zoo that makes its input from audio (default: FRILL's front-end)",
    )
    own_flags.add_role(add)
    own_flags.add_scale(add)
    lint = _add_lint(actions)
    parity = actions.add_parser(
        "parity",
        help="show which layers of a converted file lose most against float32",
        allow_abbrev=False,
        epilog="example: frill-bench zoo parity small_w1.0_keras3_gap_e2048_unfused.int8",
    )
    parity.add_argument(
        "name", metavar="NAME[.FORMAT]", help="a model in the zoo: all its formats, or one"
    )
    parity.add_argument(
        "--patches",
        type=int,
        default=_PATCHES,
        metavar="N",
        help=f"held-out patches to run it on (default: {_PATCHES})",
    )
    shared.add_audio(parity)
    parity.add_argument(
        "--db",
        metavar="FILE",
        help="results database; also explains why int8 is slower or faster on its devices",
    )
    for sub in (listing, show, add, lint, parity):
        shared.add_zoo(sub)
        shared.add_json(sub)


def _add_lint(actions: Any) -> argparse.ArgumentParser:
    """Adds ``zoo lint``, and returns its parser."""
    lint: argparse.ArgumentParser = actions.add_parser(
        "lint",
        help="show what a delegate leaves or splits, by graphs and by what was run",
        allow_abbrev=False,
        epilog="example: frill-bench zoo lint models --fail-on partitions,operators-left,dynamic",
    )
    add = lint.add_argument
    add("refs", nargs="*", metavar="REF", help="a .tflite file, a folder, or a name in the zoo")
    rules = "fallback, partitions, operators-left, dynamic, unknown"
    add(
        "--fail-on",
        default="",
        metavar="RULES",
        help=f"end with exit code 4 if one of these is found: {rules}",
    )
    add(
        "--for",
        dest="device_class",
        action="append",
        default=[],
        metavar="CLASS",
        help="a device class: here (XNNPACK on this machine), or the name or model of devices in "
        "--db, such as 'Pixel 8' or 'pixel*'; repeatable; what was not run there is unknown "
        "(default: here, and every device in --db)",
    )
    add("--delegate", help="only what this delegate did (default: all)")
    add("--db", metavar="FILE", help="results database, for what was observed on devices")
    add("--sarif", type=Path, metavar="FILE", help="write SARIF 2.1.0, for code scanning")
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    return lint


def run(options: Options) -> int:
    """Runs one action and returns the exit code."""
    if options.action == "lint":
        return _lint(options)
    actions = {"list": _list, "show": _show, "add": _add, "parity": _parity}
    actions[options.action](options)
    return 0


def _lint(options: Options) -> int:
    from contextlib import nullcontext
    from datetime import UTC, datetime

    from bench.cli.shown.lint import show
    from bench.cli.terminal import one_bar
    from bench.flow.build.lint import Asked, files_of, lint
    from bench.plan.case import ASKABLE, Delegate
    from bench.store.store import Store
    from reports.lint.findings import Rule

    started_at = datetime.now(UTC)
    allowed = [rule.value for rule in Rule if rule is not Rule.UNREADABLE]
    rules = shared.words(options.fail_on, allowed, "rule") if options.fail_on else []
    askable = [each.value for each in ASKABLE if each is not Delegate.NONE]
    if options.delegate is not None:
        shared.words(options.delegate, askable, "delegate")
    asked = Asked(
        fail_on=frozenset(map(Rule, rules)),
        classes=tuple(dict.fromkeys(options.device_class)),
        delegate=None if options.delegate is None else Delegate(options.delegate),
    )
    paths = files_of(options.refs, zoo=options.zoo)
    opened = nullcontext() if options.db is None else Store.open(options.db, create=False)
    with opened as store, one_bar("lint", "lint {}") as on_progress:
        found = lint(paths, asked, store=store, on_progress=on_progress)
    return show(found, options, started_at=started_at)


def _list(options: Options) -> None:
    from bench.cli.terminal import print_rows
    from models.zoo import Zoo

    artifacts = Zoo(options.zoo).artifacts()
    if not artifacts:
        print_to_stderr(
            f"{options.zoo}: holds no artifacts; make some with frill-bench convert or zoo add"
        )
    if options.json:
        print_json({"zoo": str(options.zoo), "artifacts": config.unstructure(artifacts)})
        return
    print_rows(
        ("model", "format", "size", "parameters", "partitions", "cosine", "caveats"),
        (
            (
                each.name,
                each.format.value,
                units.size(each.size_bytes),
                f"{each.parameters:,}",
                "-" if each.partitions is None else str(each.partitions.partitions),
                "-" if each.fidelity is None else f"{each.fidelity.cosine_mean:.4f}",
                ", ".join(caveat.kind.value for caveat in each.caveats),
            )
            for each in artifacts
        ),
    )


def _show(options: Options) -> None:
    from bench.cli.terminal import print_rows
    from models.zoo import Zoo

    document = _description(options.name, Zoo(options.zoo).artifacts())
    if options.json:
        print_json(document)
        return
    rows = [
        (key, f"{value:,}" if isinstance(value, int) else str(value))
        for key, value in document.items()
        if key != "formats"
    ]
    for each in document["formats"]:
        rows.append((each["format"], f"{each['size_bytes']:,} bytes, sha256 {each['sha256']}"))
    print_rows(("what", "value"), rows, show_header=False)


def _description(name: str, artifacts: list[Artifact]) -> dict[str, Any]:
    """Returns the facts about a model: from its manifests, else from its architecture."""
    from models.student.buildable import FRONTENDS, Buildable, architecture, parse
    from models.student.spec import refuse_former

    files = [each for each in artifacts if each.name == name]
    model: Buildable | None = None
    try:
        model = parse(name)
    except ConfigurationError:
        if not files:
            refuse_former(name)
            fronts = (each.name for each in FRONTENDS)
            names = sorted({"frill", *fronts, *(each.name for each in artifacts)})
            raise ConfigurationError(
                f"no model {name!r} in the zoo, and no model of that name can be built"
                f"{config.near(name, names)}",
                hint="frill-bench zoo list, or a name such as small_w1.0_keras3_gap_e2048_unfused",
            ) from None
    if model is not None:
        files = files or [each for each in artifacts if each.name == model.name]
        document: dict[str, Any] = {"name": files[0].name if files else model.name}
        document |= config.unstructure(architecture(model))
    else:
        first = files[0]
        document = {
            "name": first.name,
            "parameters": first.parameters,
            "macs": first.macs,
            "input_shapes": [list(each.shape) for each in first.inputs],
            "output_shapes": [list(each.shape) for each in first.outputs],
            "frontend": first.frontend,
            "calls_to_fill": first.calls_to_fill,
        }
    document["weights"] = files[0].weights.value if files else "not built"
    document["formats"] = [config.unstructure(each) for each in files]
    return document


def _add(options: Options) -> None:
    from models.graph.scaled import Scale, scaled_copy
    from models.zoo import Zoo

    zoo = Zoo(options.zoo)
    window = own_flags.samples("--window-s", options.window_s)
    scale = Scale(
        input_scale=options.input_scale,
        output_scale=options.output_scale,
        output_offset=options.output_offset,
    )
    with scaled_copy(options.file, scale, window=window) as copy:
        artifact = zoo.add(
            copy,
            name=options.name,
            frontend_name=options.frontend,
            role=options.role,
            window_samples=window,
            hop_samples=own_flags.samples("--hop-s", options.hop_s),
            provenance=scale.provenance(options.file),
        )
    if options.json:
        print_json(config.unstructure(artifact))
    else:
        inputs = ", ".join(f"{each.dtype} {list(each.shape)}" for each in artifact.inputs)
        outputs = ", ".join(f"{each.dtype} {list(each.shape)}" for each in artifact.outputs)
        print_line(f"{artifact.name}: {artifact.role.value}, {artifact.format.value}")
        print_line(f"  {inputs} -> {outputs}")
        print_line(f"  {artifact.size_bytes:,} bytes, {artifact.parameters:,} parameters")
        print_line(f"  sha256 {artifact.sha256}")
        for caveat in artifact.caveats:
            print_line(f"  {caveat.text}: {caveat.evidence}")
    print_to_stderr(f"wrote {zoo.path(artifact)} and its manifest")


def _parity(options: Options) -> None:
    from bench.flow.build.layer_fidelity import compare_formats, converted_files, why_int8_slower
    from bench.store.store import Store
    from models.zoo import Zoo

    if options.patches < 1:
        raise ConfigurationError(
            f"--patches {options.patches} is not a number of patches", hint="give 1 or more"
        )
    zoo = Zoo(options.zoo)
    artifacts = converted_files(zoo, options.name)
    reasons: dict[str, list[tuple[str, str]]] = {}
    if options.db is not None:
        with Store.open(options.db, create=False) as store:
            for each in artifacts:
                if each.format is Format.INT8:
                    reasons[each.sha256] = why_int8_slower(store, each)
    compared = compare_formats(zoo, artifacts, patches=options.patches, audio=options.audio)
    if options.json:
        print_json(
            {
                "name": artifacts[0].name,
                "formats": [
                    _losses(artifact, fidelity, reasons.get(artifact.sha256, []))
                    for artifact, fidelity in compared
                ],
            }
        )
    else:
        for artifact, fidelity in compared:
            _print_losses(artifact, fidelity, reasons.get(artifact.sha256, []))
    for sha256, sentences in reasons.items():
        if not sentences:
            print_to_stderr(
                f"{options.db}: holds no timing of the int8 file {sha256[:12]} and its float32"
            )


def _losses(
    artifact: Artifact, fidelity: LayerFidelity, reasons: list[tuple[str, str]]
) -> dict[str, Any]:
    from models.convert import layer_fidelity

    return {
        **config.unstructure(fidelity),
        "sha256": artifact.sha256,
        "sentence": layer_fidelity.sentence(fidelity),
        "float_ops": artifact.float_ops,
        "partitions": config.unstructure(artifact.partitions),
        "why_slower": [{"device": device, "sentence": line} for device, line in reasons],
    }


def _print_losses(
    artifact: Artifact, fidelity: LayerFidelity, reasons: list[tuple[str, str]]
) -> None:
    from bench.cli.terminal import print_rows
    from models.convert import layer_fidelity

    print_line(f"{artifact.name}.{artifact.format.value}, {fidelity.patches} held-out patches")
    is_int8 = artifact.format is Format.INT8
    ranges = ("clipped %", "range") if is_int8 else ()
    numbers = ("SNR dB", "lost dB", *ranges, "float32", "float32 99 %")
    rows = [_cells(layer, is_int8=is_int8) for layer in layer_fidelity.worst(fidelity)]
    print_rows(("layer", "op", *numbers), rows, right=numbers)
    floats = ", ".join(f"{count} {op}" for op, count in artifact.float_ops.items())
    print_line(f"operators in float: {floats or 'none'}")
    if artifact.partitions is not None:
        split = artifact.partitions
        partitions = counted(split.partitions, "partition")
        left = ", ".join(f"{count} {op}" for op, count in split.left.items())
        print_line(
            f"XNNPACK: {partitions}, {split.nodes_delegated} of {split.nodes_total} operators"
            + (f"; not delegated: {left}" if left else "")
        )
    print_line(layer_fidelity.sentence(fidelity))
    for device, line in reasons:
        print_line(f"on {device}: {line}")
    print_line()


def _cells(layer: Layer, *, is_int8: bool) -> list[str]:
    cells = [
        layer.name,
        layer.op,
        GAP if layer.snr_db is None else f"{layer.snr_db:.1f}",
        f"{layer.lost_db:.1f}",
    ]
    if is_int8:
        low, high = layer.low, layer.high
        has_range = low is not None and high is not None
        cells += [
            GAP if layer.clipped_ratio is None else percent(layer.clipped_ratio),
            f"{significant(low or 0)} to {significant(high or 0)}" if has_range else GAP,
        ]
    ends = f"{significant(layer.float_min)} to {significant(layer.float_max)}"
    return [*cells, ends, significant(layer.float_p99)]
