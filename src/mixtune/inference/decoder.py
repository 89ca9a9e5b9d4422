"""Labels for many prompts, fast: what prompts begin with is computed once, and only what is open costs a pass.

All prompts of a benchmark begin with the same system prompt, in `schema` with its label list: S tokens, up to 800,
before the L = 50 to 150 that are a prompt's own. So:

1. `prefix`     runs the S tokens once and keeps their keys and values, one row for everybody (`prefixed.py`).
2. `batches`    puts rests of similar length together, as many as a budget of padded tokens holds.
3. prefill      runs a batch's rests, (B, L) padded on the left, and takes the logits of the last column, (B, V).
4. decoding     feeds what each row has chosen, (B, 1); a row that has ended leaves the batch and the cache.

`answers` is greedy decoding: it equals `model.generate(do_sample=False)` of each prompt alone.

`choices` can answer nothing but a label. The labels' token sequences, each closed by the end of turn, form a trie.
Where a node has one child there is nothing to decide, and its token needs no pass of its own; where it has several,
the best of them is taken. What lies between two decisions is fed together, (B, longest). Many inventories part at
the first token, and then a label costs the prefill alone. The product of the probabilities of the choices, each
over the node's children, is the label's probability in a distribution over the labels: its confidence.

`exact` follows every branch instead of the best, scores each label's whole sequence, and takes the likeliest.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from ..devices.compute import Device
from .prefix_attention import ATTENTION, FAR, KeysValues, Pass, padded

# Tokens of a batch's rests. Fixed per kind of device: with it, equal prompts make equal batches anywhere.
TOKEN_BUDGET = {"cpu": 4_096, "cuda": 32_768}

Trie = dict[int, "Trie"]


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of prompts in batches of at most `budget` padded tokens, the longest first.

    Longest first: if memory does not suffice, the first batch tells.
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
    """The trie of label token sequences; each ends in the end of turn, so that none is the beginning of another."""
    root: Trie = {}
    for sequence in sequences:
        node = root
        for token in sequence:
            node = node.setdefault(token, {})
    return root


def forced(node: Trie) -> tuple[list[int], Trie]:
    """The tokens behind a node that there is no choice about, and the node behind them: a leaf or a branch."""
    tokens = []
    while len(node) == 1:
        (token, node), *_ = node.items()
        tokens.append(token)
    return tokens, node


class Prefix(NamedTuple):
    """A shared beginning: its length, and keys and values (1, G, S, D) by layer."""

    length: int
    layers: dict[int, KeysValues]


class Choice(NamedTuple):
    """Token ids of the label chosen, and its probability among all labels."""

    ids: list[int]
    confidence: float


class _Rows:
    """Rows that are being decoded: their cache, positions, and the logits of what comes next, (rows, vocabulary)."""

    def __init__(self, decoder: "Decoder", prompts: Sequence[Sequence[int]], prefix: Prefix):
        self.decoder, self.prefix = decoder, prefix
        # Without the config, every layer keeps all it gets: windows are a matter of the attention function.
        self.cache = DynamicCache()
        self.length = torch.full((len(prompts), 1), prefix.length, device=decoder.place)
        self.keys = torch.empty((len(prompts), 0), dtype=torch.long, device=decoder.place)
        self.feed(prompts)

    def feed(self, tokens: Sequence[Sequence[int]]) -> None:
        """Append tokens, at least one to each row."""
        place = self.decoder.place
        ids = padded(tokens, self.decoder.pad).to(place)
        steps = padded([range(len(row)) for row in tokens], -1).to(place)
        positions = torch.where(steps < 0, FAR, self.length + steps)
        self.keys = torch.cat([self.keys, positions], 1)
        # A padded query sees nothing, and nobody sees what it becomes.
        queries = torch.where(steps < 0, 0, positions)
        turn = Pass(self.prefix.layers, queries, self.keys, self.prefix.length)
        self.logits = self.decoder.forward(ids, queries, self.cache, turn)
        self.length = self.length + (steps >= 0).sum(1, keepdim=True)

    def keep(self, places: list[int]) -> None:
        """Let all other rows go; a row that is named more than once is multiplied."""
        if places != list(range(len(self.length))):
            index = torch.tensor(places, device=self.decoder.place)
            self.cache.batch_select_indices(index)
            self.length, self.keys = self.length[index], self.keys[index]


class Decoder:
    """A model that answers prompts.

    Args:
        model: In eval mode, on `device`.
        stop_ids: Ids at which an answer ends.
        pad: Any id; padded positions are never seen.
        max_new_tokens: Limit of an answer.
    """

    def __init__(self, model: Any, device: Device, stop_ids: Sequence[int], pad: int, max_new_tokens: int):
        self.model, self.device, self.pad, self.max_new_tokens = model, device, pad, max_new_tokens
        self.place, self.stop_ids = model.device, torch.tensor(list(stop_ids), device=model.device)
        model.set_attn_implementation(ATTENTION)

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, cache: Any, turn: Pass) -> torch.Tensor:
        """Logits (rows, vocabulary) behind the last column of ids (rows, length)."""
        with torch.no_grad(), self.device.autocast():
            given = {"input_ids": ids, "position_ids": positions, "past_key_values": cache, "turn": turn}
            return self.model(**given, use_cache=True, logits_to_keep=1).logits[:, -1]

    def prefix(self, ids: Sequence[int]) -> Prefix:
        """Keys and values of a prompt beginning, to be given to the methods below with what follows it."""
        if not ids:
            return NOTHING
        rows = _Rows(self, [ids], NOTHING)
        return Prefix(len(ids), {i: (layer.keys, layer.values) for i, layer in enumerate(rows.cache.layers)})

    def answers(self, prompts: Sequence[Sequence[int]], prefix: Prefix | None = None) -> list[list[int]]:
        """Token ids of each prompt's greedy answer, without the stop token, in the order of the prompts.

        Args:
            prompts: Token ids; with `prefix`, what follows it.

        Returns:
            At most `max_new_tokens` ids each.
        """
        rows = _Rows(self, prompts, prefix or NOTHING)
        out: list[list[int]] = [[] for _ in prompts]
        going = list(range(len(prompts)))
        for step in range(self.max_new_tokens):
            tokens = rows.logits.argmax(-1)
            stopped = torch.isin(tokens, self.stop_ids).tolist()
            tokens = tokens.tolist()
            alive = [place for place in range(len(going)) if not stopped[place]]
            for place in alive:
                out[going[place]].append(tokens[place])
            if not alive or step + 1 == self.max_new_tokens:
                break
            rows.keep(alive)
            going = [going[place] for place in alive]
            rows.feed([[tokens[place]] for place in alive])
        return out

    def choices(self, prompts: Sequence[Sequence[int]], labels: Trie, prefix: Prefix | None = None) -> list[Choice]:
        """A label for each prompt, greedily through the trie of labels; ids include the end of turn.

        Args:
            prompts: Token ids; with `prefix`, what follows it.
            labels: Of `label_trie`.
        """
        begun, root = forced(labels)
        chosen = [list(begun) for _ in prompts]
        confidence, nodes = [1.0] * len(prompts), [root] * len(prompts)
        going = list(range(len(prompts))) if root else []
        rows = _Rows(self, [[*prompt, *begun] for prompt in prompts], prefix or NOTHING) if going else None
        while going:
            alive, following = [], []
            for place, row in enumerate(going):
                tokens = list(nodes[row])
                shares = rows.logits[place, tokens].float().softmax(-1)
                best = int(shares.argmax())
                more, node = forced(nodes[row][tokens[best]])
                chosen[row] += [tokens[best], *more]
                confidence[row] *= float(shares[best])
                nodes[row] = node
                if node:
                    alive.append(place)
                    following.append([tokens[best], *more])
            going = [going[place] for place in alive]
            if going:
                rows.keep(alive)
                rows.feed(following)
        return [Choice(ids, share) for ids, share in zip(chosen, confidence, strict=True)]

    def exact(self, prompts: Sequence[Sequence[int]], labels: Trie, prefix: Prefix | None = None) -> list[Choice]:
        """The label whose whole sequence is the likeliest, for each prompt; arguments as for `choices`.

        Every branch of the trie is followed: a row is multiplied where its node has several children.
        """
        rows = _Rows(self, prompts, prefix or NOTHING)
        front: list[tuple[int, Trie, float, list[int]]] = [(row, labels, 0.0, []) for row in range(len(prompts))]
        scored: list[list[tuple[float, list[int]]]] = [[] for _ in prompts]
        while front:
            logs = rows.logits.float().log_softmax(-1)
            places, following = [], []
            for place, (row, node, score, ids) in enumerate(front):
                for token, child in node.items():
                    grown = row, child, score + float(logs[place, token]), [*ids, token]
                    if child:
                        places.append(place)
                        following.append(grown)
                    else:
                        scored[row].append(grown[2:])
            front = following
            if front:
                rows.keep(places)
                rows.feed([ids[-1:] for *_, ids in front])
        best = [(max(scores), torch.tensor([score for score, _ in scores])) for scores in scored]
        return [Choice(ids, float((score - all_scores.logsumexp(0)).exp())) for (score, ids), all_scores in best]


NOTHING = Prefix(0, {})
