"""Predict every benchmark's test rows with the trivial baselines and the upper bound."""

import argparse
from pathlib import Path

from mixtune.baselines.predict_floors import predict_floors
from mixtune.baselines.settings import PredictFloorsSettings
from mixtune.data.files import folders
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PredictFloorsSettings.parse, required=True)
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, in the folder of the benchmarks")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--manifests", type=Path, nargs="+", required=True, help="files to write")
    args = parser.parse_args(argv)
    predict_floors(args.settings, folders(args.benchmarks).values(), args.predictions, args.manifests)


if __name__ == "__main__":
    run(main)
