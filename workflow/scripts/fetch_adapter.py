"""Bring an adapter that exists into a folder of this run."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.models.fetch_adapter import fetch_adapter


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--pin", type=Path, required=True)
    args = parser.parse_args(argv)
    fetch_adapter(args.settings, args.manifest, args.pin)


if __name__ == "__main__":
    run(main)
