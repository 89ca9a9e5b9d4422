"""Compare our scores with those that the paper published."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.settings import ComparePublishedSettings
from mixtune.reports.tables.published import compare_published


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=ComparePublishedSettings.parse, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--intervals", type=Path, help="intervals.csv")
    parser.add_argument("--paper", type=Path, required=True, help="folder of the published scores")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    compare_published(args.settings, args.scores, args.paper, args.tables, args.intervals)


if __name__ == "__main__":
    run(main)
