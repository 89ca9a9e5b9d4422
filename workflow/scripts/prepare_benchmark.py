"""Read a benchmark's files, carve missing splits, fix its labels, count what was seen."""

import argparse
import json
from pathlib import Path

from mixtune.data.prepare_benchmark import prepare, write
from mixtune.errors import run
from mixtune.resources import resource


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = args.settings
    name, origin = settings["benchmark"], settings["origin"]
    places = {
        "hub": args.manifest.parents[2] / "fetched" / name / "files",
        "path": Path(settings.get("path") or ".").expanduser(),
        "sample": resource("sample", name),
    }
    prepared = prepare(
        name,
        places[origin],
        shares=settings["splits"],
        seed=settings["data_seed"],
        expect=settings["expect"],
        negative=settings["negative"],
        config=(settings.get("hub") or {}).get("config", ""),
        label_map=settings["label_map"] and Path(settings["label_map"]),
        options=settings["options"],
    )
    write(prepared, args.manifest.parent)


if __name__ == "__main__":
    run(main)
