"""Examples -> token ids, shortened where they are too long."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..data.example import Example
from .chat_template import Renderer, RenderError
from .files import Rendered
from .messages import messages, sample_demonstrations, shorten

CHUNK = 512  # examples that are rendered together, in one process


class TooLongError(RenderError):
    """An example does not fit, however much of it is left out."""


_render_chunk: Callable[[int], list[Rendered]]  # runs in the child processes


def render(
    renderer: Renderer,
    examples: Sequence[Example],
    pools: Mapping[str, Sequence[Example]],
    labels: Mapping[str, Sequence[str]],
    *,
    condition: str,
    shots: int,
    seed: int,
    max_length: int,
    training: bool,
    processes: int = 1,
) -> Iterator[Rendered]:
    """Render examples in their order, for training (with the label) or for prediction (without).

    Args:
        pools: The train split of each benchmark, from which demonstrations are sampled.
        labels: The label inventory of each benchmark.
        condition: "generic" or "schema".
        shots: Demonstrations in the prompt.
        seed: Seed of the demonstrations.
        max_length: Limit in tokens. Longer rows lose their demonstrations first, then text far from the two
            mentions, but never mentions or label.
        processes: Parallel processes; the result is the same.

    Raises:
        TooLongError: An example exceeds the limit even so.
        RenderError: The chat template changes the text of an example.
    """
    global _render_chunk

    rendering = _Rendering(renderer, pools, labels, condition, shots, seed, max_length, training)

    def render_chunk(start: int) -> list[Rendered]:
        return rendering.rows(examples[start : start + CHUNK])

    starts = range(0, len(examples), CHUNK)
    if min(processes, len(starts)) < 2:
        for start in starts:
            yield from render_chunk(start)
        return
    _render_chunk = render_chunk  # children inherit it with the examples: only starts and rows are sent
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core per child
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for rows in pool.imap(_call_render_chunk, starts):
            yield from rows


def _call_render_chunk(start: int) -> list[Rendered]:
    return _render_chunk(start)


@dataclass(frozen=True)
class _Rendering:
    """Arguments of `render`, for one chunk of examples after another."""

    renderer: Renderer
    pools: Mapping[str, Sequence[Example]]
    labels: Mapping[str, Sequence[str]]
    condition: str
    shots: int
    seed: int
    max_length: int
    training: bool

    def rows(self, chunk: Sequence[Example]) -> list[Rendered]:
        """Render a chunk."""
        sampled = [sample_demonstrations(e, self.pools[e.benchmark], self.shots, self.seed) for e in chunk]
        texts = [self._text(e, demonstrations, e.text) for e, demonstrations in zip(chunk, sampled, strict=True)]
        rows = []
        for example, demonstrations, ids in zip(chunk, sampled, self.renderer.encode(texts), strict=True):
            answer = self.renderer.answer(example.relation) if self.training else []
            limit, uncut, cut = self.max_length - len(answer), len(ids) + len(answer), ""
            if len(ids) > limit:
                ids, cut = self._shortened(example, demonstrations, limit)
            rows.append(Rendered(example.id, ids + answer, len(answer), cut, uncut))
        return rows

    def _text(self, example: Example, demonstrations: Sequence[Example], text: str) -> str:
        """Return the prompt of an example with these demonstrations and this text."""
        turns = [(e.text, e.head, e.tail, e.relation) for e in demonstrations]
        query = (text, example.head, example.tail)
        return self.renderer.text(messages(self.condition, self.labels[example.benchmark], turns, query))

    def _ids(self, example: Example, demonstrations: Sequence[Example], text: str) -> list[int]:
        return self.renderer.encode([self._text(example, demonstrations, text)])[0]

    def _shortened(self, example: Example, demonstrations: Sequence[Example], limit: int) -> tuple[list[int], str]:
        """Return at most `limit` ids, with fewer demonstrations, then less text around the mentions."""
        for count in range(len(demonstrations) - 1, -1, -1):
            ids = self._ids(example, demonstrations[:count], example.text)
            if len(ids) <= limit:
                return ids, "demonstrations"
        low, high, best = 0, len(example.text), None
        while low <= high:
            width = (low + high) // 2
            ids = self._ids(example, [], shorten(example, width))
            if len(ids) <= limit:
                best, low = ids, width + 1
            else:
                high = width - 1
        if best is None:
            key = "training.max_length" if self.training else "prediction.max_length"
            raise TooLongError(
                f"{key}: {self.max_length} leaves {limit} tokens for the prompt of {example.id}, and its shortest form "
                f"has {len(self._ids(example, [], shorten(example, 0)))}; raise it"
            )
        return best, "text"
