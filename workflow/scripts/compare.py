"""Test the differences between systems."""

import argparse
import json
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import run
from mixtune.reports.tables.comparisons import write_comparisons


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all systems' predictions")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--table", type=Path, required=True, help="CSV file; the Markdown goes beside it")
    args = parser.parse_args(argv)
    write_comparisons(args.settings, args.predictions, folders(args.benchmarks), args.table)


if __name__ == "__main__":
    run(main)
