"""Find out where systems go wrong: confused labels, F1 by properties of the rows, sampled errors."""

import argparse
import json
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import run
from mixtune.reports.tables.errors import write_errors
from mixtune.reports.tables.matrix import setup_of


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="folder of all systems' scores")
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all systems' predictions")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    systems = args.settings["systems"]
    scores = [args.scores / f"{system}.json" for system in systems]
    predictions = [args.predictions / system for system in systems]
    benchmarks = folders(args.benchmarks)
    setup = setup_of(args.settings["setup"])
    write_errors(args.settings, setup, scores, predictions, benchmarks, args.tables)


if __name__ == "__main__":
    run(main)
