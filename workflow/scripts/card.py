"""Write the card of an adapter that was tuned here."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.publishing.card import write_card


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--adapter", type=Path, required=True, help="manifest")
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--mixture", type=Path, required=True, help="manifest")
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--citation", type=Path, required=True, help="CITATION.cff")
    parser.add_argument("--output", type=Path, required=True, help="README.md; NOTICE goes beside it")
    args = parser.parse_args(argv)
    write_card(args.settings, args.adapter, args.model, args.mixture, args.scores, args.citation, args.output)


if __name__ == "__main__":
    run(main, without=["torch"])
