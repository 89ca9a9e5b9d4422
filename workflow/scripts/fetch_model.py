"""Bring a base model into a local folder in safetensors, verified."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.models.fetch_model import fetch_model


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    fetch_model(args.settings, args.manifest)


if __name__ == "__main__":
    run(main)
