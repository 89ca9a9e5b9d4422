"""Speed as ratios: `make perf` prints one JSON line per figure, both sides measured in this run.

The model is SmolLM2-135M-Instruct, the machine all cores it has, the data the sample corpora. Rows per second and
bytes hold for this machine; ratios travel better. `python -m perf training` measures a part.
"""

import importlib
import sys

PARTS = ("preparing", "statistics", "training", "predicting", "planning", "starting")

for part in sys.argv[1:] or PARTS:
    importlib.import_module(f"perf.{part}").main()
