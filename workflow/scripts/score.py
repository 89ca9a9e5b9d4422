"""Score one system: every condition and benchmark."""

import argparse
import json
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import run
from mixtune.evaluation.score import score_system


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--predictions", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    score_system(args.settings, args.predictions.parent, folders(args.benchmarks), args.output)


if __name__ == "__main__":
    run(main)
