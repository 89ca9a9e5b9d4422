import copy
from pathlib import Path

import pytest
from snakemake.common.configfile import load_configfile

from tests.unit.config.problems import BIG

ROOT = Path(__file__).parents[3]


@pytest.fixture
def raw():
    """config.yaml, as Snakemake gives it to the workflow, with a frontier model."""
    config = load_configfile(ROOT / "config.yaml")
    assert config["frontier"] == {} and config["matrix"]["frontier"] == []
    return config | {"frontier": {"big": copy.deepcopy(BIG)}}
