"""Write the model card of a fine-tuned adapter."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.publishing.card import card
from mixtune.publishing.settings import CardSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=CardSettings.parse, required=True)
    parser.add_argument("--adapter", type=Path, required=True, help="manifest")
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--mixture", type=Path, required=True, help="manifest")
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--citation", type=Path, required=True, help="CITATION.cff")
    parser.add_argument("--output", type=Path, required=True, help="README.md; NOTICE is written to the same folder")
    args = parser.parse_args(argv)
    card(args.settings, args.adapter, args.model, args.mixture, args.scores, args.citation, args.output)


if __name__ == "__main__":
    run(main, without=["torch"])
