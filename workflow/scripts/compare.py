"""Test the differences between systems."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.evaluation.settings import CompareSettings
from mixtune.reports.tables.comparisons import compare


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=CompareSettings.parse, required=True)
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all systems' predictions")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json in the folder of the benchmarks")
    parser.add_argument("--table", type=Path, required=True, help="CSV file; the Markdown is written to its folder")
    args = parser.parse_args(argv)
    compare(args.settings, args.predictions, args.benchmarks, args.table)


if __name__ == "__main__":
    run(main)
