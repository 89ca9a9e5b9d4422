"""The systems of a configured matrix."""

from mixtune.config.config import load
from mixtune.config.matrix import systems
from mixtune.systems import System

MODEL = "SmolLM2-360M-Instruct"


def test_systems_are_the_paths_of_results_and_back(raw):
    raw["matrix"] |= {"models": [MODEL], "seeds": [1, 2], "untuned": True}
    found = systems(load(raw))
    assert len(found) == 3 * 2 * 2 + 2
    assert [System.parse(str(system)) for system in found] == found
    assert str(found[-1]) == f"{MODEL}/untuned/2-shot/seed-0"
