"""Put what systems cost beside their headline average."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.tables.efficiency import write_efficiency
from mixtune.reports.tables.matrix import setup_of


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--matrix", type=Path, required=True, help="matrix.csv")
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--adapters", type=Path, required=True, help="folder of all adapters")
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all systems' predictions")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    models = {path.parent.name: path.parent for path in args.models}
    adapters = {system: args.adapters / system for system in args.settings["tuned"]}
    predictions = {system: args.predictions / system for system in args.settings["systems"]}
    setup = setup_of(args.settings["setup"])
    write_efficiency(args.settings, setup, args.matrix, args.scores, models, adapters, predictions, args.tables)


if __name__ == "__main__":
    run(main)
