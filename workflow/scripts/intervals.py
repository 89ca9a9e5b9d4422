"""Bootstrap the confidence intervals of all scores of a series of systems."""

import argparse
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import run
from mixtune.evaluation.intervals import intervals
from mixtune.evaluation.settings import IntervalsSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=IntervalsSettings.parse, required=True)
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="manifests, arm by arm")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, in the folder of the benchmarks")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    intervals(args.settings, args.predictions, folders(args.benchmarks), args.output)


if __name__ == "__main__":
    run(main)
