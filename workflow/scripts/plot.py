"""Draw a figure from tables and training logs."""

import argparse
import json
from importlib import import_module
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.experiment import setup_of
from mixtune.reports.figures.style import save
from mixtune.reports.tables.files import read_table, training_log


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--tables", type=Path, nargs="*", default=[], help="CSV files")
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    parser.add_argument("--output", type=Path, required=True, help="path without ending, for .png and .pdf")
    args = parser.parse_args(argv)
    tables = {path.stem: read_table(path) for path in args.tables} | {"training_log": training_log(args.logs)}
    figure = import_module(f"mixtune.reports.figures.{args.settings['figure']}")
    save(figure.draw(tables, setup_of(args.settings["setup"])), args.output)


if __name__ == "__main__":
    run(main)
