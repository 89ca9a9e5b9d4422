"""Draw what demonstrations change."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.figures import save, shot_effect
from mixtune.reports import setup_of
from mixtune.tables import load


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--matrix", type=Path, required=True, help="matrix.csv")
    parser.add_argument("--output", type=Path, required=True, help="path without ending, for .png and .pdf")
    args = parser.parse_args(argv)
    save(shot_effect(load(args.matrix), setup_of(args.settings["setup"])), args.output)


if __name__ == "__main__":
    run(main)
