"""Ask a frontier model every benchmark's test rows."""

import argparse
import json
from pathlib import Path

from mixtune.baselines.predict_frontier import predict_frontier
from mixtune.data.files import folders
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--terms", type=json.loads, required=True, help="prices and limits, which change no answer")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    predict_frontier(args.settings, args.terms, folders(args.benchmarks), args.predictions, args.manifest)


if __name__ == "__main__":
    run(main)
