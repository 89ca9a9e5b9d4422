"""Draw the audit of the benchmarks."""

import argparse
import json
from pathlib import Path

import pandas as pd

from mixtune.errors import run
from mixtune.figures import data_audit, save
from mixtune.reports import setup_of


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="path without its ending")
    args = parser.parse_args(argv)
    data = pd.read_csv(args.data, keep_default_na=False, na_values={"ceiling": [""], "rows_in_train": [""]})
    save(data_audit(data, setup_of(args.settings["setup"])), args.output)


if __name__ == "__main__":
    run(main)
