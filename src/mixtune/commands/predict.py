"""`mixtune predict`: relation labels for JSON Lines, with a tuned adapter."""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from ..benchmarks.example import Example, locate
from ..errors import UserError

FIELDS = ("text", "head", "tail")


def add(commands: Any) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "predict",
        help="label relations with a tuned adapter",
        description="Reads JSON Lines with text, head and tail; writes the same lines with `relation` added.",
    )
    command.add_argument("--adapter", type=Path, required=True, help="folder of an adapter (PEFT's layout)")
    command.add_argument("--base", help="folder of its base model; default: what its config names, from the hub")
    command.add_argument(
        "--demonstrations",
        type=Path,
        help="JSON Lines with text, head, tail and relation, shown before every question (adapters tuned with shots)",
    )
    command.add_argument("--max-length", type=int, default=4096, help="tokens of a prompt (default: 4096)")
    command.add_argument("--max-new-tokens", type=int, default=32, help="tokens of an answer (default: 32)")
    command.add_argument("--input", type=argparse.FileType(encoding="utf-8"), default=sys.stdin, help="default: stdin")
    command.add_argument("--output", type=argparse.FileType("w", encoding="utf-8"), default=sys.stdout)
    command.set_defaults(function=predict)


def predict(args: argparse.Namespace) -> None:
    """Label every input line, in the generic condition, by the code that the workflow predicts with."""
    queries = list(read_lines(args.input, FIELDS))
    shown = []
    if args.demonstrations:
        with args.demonstrations.open(encoding="utf-8") as file:
            shown = list(read_lines(file, (*FIELDS, "relation")))
    if not queries:
        return

    # torch takes seconds to import: bad input has been refused by now.
    from ..adapter_sources import base_folder
    from ..adapters import check_template
    from ..compute import choose_device
    from ..decoding import TOKEN_BUDGET, Decoder
    from ..labels import recognise
    from ..models import load_adapter, load_base
    from ..predicting import answer, freely
    from ..rendering import folder_renderer, render

    base = base_folder(args.base, args.adapter)
    renderer = folder_renderer(base)
    check_template(args.adapter, renderer.template_hash, renderer.tokenizer.get_chat_template())
    rendered = render(
        renderer,
        [example for _, example in queries],
        {"input": [example for _, example in shown]},
        {"input": []},
        condition="generic",
        shots=len(shown),
        seed=0,
        max_length=min(args.max_length, renderer.context or args.max_length),
        training=False,
    )
    prompts = [row.input_ids for row in rendered]
    device = choose_device(os.environ.get("MIXTUNE_DEVICE"))
    print(f"computing on {device.name} in {device.dtype} because {device.why}", file=sys.stderr)
    tokenizer = renderer.tokenizer
    decoder = Decoder(
        load_adapter(load_base(base, device), args.adapter),
        device,
        renderer.stop_ids,
        tokenizer.pad_token_id or 0,
        args.max_new_tokens,
    )
    with tempfile.TemporaryDirectory() as parts:
        answers = answer(prompts, Path(parts), lambda: decoder, freely(tokenizer), TOKEN_BUDGET[device.name])
    for (record, _), (text, _) in zip(queries, answers, strict=True):
        args.output.write(json.dumps({**record, "relation": recognise(text, ())[0]}, ensure_ascii=False) + "\n")
    args.output.flush()


def read_lines(file: Iterable[str] | TextIO, fields: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], Example]]:
    """Records of JSON Lines and the examples they make; blank lines are passed over.

    Raises:
        UserError: A line is no JSON object with these fields as non-empty strings; names the line.
    """
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(f"line {number}: not valid JSON ({error}); give one object a line") from None
        if not isinstance(record, dict) or not all(
            isinstance(record.get(field), str) and record[field].strip() for field in fields
        ):
            raise UserError(f"line {number}: expected an object with the strings {', '.join(fields)}, none empty")
        text, head, tail = (record[field] for field in FIELDS)
        places = locate(text, head, tail, Counter())
        relation = record["relation"] if "relation" in fields else "?"
        id = f"line {number}"
        yield record, Example(id, "input", "test", text, head, tail, *places, "", "", relation, f"{fields}{id}")
