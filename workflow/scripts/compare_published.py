"""Put our scores beside those that the paper published."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.tables.matrix import setup_of
from mixtune.reports.tables.published import write_published


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--intervals", type=Path, help="intervals.csv")
    parser.add_argument("--paper", type=Path, required=True, help="folder of the published scores")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    setup = setup_of(args.settings["setup"])
    write_published(args.settings, setup, args.scores, args.paper, args.tables, args.intervals)


if __name__ == "__main__":
    run(main)
