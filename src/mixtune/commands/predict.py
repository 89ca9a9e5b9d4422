"""`mixtune predict`: relations for texts with two entities, by an adapter."""

import argparse
import contextlib
import functools
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..artifacts.manifests import replacing
from ..data.example import Example
from ..errors import UserError
from ..inference.streams import FIELDS, FORMATS, InputRow, Lines, parse_example, read_label_list, read_rows, windows
from ..terminal import bar

ABOUT = """\
Labels the relation between two entities of a text, as the workflow's prediction does.

Input, JSON Lines, CSV or TSV with a header: text, head and tail; optionally head_start, head_end, tail_start and
tail_end, character offsets (end exclusive) at which the mentions stand. Output, JSON Lines in the input's order: the
line's own fields, with relation and confidence (in place of fields of these names). Confidence is the label's
probability among all labels, 0 to 1, under --condition constrained; elsewhere nothing is compared, and it is null.
Answers are written as they are found: of a pipe, what has arrived is labelled at once."""

STATUS = """\
A line that cannot be labelled is told on standard error with its number, is left out of the output, and the rest goes
on. Exit status: 0 every line was labelled; 1 something stopped it, and the message says what to do; 2 wrong usage;
3 some lines could not be labelled, and all others were; 130 interrupted: what was written is whole lines."""


def add(commands: Any) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "predict",
        help="label relations with an adapter",
        description=ABOUT,
        epilog=STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = command.add_argument
    option("--adapter", required=True, help="folder of a LoRA adapter (PEFT), or hub id: owner/name[@revision]")
    option("--base", help="its base model, folder or hub id; default: what the adapter's config names")
    option("--input", type=_file, metavar="FILE", help="default: standard input")
    option("--format", choices=FORMATS, help="of the input; default: by the file's name, else jsonl")
    option("--output", type=Path, metavar="FILE", help="there when it is whole; default: standard output")
    option("--text", help="one sentence, instead of --input; with")
    option("--head", help="its first entity, and")
    option("--tail", help="its second one")
    option(
        "--condition",
        choices=("generic", "schema", "constrained"),
        default="generic",
        help="generic: no list of labels in the prompt (default); schema: with that of --labels; constrained: with it, "
        "and nothing else can be the answer",
    )
    option("--labels", type=_file, metavar="FILE", help="one label a line, or a benchmark's labels.json")
    option(
        "--demonstrations",
        type=_file,
        metavar="FILE",
        help="rows with a relation, too, shown before every question (for adapters tuned with shots)",
    )
    option("--device", type=_device, help="cpu, cuda or cuda:N; default: MIXTUNE_DEVICE, else cuda")
    option("--max-length", type=int, default=4096, help="tokens of a prompt (default: 4096)")
    option("--max-new-tokens", type=int, default=32, help="tokens of an answer (default: 32)")
    command.set_defaults(function=functools.partial(_checked, command))


def _file(text: str) -> Path:
    if not Path(text).exists() or Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no file")
    return Path(text)


def _device(text: str) -> str:
    if not re.fullmatch("cpu|cuda(:[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError(f"{text} is none of cpu, cuda, cuda:N")
    return text


def _checked(command: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse wrong usage, label, and end with the status that tells how it went."""
    single = {name: getattr(args, name) for name in FIELDS if getattr(args, name) is not None}
    if single and (args.input or len(single) < len(FIELDS)):
        command.error("--text, --head and --tail go together, and without --input")
    if args.condition != "generic" and not args.labels:
        command.error(f"--condition {args.condition} needs --labels")
    try:
        rows = [InputRow(1, single, parse_example(single))] if single else None
    except ValueError as error:
        command.error(str(error))
    try:
        unlabelled = predict(args, rows)
    except KeyboardInterrupt:
        sys.exit(130)
    if unlabelled:
        sys.exit(3)


def predict(args: argparse.Namespace, rows: list[InputRow] | None = None) -> int:
    """Label every row, of the input unless rows are given; returns how many could not be labelled."""
    labels = read_label_list(args.labels) if args.labels else []
    shown = list(_demonstrations(args.demonstrations)) if args.demonstrations else []
    name, done, unlabelled = "--text" if rows else str(args.input or "standard input"), 0, 0
    with contextlib.ExitStack() as stack:
        lines = None
        if not rows:
            file = stack.enter_context(open(args.input or 0, "rb", buffering=0, closefd=bool(args.input)))
            lines = Lines(file)
        given = read_rows(lines, _format(args.input, args.format), name) if lines else iter(rows)

        # torch takes seconds to import: what can be refused before has been by now.
        from ..devices.compute import choose_device
        from ..inference.labeller import Labeller
        from ..models.fetch_adapter import adapter_folder, base_folder

        adapter = adapter_folder(args.adapter)
        labeller = Labeller(
            base_folder(args.base, adapter),
            adapter,
            choose_device(args.device or os.environ.get("MIXTUNE_DEVICE")),
            condition=args.condition,
            labels=labels,
            demonstrations=shown,
            max_length=args.max_length,
            max_new_tokens=args.max_new_tokens,
        )
        output = stack.enter_context(_output(args.output))
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))  # libraries may print
        # Answers on a terminal are progress enough, and a bar would stand between them.
        progress = stack.enter_context(bar(sys.stderr.isatty() and not output.isatty()))
        task = progress.add_task("", total=lines and lines.size, note="")
        for window in windows(given, lines.is_ready if lines else lambda: True, labeller.window):
            records, refused = labeller.label(window)
            for row in refused:
                print(f"{name}: line {row.number}: {row.problem}", file=sys.stderr)
            _write(output, records)
            done, unlabelled = done + len(records), unlabelled + len(refused)
            progress.update(task, completed=lines and lines.taken, note=f"{done:,} labelled, {unlabelled:,} not")
    for what, count in sorted(labeller.cut.items()):
        print(f"prompts that lost {what} to fit into {labeller.max_length:,} tokens: {count:,}", file=sys.stderr)
    if unlabelled:
        print(f"{unlabelled:,} of {done + unlabelled:,} lines could not be labelled", file=sys.stderr)
    return unlabelled


def _format(path: Path | None, form: str | None) -> str:
    suffix = path.suffix[1:] if path else ""
    return form or (suffix if suffix in FORMATS else FORMATS[0])


def _demonstrations(path: Path) -> Iterator[Example]:
    """Demonstrations of a file; of these, each must be good."""
    with path.open("rb", buffering=0) as file:
        for row in read_rows(Lines(file), _format(path, None), str(path), has_relation=True):
            if row and row.problem:
                raise UserError(f"{path}: line {row.number}: {row.problem}")
            if row:
                yield row.example


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that is there when it is whole; a pipe or a device is opened as it is."""
    if path is None:
        yield sys.stdout.buffer
    elif path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
    else:
        with replacing(path) as temporary, temporary.open("wb") as file:
            yield file


def _write(output: BinaryIO, records: list[dict[str, Any]]) -> None:
    """Write lines, all or none where Ctrl-C comes between."""
    # Of half a surrogate pair, which UTF-8 has no bytes for, this makes what JSON escapes it to.
    lines = [f"{json.dumps(record, ensure_ascii=False)}\n".encode(errors="backslashreplace") for record in records]
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        output.write(b"".join(lines))
        output.flush()
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)
