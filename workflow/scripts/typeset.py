"""Put tables into LaTeX, for papers."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.latex.typeset import write_papers
from mixtune.reports.tables.files import read_table
from mixtune.reports.tables.matrix import setup_of


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files")
    parser.add_argument("--output", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    tables = {path.stem: read_table(path) for path in args.tables}
    write_papers(tables, setup_of(args.settings["setup"]), args.output)


if __name__ == "__main__":
    run(main)
