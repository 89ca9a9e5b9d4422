"""Draw our scores against the paper's."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.figures import save
from mixtune.published import load
from mixtune.published_figure import beside_the_paper


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, required=True, help="published.csv")
    parser.add_argument("--output", type=Path, required=True, help="path without ending, for .png and .pdf")
    args = parser.parse_args(argv)
    save(beside_the_paper(load(args.published)), args.output)


if __name__ == "__main__":
    run(main)
