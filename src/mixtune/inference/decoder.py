"""Fast batched decoding: the shared prefix is computed once; forced tokens need no forward pass.

All prompts of a benchmark begin with the same system prompt, in `schema` with its label list: S tokens, up to 800,
before L = 50 to 150 tokens of the prompt's own. Hence:

1. `compute_prefix`  runs the S tokens once and stores their keys and values, one row for all prompts
                     (`prefix_attention.py`).
2. `batches`         groups suffixes of similar length, as many as a budget of padded tokens holds.
3. prefill           runs the suffixes of a batch, (B, L) padded on the left, and takes the logits of the last
                     column, (B, V).
4. decoding          feeds the token chosen for each row, (B, 1); a finished row leaves the batch and the cache.

`generate` is greedy decoding: it equals `model.generate(do_sample=False)` of each prompt alone.

`choose_labels` is constrained to labels. The labels' token sequences, each closed by the end of turn, form a trie.
Where a node has one child, its token is forced and needs no pass of its own; where it has several, the most probable
one is chosen. The tokens between two choices are fed together, (B, longest). Many label inventories differ at the
first token; a label then costs the prefill alone. The product of the probabilities of the choices, each over the
node's children, is the label's probability in a distribution over the labels: its confidence.

`choose_labels_exactly` follows every branch, scores each label's whole sequence, and takes the most probable.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch

from ..devices.compute import Device
from ..models.plain_pass import uniform_length
from .batching_check import check_batching
from .rows import NO_PREFIX, BatchedRows, PlainRows, Prefix, Rows, compute_prefix

# Padded tokens per batch. Fixed per kind of device: equal prompts then form equal batches on every machine.
TOKEN_BUDGET = {"cpu": 4_096, "cuda": 32_768}

Trie = dict[int, "Trie"]


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield indices of prompts in batches of at most `budget` padded tokens, the longest first.

    Longest first, so that the first batch shows whether memory suffices.

    >>> list(batches([3, 5, 2, 5, 1], budget=10))
    [[1, 3], [0, 2, 4]]
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def label_trie(sequences: Sequence[Sequence[int]]) -> Trie:
    """Return the trie of label token sequences; each ends in the end of turn, so that none is a prefix of another.

    >>> label_trie([[1, 2, 9], [1, 3, 9]])
    {1: {2: {9: {}}, 3: {9: {}}}}
    """
    root: Trie = {}
    for sequence in sequences:
        node = root
        for token in sequence:
            node = node.setdefault(token, {})
    return root


def skip_forced(node: Trie) -> tuple[list[int], Trie]:
    """Return the forced tokens after a node, and the node they lead to: a leaf or a branch.

    >>> skip_forced({1: {2: {9: {}}, 3: {9: {}}}})
    ([1], {2: {9: {}}, 3: {9: {}}})
    """
    tokens = []
    while len(node) == 1:
        (token, node), *_ = node.items()
        tokens.append(token)
    return tokens, node


class Choice(NamedTuple):
    """Token ids of the chosen label, and its probability among all labels."""

    ids: list[int]
    confidence: float


class Decoder:
    """A model that decodes batches of prompts, given as token ids.

    For example, with `qlora.load_base` and a `Renderer`:

        decoder = Decoder(load_base(folder, device).eval(), device, renderer.stop_ids, pad=0, max_new_tokens=32)
        prefix = decoder.compute_prefix(prompts[0][:shared])
        decoder.generate([prompt[shared:] for prompt in prompts], prefix)
        decoder.choose_labels([prompt[shared:] for prompt in prompts], label_trie(labels), prefix)

    Args:
        model: In eval mode, on `device`.
        stop_ids: Ids at which an answer ends.
        pad: Any id; padded positions are masked.
        max_new_tokens: Limit of an answer.
    """

    def __init__(self, model: Any, device: Device, stop_ids: Sequence[int], pad: int, max_new_tokens: int):
        self.model, self.device, self.pad, self.max_new_tokens = model, device, pad, max_new_tokens
        self.stop_ids = torch.tensor(list(stop_ids), device=model.device)
        self.check = check_batching(model, device)
        print(self.check, file=sys.stderr, flush=True)

    def rows(self, prompts: Sequence[Sequence[int]], prefix: Prefix | None) -> Rows:
        """Return prompts as unfinished rows."""
        prefix = prefix or NO_PREFIX
        longest = prefix.length + max(map(len, prompts)) + self.max_new_tokens
        if self.check.passed and longest <= uniform_length(self.model.config):
            return BatchedRows(self.model, self.device, prompts, prefix, self.pad)
        return PlainRows(self.model, self.device, prompts, prefix)

    def compute_prefix(self, ids: Sequence[int]) -> Prefix:
        """Return keys and values of a shared prefix, e.g. `compute_prefix(prompts[0][:common_prefix(prompts)])`.

        The methods below take it together with the suffixes of the prompts.
        """
        return compute_prefix(self.model, self.device, ids) if ids and self.check.passed else Prefix(ids, [])

    def generate(self, prompts: Sequence[Sequence[int]], prefix: Prefix | None = None) -> list[list[int]]:
        """Return the greedy answer to each prompt: at most `max_new_tokens` ids, without the stop token.

        Args:
            prompts: Token ids; with `prefix`, the suffix after it.
        """
        rows = self.rows(prompts, prefix)
        answers: list[list[int]] = [[] for _ in prompts]
        active = list(range(len(prompts)))
        for step in range(self.max_new_tokens):
            best = rows.logits.argmax(-1)
            stopped, tokens = torch.isin(best, self.stop_ids).tolist(), best.tolist()
            alive = [row for row in range(len(active)) if not stopped[row]]
            for row in alive:
                answers[active[row]].append(tokens[row])
            if not alive or step + 1 == self.max_new_tokens:
                break
            rows.keep(alive)
            active = [active[row] for row in alive]
            rows.feed([[tokens[row]] for row in alive])
        return answers

    def choose_labels(
        self, prompts: Sequence[Sequence[int]], labels: Trie, prefix: Prefix | None = None
    ) -> list[Choice]:
        """Choose a label for each prompt, greedily through the trie of labels; ids include the end of turn.

        Args:
            prompts: Token ids; with `prefix`, the suffix after it.
            labels: From `label_trie`.
        """
        begin, root = skip_forced(labels)
        chosen = [list(begin) for _ in prompts]
        confidence, nodes = [1.0] * len(prompts), [root] * len(prompts)
        active = list(range(len(prompts))) if root else []
        rows = self.rows([[*prompt, *begin] for prompt in prompts], prefix) if active else None
        while rows and active:
            alive, following = [], []
            for row, prompt in enumerate(active):
                tokens = list(nodes[prompt])
                probabilities = rows.logits[row, tokens].float().softmax(-1)
                best = int(probabilities.argmax())
                forced, node = skip_forced(nodes[prompt][tokens[best]])
                chosen[prompt] += [tokens[best], *forced]
                confidence[prompt] *= float(probabilities[best])
                nodes[prompt] = node
                if node:
                    alive.append(row)
                    following.append([tokens[best], *forced])
            active = [active[row] for row in alive]
            if active:
                rows.keep(alive)
                rows.feed(following)
        return [Choice(ids, probability) for ids, probability in zip(chosen, confidence, strict=True)]

    def choose_labels_exactly(
        self, prompts: Sequence[Sequence[int]], labels: Trie, prefix: Prefix | None = None
    ) -> list[Choice]:
        """Return the label whose whole sequence is the most probable, for each prompt; arguments of `choose_labels`.

        Every branch of the trie is followed: a row is duplicated where its node has several children.
        """
        rows = self.rows(prompts, prefix)
        front: list[tuple[int, Trie, float, list[int]]] = [(row, labels, 0.0, []) for row in range(len(prompts))]
        scored: list[list[tuple[float, list[int]]]] = [[] for _ in prompts]
        while front:
            logs = rows.logits.float().log_softmax(-1)
            sources, following = [], []
            for row, (prompt, node, score, ids) in enumerate(front):
                for token, child in node.items():
                    extended_score, extended_ids = score + float(logs[row, token]), [*ids, token]
                    if child:
                        sources.append(row)
                        following.append((prompt, child, extended_score, extended_ids))
                    else:
                        scored[prompt].append((extended_score, extended_ids))
            front = following
            if front:
                rows.keep(sources)
                rows.feed([ids[-1:] for *_, ids in front])
        best = [(max(scores), torch.tensor([score for score, _ in scores])) for scores in scored]
        return [Choice(ids, float((score - all_scores.logsumexp(0)).exp())) for (score, ids), all_scores in best]
