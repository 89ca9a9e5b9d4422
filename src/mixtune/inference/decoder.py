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

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from ..devices.compute import Device
from .prefix_attention import ATTENTION, FAR, ForwardPass, KeysValues, pad_left

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


class Prefix(NamedTuple):
    """A shared prefix: its length, and keys and values (1, G, S, D) by layer."""

    length: int
    layers: dict[int, KeysValues]


class Choice(NamedTuple):
    """Token ids of the chosen label, and its probability among all labels."""

    ids: list[int]
    confidence: float


class _Rows:
    """Unfinished rows of a batch: their cache, positions, and the logits of their next tokens, (rows, vocabulary)."""

    def __init__(self, decoder: "Decoder", prompts: Sequence[Sequence[int]], prefix: Prefix):
        self.decoder, self.prefix, self.device = decoder, prefix, decoder.model.device
        # Without the config, every layer keeps all keys: the attention function applies the windows.
        self.cache = DynamicCache()
        self.length = torch.full((len(prompts), 1), prefix.length, device=self.device)
        self.keys = torch.empty((len(prompts), 0), dtype=torch.long, device=self.device)
        self.feed(prompts)

    def feed(self, tokens: Sequence[Sequence[int]]) -> None:
        """Append tokens, at least one per row."""
        ids = pad_left(tokens, self.decoder.pad).to(self.device)
        steps = pad_left([range(len(row)) for row in tokens], -1).to(self.device)
        positions = torch.where(steps < 0, FAR, self.length + steps)
        self.keys = torch.cat([self.keys, positions], 1)
        # Padding is masked both as query and as key; its hidden state is never used.
        queries = torch.where(steps < 0, 0, positions)
        forward_pass = ForwardPass(self.prefix.layers, queries, self.keys, self.prefix.length)
        self.logits = self.decoder.forward(ids, queries, self.cache, forward_pass)
        self.length = self.length + (steps >= 0).sum(1, keepdim=True)

    def keep(self, rows: list[int]) -> None:
        """Keep these rows alone; a row that is listed more than once is duplicated."""
        if rows != list(range(len(self.length))):
            index = torch.tensor(rows, device=self.device)
            self.cache.batch_select_indices(index)
            self.length, self.keys = self.length[index], self.keys[index]


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
        model.set_attn_implementation(ATTENTION)

    def forward(
        self, ids: torch.Tensor, positions: torch.Tensor, cache: DynamicCache, forward_pass: ForwardPass
    ) -> torch.Tensor:
        """Return logits (rows, vocabulary) of the token after the last column of ids (rows, length)."""
        inputs = {"input_ids": ids, "position_ids": positions, "past_key_values": cache, "forward_pass": forward_pass}
        with torch.no_grad(), self.device.autocast():
            return self.model(**inputs, use_cache=True, logits_to_keep=1).logits[:, -1]

    def compute_prefix(self, ids: Sequence[int]) -> Prefix:
        """Return keys and values of a shared prefix, e.g. `compute_prefix(prompts[0][:common_prefix(prompts)])`.

        The methods below take it together with the suffixes of the prompts.
        """
        if not ids:
            return NO_PREFIX
        rows = _Rows(self, [ids], NO_PREFIX)
        layers: Any = rows.cache.layers
        return Prefix(len(ids), {index: (layer.keys, layer.values) for index, layer in enumerate(layers)})

    def generate(self, prompts: Sequence[Sequence[int]], prefix: Prefix | None = None) -> list[list[int]]:
        """Return the greedy answer to each prompt: at most `max_new_tokens` ids, without the stop token.

        Args:
            prompts: Token ids; with `prefix`, the suffix after it.
        """
        rows = _Rows(self, prompts, prefix or NO_PREFIX)
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
        rows = _Rows(self, [[*prompt, *begin] for prompt in prompts], prefix or NO_PREFIX) if active else None
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
        rows = _Rows(self, prompts, prefix or NO_PREFIX)
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


NO_PREFIX = Prefix(0, {})
