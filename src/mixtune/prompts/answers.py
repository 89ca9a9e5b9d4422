"""Answers: the token ids of labels, which must come back as the same labels from the tokenizer and from scoring."""

from collections.abc import Iterable, Mapping, Sequence

from ..data.example import Example
from ..data.labels import describe_indistinct, recognise
from .chat_template import Renderer, RenderError


def encode_labels(renderer: Renderer, labels: Sequence[str], source: str, remedy: str) -> dict[str, list[int]]:
    """Return the ids of each label and the end of turn.

    Args:
        renderer: Of the model.
        labels: The labels that answers are compared with.
        source: Their source, e.g. a benchmark, for messages.
        remedy: Advice about a label that cannot be used, for messages.

    Raises:
        RenderError: Scoring cannot distinguish two labels; or the tokens of a label, generated and decoded, are not
            recognised as this label, so that it could never be a correct answer.
    """
    if problem := describe_indistinct(labels):
        raise RenderError(f"{source}: {problem}; {remedy}")
    answers = {label: renderer.answer(label) for label in labels}
    for label, ids in answers.items():
        decoded = renderer.read(ids)
        if recognise(decoded, labels) != (label, True):
            problem = f"is decoded as {decoded!r} by the model's tokenizer, so that no answer could be correct"
        elif renderer.plain(label) != label:
            problem = f"contains a control token of the model; prompts show it as {renderer.plain(label)!r}"
        else:
            continue
        raise RenderError(f"{source}: label {label!r} {problem}; {remedy}, or use another model")
    return answers


def encode_benchmark_labels(
    renderer: Renderer, labels: Mapping[str, Sequence[str]], pools: Mapping[str, Iterable[Example]]
) -> dict[str, dict[str, list[int]]]:
    """Return the ids of each label in the inventory of each benchmark; the labels of train rows are checked, too.

    Args:
        labels: The label inventory of each benchmark.
        pools: The train split of each, whose rows are demonstrations and training rows.

    Raises:
        RenderError: See `encode_labels`.
    """
    answers = {}
    for name, inventory in labels.items():
        every = list(dict.fromkeys([*inventory, *(example.relation for example in pools[name])]))
        encoded = encode_labels(renderer, every, f"benchmark {name}", f"rename it with benchmarks.{name}.label_map")
        answers[name] = {label: encoded[label] for label in inventory}
    return answers
