"""Put all scores into tables."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.aggregate import write_tables


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="folder of all systems' scores")
    parser.add_argument("--intervals", type=Path, nargs="+", required=True)
    parser.add_argument("--readme", type=Path, required=True)
    args = parser.parse_args(argv)
    scores = [args.scores / f"{system}.json" for system in args.settings["systems"]]
    write_tables(args.settings, scores, args.intervals, args.readme)


if __name__ == "__main__":
    run(main)
