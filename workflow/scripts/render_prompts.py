"""Turn test rows into prompts for one tokenizer, for every condition and benchmark."""

import argparse
import json
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import run
from mixtune.prompts.render_training import render_prompts
from mixtune.prompts.rendering import load_renderer


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--prompts", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    benchmarks = list(folders(args.benchmarks).values())
    renderer = load_renderer(args.model)
    render_prompts(args.settings, renderer, benchmarks, args.prompts, args.manifest, args.threads)


if __name__ == "__main__":
    run(main, without=["torch"])
