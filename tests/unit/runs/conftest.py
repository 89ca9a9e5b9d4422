"""The configuration of a run of one small matrix."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture
def small_matrix():
    """The shipped configuration with one model `m`, one mixture, 0 and 2 shots, one seed."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    matrix = {"models": ["m"], "mixtures": ["gentune"], "shots": [0, 2], "seeds": [1], "encoders": []}
    models = config["models"] | {"m": {"origin": "path", "path": "/m"}}
    return config | {"models": models, "matrix": config["matrix"] | matrix}
