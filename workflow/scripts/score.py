"""Score one system in every condition and on every benchmark."""

import argparse
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import run
from mixtune.evaluation.score import score
from mixtune.evaluation.settings import ScoreSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=ScoreSettings.parse, required=True)
    parser.add_argument("--predictions", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, in the folder of the benchmarks")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    score(args.settings, args.predictions, folders(args.benchmarks), args.output)


if __name__ == "__main__":
    run(main)
