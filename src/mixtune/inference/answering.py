"""Answers to prompts: free or constrained to labels, computed in parts that survive a kill."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from ..artifacts.manifests import replacing
from ..artifacts.run_cards import Costs
from ..errors import UserError
from ..prompts.prefix import common_prefix
from .decoder import Decoder, Prefix, batches, label_trie

PARTS = pa.schema([("index", pa.int32()), ("raw", pa.string()), ("confidence", pa.float32())])

# Prompts per part, at least: what a kill can cost.
PART_ROWS = 256

# Raw text, and its probability among the labels (None where nothing constrains it).
Answer = tuple[str, float | None]
Answerer = Callable[[Decoder, list[Sequence[int]], Prefix], list[Answer]]


def greedy_answerer(tokenizer: Any) -> Answerer:
    """Return a function that answers by unconstrained greedy decoding."""

    def answer_greedily(decoder: Decoder, prompts: list[Sequence[int]], prefix: Prefix) -> list[Answer]:
        texts = tokenizer.batch_decode(decoder.generate(prompts, prefix), skip_special_tokens=True)
        return [(text, None) for text in texts]

    return answer_greedily


def constrained_answerer(labels: Mapping[str, Sequence[int]], *, exact: bool) -> Answerer:
    """Return a function that answers with one of these labels.

    Args:
        labels: Token ids of each label, closed by the end of turn.
        exact: Whether whole labels are scored, rather than chosen greedily token by token.
    """
    trie = label_trie(list(labels.values()))
    names = {tuple(ids): label for label, ids in reversed(list(labels.items()))}  # of equal ids, the first label

    def answer_with_label(decoder: Decoder, prompts: list[Sequence[int]], prefix: Prefix) -> list[Answer]:
        choose = decoder.choose_labels_exactly if exact else decoder.choose_labels
        return [(names[tuple(choice.ids)], choice.confidence) for choice in choose(prompts, trie, prefix)]

    return answer_with_label


def answer(
    prompts: Sequence[Sequence[int]],
    parts: Path,
    make_decoder: Callable[[], Decoder],
    answerer: Answerer,
    budget: int,
    on_part_done: Callable[[str, Costs], object] = lambda part, costs: None,
) -> list[Answer]:
    """Answer prompts (token ids) in their order; equal prompts are answered once.

    The prefix that all prompts share is computed once. Batches depend on the prompts alone, so that a resumed run
    computes the same ones as an uninterrupted run.

    Args:
        parts: Folder of finished parts; those that exist are not computed again.
        make_decoder: Called when the first part needs it; must return the same decoder each time.
        answerer: From `greedy_answerer` or `constrained_answerer`.
        budget: Tokens per batch, without the shared prefix.
        on_part_done: Called with the part's name and costs before the part is written.
    """
    unique = sorted({tuple(prompt) for prompt in prompts})
    indices = {prompt: index for index, prompt in enumerate(unique)}
    shared = common_prefix(unique)
    suffixes = [prompt[shared:] for prompt in unique]
    prefix = functools.cache(lambda: make_decoder().compute_prefix(unique[0][:shared]))
    answers: dict[int, Answer] = {}
    for number, part in enumerate(_parts(batches([len(suffix) for suffix in suffixes], budget))):
        path = parts / f"part-{number:05d}.parquet"
        if not path.is_file():
            begin = time.monotonic()
            decoder = make_decoder()  # the costs of the first part include the loading of the model
            loading = time.monotonic() - begin
            part_answers = {
                index: result
                for batch in part
                for index, result in _answer_batch(suffixes, batch, decoder, prefix(), answerer)
            }
            tokens = sum(len(unique[index]) for index in part_answers)
            on_part_done(path.stem, Costs(time.monotonic() - begin, loading, len(part_answers), tokens))
            _write_part(path, part_answers)
        answers |= _read_part(path)
    return [answers[indices[tuple(prompt)]] for prompt in prompts]


def _parts(planned: Iterator[list[int]]) -> list[list[list[int]]]:
    """Return batches in groups of at least PART_ROWS prompts."""
    groups: list[list[list[int]]] = [[]]
    for batch in planned:
        if sum(map(len, groups[-1])) >= PART_ROWS:
            groups.append([])
        groups[-1].append(batch)
    return groups


def _answer_batch(
    suffixes: Sequence[Sequence[int]], batch: list[int], decoder: Decoder, prefix: Prefix, answerer: Answerer
) -> Iterator[tuple[int, Answer]]:
    """Yield index and answer of each prompt of a batch; where memory does not suffice, batch by half batch."""
    try:
        answers = answerer(decoder, [suffixes[index] for index in batch], prefix)
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise UserError(
                "the device's memory does not suffice for one prompt; "
                "lower prediction.max_length, or use a smaller model"
            ) from error
        answers = None  # halved after the handler: inside it, the traceback would keep the memory allocated
    if answers is None:
        half = len(batch) // 2
        print(f"out of memory with {len(batch)} prompts: continuing with halves", flush=True)
        torch.cuda.empty_cache()
        for smaller in (batch[:half], batch[half:]):
            yield from _answer_batch(suffixes, smaller, decoder, prefix, answerer)
        return
    yield from zip(batch, answers, strict=True)


def _write_part(path: Path, answers: Mapping[int, Answer]) -> None:
    rows = [{"index": index, "raw": raw, "confidence": confidence} for index, (raw, confidence) in answers.items()]
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=PARTS), temporary)


def _read_part(path: Path) -> dict[int, Answer]:
    index, raw, confidence = (column.to_pylist() for column in pq.read_table(path, schema=PARTS).columns)
    return dict(zip(index, zip(raw, confidence, strict=True), strict=True))
