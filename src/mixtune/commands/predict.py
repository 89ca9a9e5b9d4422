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
from ..manifests import read_json

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
    from ..compute import choose_device
    from ..decoding import TOKEN_BUDGET, Decoder
    from ..labels import recognise
    from ..models import load_adapter, load_base
    from ..predicting import answer, freely
    from ..rendering import folder_renderer, render

    config = args.adapter / "adapter_config.json"
    if not config.is_file() or not (args.adapter / "adapter_model.safetensors").is_file():
        needed = "adapter_config.json and adapter_model.safetensors"
        raise UserError(f"{args.adapter} holds no {needed}; give the folder of an adapter (--adapter)")
    card = args.adapter / "run_card.json"
    commit = read_json(card)["base_model_commit"] if card.is_file() else None
    base = base_folder(args.base, read_json(config)["base_model_name_or_path"], commit)
    renderer = folder_renderer(base)
    check_template(args.adapter, renderer.template_hash, renderer.tokenizer.chat_template)
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


def base_folder(given: str | None, name: str, commit: str | None) -> str:
    """Folder of the base model: as given, or the hub's snapshot of `name`, at the commit that was tuned on.

    Raises:
        UserError: It is neither a folder nor to be had from the hub.
    """
    if given:
        if not Path(given).is_dir():
            raise UserError(f"--base {given} is no folder; give one with the base model's safetensors")
        return given
    if "/" not in name:
        raise UserError(f"the base model {name} is no hub id; give its folder with --base")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    from ..sources import MODEL_FILES

    try:
        return snapshot_download(name, revision=commit, allow_patterns=MODEL_FILES, ignore_patterns=["original/*"])
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        fact = " ".join(str(error).splitlines()[:1])
        raise UserError(
            f"the base model {name} cannot be had from the hub ({fact}); give its folder with "
            "--base (after a run of the workflow: results/models/NAME), or accept its licence and set HF_TOKEN"
        ) from None


def check_template(adapter: Path, template_hash: str, template: str) -> None:
    """Refuse a template other than the one trained with; warn where the adapter does not tell which that was."""
    card = adapter / "run_card.json"
    if not card.is_file():
        first = " ".join(template.split())[:60]
        print(
            f"warning: {adapter} does not say which chat template it was tuned with; using {first!r}", file=sys.stderr
        )
    elif read_json(card)["template_hash"] != template_hash:
        raise UserError(
            f"{adapter} was tuned with another chat template than the base model's tokenizer has; "
            "give the base model it was tuned on (--base)"
        )
