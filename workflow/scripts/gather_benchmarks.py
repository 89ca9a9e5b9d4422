"""Gather the manifests of the benchmarks that all systems are evaluated on."""

import argparse
from pathlib import Path

from mixtune.data.files import gather
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    gather(args.benchmarks, args.output)


if __name__ == "__main__":
    run(main)
