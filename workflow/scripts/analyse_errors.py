"""Find out where systems go wrong: confused labels, F1 by properties of the rows, sampled errors."""

import argparse
import json
from pathlib import Path

from mixtune.error_tables import write_errors
from mixtune.errors import run
from mixtune.matrices import setup_of


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--scores", type=Path, nargs="+", required=True)
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="manifests, in the same order")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    predictions = [path.parent for path in args.predictions]
    benchmarks = {path.parent.name: path.parent for path in args.benchmarks}
    setup = setup_of(args.settings["setup"])
    write_errors(args.settings, setup, args.scores, predictions, benchmarks, args.tables)


if __name__ == "__main__":
    run(main)
