"""What is killed, how, and when: drawn from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# The rules in the order of their jobs, those that keep finished work more than once.
RULES = (
    *("prepare_benchmark", "build_mixture", "render_training", "render_prompts", "audit"),
    *("finetune", "finetune", "finetune", "predict", "predict", "predict", "score", "aggregate"),
)
# The job's process alone; Snakemake and all its jobs at once; Snakemake alone, whose jobs live on as orphans.
WAYS = ("job", "group", "snakemake")


@dataclass(frozen=True)
class Kill:
    """One kill -9: of what, and after which share of an undisturbed job's time."""

    rule: str
    way: str
    share: float


def rounds(seed: int, most: int) -> Iterator[list[Kill]]:
    """Kills for one run of the workflow after another, at most so many in each; never ends."""
    rng = random.Random(seed)
    while True:
        places = sorted(rng.sample(range(len(RULES)), min(most, len(RULES))))
        ways = [WAYS[number % len(WAYS)] for number in range(len(places))]
        rng.shuffle(ways)
        yield [Kill(RULES[place], way, rng.random()) for place, way in zip(places, ways, strict=True)]
