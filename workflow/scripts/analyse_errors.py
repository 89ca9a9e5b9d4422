"""Analyse prediction errors: confused labels, F1 by properties of the rows, sampled errors."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.settings import AnalyseErrorsSettings
from mixtune.reports.tables.errors import analyse_errors


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=AnalyseErrorsSettings.parse, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="folder of all systems' scores")
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all systems' predictions")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json in the folder of the benchmarks")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    analyse_errors(args.settings, args.scores, args.predictions, args.benchmarks, args.tables)


if __name__ == "__main__":
    run(main)
