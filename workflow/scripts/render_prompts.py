"""Render test rows as prompts, for one tokenizer, for every condition and benchmark."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.errors import run
from mixtune.prompts.chat_template import load_renderer
from mixtune.prompts.render_prompts import render_prompts
from mixtune.prompts.settings import RenderPromptsSettings


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=RenderPromptsSettings.parse, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json in the benchmarks' folder")
    parser.add_argument("--prompts", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    renderer = load_renderer(args.model)
    render_prompts(args.settings, renderer, args.benchmarks, args.prompts, args.manifest, args.threads)


if __name__ == "__main__":
    run(main, without=["torch"])
