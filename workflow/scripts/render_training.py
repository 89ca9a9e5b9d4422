"""Render a mixture's rows as token ids with label masks, for one tokenizer."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.errors import run
from mixtune.prompts.chat_template import load_renderer
from mixtune.prompts.render_training import render_training
from mixtune.prompts.settings import RenderTrainingSettings


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=RenderTrainingSettings.parse, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--mixture", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    renderer = load_renderer(args.model)
    render_training(args.settings, renderer, args.mixture, args.benchmarks, args.manifest, args.threads)


if __name__ == "__main__":
    run(main, without=["torch"])
