"""Download a benchmark's copy from the hub, pinned to a commit."""

import argparse
import json
from pathlib import Path

from mixtune.artifacts.download import fetch_hub
from mixtune.artifacts.manifests import write_json
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    name, folder = args.settings["benchmark"], args.manifest.parent
    pin = folder.parents[1] / "pins" / "benchmarks" / f"{name}.json"
    fetched = fetch_hub(args.settings["hub"], folder / "files", pin, kind="dataset", key=f"benchmarks.{name}")
    write_json(args.manifest, fetched)


if __name__ == "__main__":
    run(main)
