"""`mixtune predict`: relations between two entities of a text, predicted with an adapter."""

import argparse
import contextlib
import functools
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..artifacts.manifests import replacing
from ..data.example import Example
from ..data.readers.mention_forms import Markers
from ..errors import UserError
from ..inference.lines import Lines
from ..inference.streams import FIELDS, FORMATS, InputRow, parse_example, read_label_list, read_rows, windows
from ..terminal import bar
from .values import input_file, output_file, whole_number

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..inference.labeller import Labeller

ABOUT = """\
Predicts the relation between two entities of a text, with the code of the workflow's own prediction.

Input, JSON (one object per line, or one array of objects), CSV or TSV with a header: text, head and tail; optionally
head_start, head_end, tail_start and tail_end, the character offsets of the mentions (end exclusive; -1: not in the
text). JSON objects may also have the form of OpenNRE (token or text, h, t) or FewRel (tokens, h, t). Output, JSON Lines
in the input's order: all fields of the input line, with relation and confidence added (or replaced). Under --condition
constrained, confidence is the label's probability among all labels, 0 to 1; under the other conditions it is null.
Output is written as soon as it is predicted: lines from a pipe are labelled as they arrive."""

STATUS = """\
A line that cannot be labelled is reported on standard error with its number and omitted from the output; all other
lines are labelled. Exit status: 0 every line was labelled; 1 an error ended the command, and its message names the
remedy; 2 wrong usage; 3 some lines could not be labelled, all others were; 130 interrupted: only complete lines were
written."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "predict",
        help="predict relations with an adapter",
        description=ABOUT,
        epilog=STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = command.add_argument
    option("--adapter", required=True, help="folder of a LoRA adapter (PEFT), or hub id: owner/name[@revision]")
    option("--base", help="its base model: folder (results/models/NAME), or hub id; default: as the adapter names it")
    option("--input", type=input_file, metavar="FILE", help="default: standard input")
    option("--format", choices=FORMATS, help="format of the input; default: by the file's extension, else jsonl")
    option(
        "--quoting",
        choices=("none", "csv"),
        help="quotation marks in CSV and TSV: plain characters, or around cells as in CSV; default: csv for CSV, "
        "and for TSV as its rows show",
    )
    option("--output", type=output_file, metavar="FILE", help="appears once complete; default: standard output")
    option(
        "--markers",
        nargs="+",
        metavar="MARKER",
        help="markers of the mentions in the texts of input and demonstrations, in place of head and tail: opening and "
        "closing of the head, then of the tail, e.g. '<<' '>>' '[[' ']]'; or one placeholder each, as the mention",
    )
    option("--text", help="one text, instead of --input; needs --head and --tail, or --markers")
    option("--head", help="mention of its head entity")
    option("--tail", help="mention of its tail entity")
    option(
        "--condition",
        choices=("generic", "schema", "constrained"),
        default="generic",
        help="generic: prompt without label list (default); schema: prompt with the labels of --labels; constrained: "
        "the same prompt, decoding restricted to these labels",
    )
    option(
        "--labels",
        type=input_file,
        metavar="FILE",
        help="text file with one label per line, or a benchmark's labels.json",
    )
    option(
        "--demonstrations",
        type=input_file,
        metavar="FILE",
        help="rows with text, head, tail and relation, put into every prompt (for adapters tuned with shots)",
    )
    option("--device", type=_device, help="cpu, cuda or cuda:N; default: MIXTUNE_DEVICE, else cuda")
    option("--max-length", type=whole_number(16), default=4096, help="maximum tokens of a prompt (default: 4096)")
    option(
        "--max-new-tokens", type=whole_number(1), default=32, help="maximum tokens of a generated answer (default: 32)"
    )
    command.set_defaults(function=functools.partial(_check_and_predict, command))


def _device(text: str) -> str:
    if not re.fullmatch("cpu|cuda(:[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError(f"unknown device {text}; must be cpu, cuda or cuda:N")
    return text


def _check_and_predict(command: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse wrong usage, predict, and exit with the status that STATUS describes."""
    single = {name: getattr(args, name) for name in FIELDS if getattr(args, name) is not None}
    needed = FIELDS[:1] if args.markers else FIELDS
    if single and (args.input or {*single} != {*needed}):
        marked = "with --markers, --text must be given alone: without --head, --tail and --input"
        unmarked = "--text, --head and --tail must be given together, and without --input"
        command.error(marked if args.markers else unmarked)
    args.markers = _parse_markers(command, args.markers)
    if args.condition != "generic" and not args.labels:
        command.error(f"--condition {args.condition} needs --labels")
    try:
        rows = [InputRow(1, single, parse_example(single, markers=args.markers))] if single else None
    except ValueError as error:
        command.error(str(error))
    try:
        unlabelled = predict(args, rows)
    except KeyboardInterrupt:
        sys.exit(130)
    if unlabelled:
        sys.exit(3)


def _parse_markers(command: argparse.ArgumentParser, markers: list[str] | None) -> Markers | None:
    """Return the markers of head and tail; other usage is refused."""
    if not markers:
        return None
    half = len(markers) // 2
    head, tail = markers[:half], markers[half:]
    if len(markers) not in (2, 4) or head == tail or any(marker.strip() != marker or not marker for marker in markers):
        command.error(
            "--markers: give four, opening and closing of head and tail, or two placeholders; they must differ"
        )
    return {"head": head, "tail": tail}


def predict(args: argparse.Namespace, rows: list[InputRow] | None = None) -> int:
    """Label the given rows, or those of the input; returns the number of rows that could not be labelled."""
    labels = read_label_list(args.labels) if args.labels else []
    demonstrations = _read_demonstrations(args) if args.demonstrations else []
    name = "--text" if rows else str(args.input or "standard input")
    with contextlib.ExitStack() as stack:
        lines = None
        if not rows:
            file = stack.enter_context(open(args.input or 0, "rb", buffering=0, closefd=bool(args.input)))
            lines = Lines(file)
        form = _input_format(args.input, args.format)
        stream = iter(rows or ())
        if lines:
            stream = read_rows(lines, form, name, quoting=args.quoting, markers=args.markers)
        labeller = _load_labeller(args, labels, demonstrations)
        output = stack.enter_context(_open_output(args.output))
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))  # libraries may print
        # On a terminal, predictions show the progress, and a bar would appear between them.
        progress = stack.enter_context(bar(sys.stderr.isatty() and not output.isatty()))
        done, unlabelled = _label_stream(labeller, stream, lines, output, name, progress)
    for part, count in sorted(labeller.cut.items()):
        print(f"prompts that lost {part} to fit into {labeller.max_length:,} tokens: {count:,}", file=sys.stderr)
    if unlabelled:
        print(f"{unlabelled:,} of {done + unlabelled:,} lines could not be labelled", file=sys.stderr)
    return unlabelled


def _load_labeller(args: argparse.Namespace, labels: list[str], demonstrations: list[Example]) -> "Labeller":
    """Load base model and adapter; torch takes seconds to import, so wrong usage and input are refused before."""
    from ..devices.compute import choose_device
    from ..inference.labeller import Labeller
    from ..models.resolve import adapter_folder, base_folder

    adapter = adapter_folder(args.adapter)
    return Labeller(
        base_folder(args.base, adapter),
        adapter,
        choose_device(args.device or os.environ.get("MIXTUNE_DEVICE")),
        condition=args.condition,
        labels=labels,
        demonstrations=demonstrations,
        max_length=args.max_length,
        max_new_tokens=args.max_new_tokens,
    )


def _label_stream(
    labeller: "Labeller",
    stream: Iterator[InputRow | None],
    lines: Lines | None,
    output: IO[bytes],
    name: str,
    progress: "Progress",
) -> tuple[int, int]:
    """Label a stream and write its records; returns the numbers of labelled and of refused rows.

    Args:
        lines: The lines behind the stream; None if it does not come from a file or pipe.
        name: The stream's name in messages.
    """
    done, unlabelled = 0, 0
    task = progress.add_task("", total=lines.size if lines else None, note="")
    for window in windows(stream, lines.is_ready if lines else lambda: True, labeller.window):
        records, refused = labeller.label(window)
        for row in refused:
            print(f"{name}: line {row.number}: {row.problem}", file=sys.stderr)
        _write(output, records)
        done, unlabelled = done + len(records), unlabelled + len(refused)
        note = f"{done:,} labelled, {unlabelled:,} not"
        progress.update(task, completed=lines.taken if lines else None, note=note)
    return done, unlabelled


def _input_format(path: Path | None, chosen: str | None) -> str:
    suffix = path.suffix[1:].lower() if path else ""
    return chosen or (suffix if suffix in FORMATS else FORMATS[0])


def _read_demonstrations(args: argparse.Namespace) -> list[Example]:
    """Read demonstrations from a file; unlike input rows, each must be valid, and there must be one."""
    path: Path = args.demonstrations
    with path.open("rb", buffering=0) as file:
        options = {"quoting": args.quoting, "markers": args.markers}
        read = read_rows(Lines(file), _input_format(path, None), str(path), has_relation=True, **options)
        rows = list(filter(None, read))
    for row in rows:
        if row.problem:
            raise UserError(f"{path}: line {row.number}: {row.problem}")
    if not rows:
        raise UserError(f"{path} is empty; give at least one demonstration, or omit --demonstrations")
    return [row.example for row in rows if row.example]


@contextlib.contextmanager
def _open_output(path: Path | None) -> Iterator[IO[bytes]]:
    """Open standard output, or a file that appears once complete; a pipe or device is opened directly."""
    if path is None:
        yield sys.stdout.buffer
    elif path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
    else:
        with replacing(path) as temporary, temporary.open("wb") as file:
            yield file


def _write(output: IO[bytes], records: Sequence[Mapping[str, object]]) -> None:
    """Write lines; all of them are written before Ctrl-C takes effect."""
    # Half of a surrogate pair has no bytes in UTF-8: it is written as JSON's escape.
    lines = [f"{json.dumps(record, ensure_ascii=False)}\n".encode(errors="backslashreplace") for record in records]
    interrupts = []
    handler = signal.signal(signal.SIGINT, lambda *_: interrupts.append(True))
    try:
        output.write(b"".join(lines))
        output.flush()
    finally:
        signal.signal(signal.SIGINT, handler)
    if interrupts:
        signal.raise_signal(signal.SIGINT)
