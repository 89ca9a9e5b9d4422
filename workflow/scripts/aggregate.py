"""Write the tables of all scores and the README of the reports."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.aggregate import aggregate
from mixtune.reports.settings import AggregateSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=AggregateSettings.parse, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="folder of all systems' scores")
    parser.add_argument("--intervals", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--readme", type=Path, required=True, help="Markdown file; the tables are written to tables/ in its folder"
    )
    args = parser.parse_args(argv)
    aggregate(args.settings, args.scores, args.intervals, args.readme)


if __name__ == "__main__":
    run(main)
