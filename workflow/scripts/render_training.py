"""Turn a mixture into token ids and label masks for one tokenizer."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.prompts.render_training import render_training
from mixtune.prompts.rendering import load_renderer


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--mixture", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    benchmarks = [path.parent for path in args.benchmarks]
    renderer = load_renderer(args.model)
    render_training(args.settings, renderer, args.mixture.parent, benchmarks, args.manifest.parent, args.threads)


if __name__ == "__main__":
    run(main, without=["torch"])
