"""Predict every benchmark's test rows with a frontier model."""

import argparse
from pathlib import Path

from mixtune.baselines.predict_frontier import predict_frontier
from mixtune.baselines.settings import FrontierTerms, PredictFrontierSettings
from mixtune.data.files import folders
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PredictFrontierSettings.parse, required=True)
    parser.add_argument(
        "--terms", type=FrontierTerms.parse, required=True, help="key, prices, limits: change no answer"
    )
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, in the folder of the benchmarks")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--manifest", type=Path, required=True, help="to write")
    args = parser.parse_args(argv)
    predict_frontier(args.settings, args.terms, folders(args.benchmarks), args.predictions, args.manifest)


if __name__ == "__main__":
    run(main)
