"""Messages + tokenizer -> token ids, and which of them are the label. The only place that knows templates."""

import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from ..artifacts.manifests import canonical, digest, read_json
from ..data.example import Example
from ..errors import UserError
from .files import Rendered
from .messages import Messages, demonstrations, messages, shorten

# Templates that print a date get this one, or results would change with the calendar.
PINNED_DATE = datetime(2024, 7, 26)
PINNED = {"enable_thinking": False, "date_string": PINNED_DATE.strftime("%d %b %Y")}

# A template is given plain data only, so a pinned clock cannot be passed to it: this macro, put before the
# template, hides the clock that it would find.
_CODES = ("-d", "-m", *"aAbBcdDeFHIjmMpRSTUwWxXyYzZ")


def _clock(codes: Iterable[str]) -> str:
    pinned = "".join(f".replace('%{code}', '{PINNED_DATE.strftime(f'%{code}')}')" for code in codes)
    return f"{{%- macro strftime_now(format) %}}{{{{ format{pinned} }}}}{{% endmacro %}}\n"


_CLOCK = _clock(_CODES)

CHUNK = 512  # examples that are rendered at a time, and given to a process at a time

_work: Callable[[int], list[Rendered]]  # what a child process runs

_SYSTEM, _USER, _LABEL = "probe-system", "probe-user", "probe-label"


class RenderError(UserError, ValueError):
    """A conversation cannot be rendered; the message names the config key to change."""


class Renderer:
    """A tokenizer with its chat template, asked in one way for training and for prediction.

    Attributes:
        end_of_turn: Id of the token that ends the assistant's turn.
        stop_ids: Ids at which an answer ends.
        context: The model's context in tokens, or None where it is not known.
        template_hash: Changes when the template, or anything pinned in it, would render otherwise.
    """

    def __init__(self, tokenizer: Any, context: int | None = None):
        self.context = context
        if not tokenizer.chat_template:
            raise RenderError("the tokenizer has no chat template; use an instruction-tuned model (`models`)")
        self.tokenizer = tokenizer
        self._pinned_template = _CLOCK + tokenizer.get_chat_template()
        special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        names = sorted(special.union(tokenizer.all_special_tokens), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, names)) or "(?!)")
        self._fold = False
        probe = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]
        try:
            self._fold = _SYSTEM not in self._template(probe, add_generation_prompt=True)
        except TemplateError:  # some templates refuse a system role (Gemma's)
            self._fold = True
        turn = self.text(probe) + _LABEL
        closed = self._template(self._folded([*probe, {"role": "assistant", "content": _LABEL}]))
        after = tokenizer.encode(closed.rpartition(_LABEL)[2], add_special_tokens=False)
        ids = set(tokenizer.convert_tokens_to_ids(names))
        self.end_of_turn = next((id for id in after if id in ids), tokenizer.eos_token_id)
        if self.end_of_turn is None:
            raise RenderError("neither the chat template nor the tokenizer has an end-of-turn token (`models`)")
        self.stop_ids = sorted({self.end_of_turn, tokenizer.eos_token_id} - {None})
        self.template_hash = digest(canonical([tokenizer.chat_template, PINNED, turn, closed, self.stop_ids]))
        self._answer_ids = lru_cache(maxsize=65536)(self._encode_answer)

    def text(self, conversation: Messages) -> str:
        """The prompt's text, up to where the assistant's label begins."""
        return self._template(self._folded(conversation), add_generation_prompt=True)

    def plainly(self, conversation: Messages) -> tuple[Messages, dict[str, Any], str]:
        """What gives the text of a prompt without this class, by the tokenizer's own `apply_chat_template`.

        Returns:
            The turns; options beside `add_generation_prompt=True`; and what must stand before the tokenizer's
            template in the option `chat_template`, or "" where the template is good as it is.
        """
        template, turns, text = self.tokenizer.get_chat_template(), self._folded(conversation), self.text(conversation)
        options = {name: value for name, value in PINNED.items() if name in template}
        clocks = ("", _clock(code for code in _CODES if f"%{code}" in template), _CLOCK)
        for clock in clocks:
            given = {"chat_template": clock + template, "tokenize": False, "add_generation_prompt": True, **options}
            if self.tokenizer.apply_chat_template(turns, **given) == text:
                break
        return turns, options, clock

    def answer(self, label: str) -> list[int]:
        """Ids of a label and the end of turn, as the model must emit them after a prompt."""
        return list(self._answer_ids(label))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of rendered texts. The template has written every special token, so none is added here."""
        return self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]

    def _encode_answer(self, label: str) -> tuple[int, ...]:
        ids = self.tokenizer.encode(label, add_special_tokens=False, split_special_tokens=True)
        return (*ids, self.end_of_turn)

    def _folded(self, conversation: Messages) -> Messages:
        # A data set's text that spells a special token must not end a turn: a blank makes it plain text.
        conversation = [
            {**turn, "content": self._special.sub(lambda token: f"{token[0][0]} {token[0][1:]}", turn["content"])}
            for turn in conversation
        ]
        if not self._fold or conversation[0]["role"] != "system":
            return conversation
        first = conversation[1]
        content = f"{conversation[0]['content']}\n\n{first['content']}"
        return [{**first, "content": content}, *conversation[2:]]

    def _template(self, conversation: Messages, **options: Any) -> str:
        return self.tokenizer.apply_chat_template(
            conversation, chat_template=self._pinned_template, tokenize=False, **PINNED, **options
        )


def load_renderer(manifest: Path) -> Renderer:
    """The renderer of a fetched base model."""
    return folder_renderer(read_json(manifest)["folder"])


def folder_renderer(folder: str | Path) -> Renderer:
    """The renderer of a base model's folder: its tokenizer alone is loaded, and its config read."""
    from transformers import AutoConfig, AutoTokenizer  # here, since programs choose before whether it may load torch

    options = {"local_files_only": True, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(str(folder), **options)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
    return Renderer(tokenizer, getattr(config.get_text_config(), "max_position_embeddings", None))


def render(
    renderer: Renderer,
    examples: Sequence[Example],
    pools: dict[str, Sequence[Example]],
    labels: dict[str, Sequence[str]],
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
        pools: The train split of each benchmark, from which demonstrations are drawn.
        labels: The label inventory of each benchmark.
        condition: "generic" or "schema".
        shots: Demonstrations in the prompt.
        seed: Seed of the demonstrations.
        max_length: Limit in tokens. What is too long loses its demonstrations first, then text far from the
            two mentions; mentions and label never.
        processes: How many work side by side; the result is the same.

    Raises:
        RenderError: An example does not fit even so.
    """
    global _work

    def work(start: int) -> list[Rendered]:
        chunk = examples[start : start + CHUNK]
        return _render(renderer, chunk, pools, labels, condition, shots, seed, max_length, training)

    starts = range(0, len(examples), CHUNK)
    if min(processes, len(starts)) < 2:
        for start in starts:
            yield from work(start)
        return
    _work = work  # children inherit it, examples and all, so that only places and results are sent
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core a child
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for rows in pool.imap(_call_work, starts):
            yield from rows


def _call_work(start: int) -> list[Rendered]:
    return _work(start)


def _render(renderer, chunk, pools, labels, condition, shots, seed, max_length, training) -> list[Rendered]:
    key = "training.max_length" if training else "prediction.max_length"
    drawn = [demonstrations(e, pools[e.benchmark], shots, seed) for e in chunk]
    texts = [renderer.text(_messages(condition, labels, e, d, e.text)) for e, d in zip(chunk, drawn, strict=True)]
    rows = []
    for example, demos, ids in zip(chunk, drawn, renderer.encode(texts), strict=True):
        answer = renderer.answer(example.relation) if training else []
        room, uncut, cut = max_length - len(answer), len(ids) + len(answer), ""
        if len(ids) > room:
            ids, cut = _fit(renderer, condition, labels, example, demos, room, key, max_length)
        rows.append(Rendered(example.id, ids + answer, len(answer), cut, uncut))
    return rows


def _messages(condition, labels, example, demos, text) -> Messages:
    shown = [(d.text, d.head, d.tail, d.relation) for d in demos]
    return messages(condition, labels[example.benchmark], shown, (text, example.head, example.tail))


def _fit(renderer, condition, labels, example, demos, room, key, limit) -> tuple[list[int], str]:
    """Ids that fit into `room` tokens: fewer demonstrations, then less text around the mentions."""

    def encoded(kept: Sequence[Example], text: str) -> list[int]:
        return renderer.encode([renderer.text(_messages(condition, labels, example, kept, text))])[0]

    for kept in range(len(demos) - 1, -1, -1):
        ids = encoded(demos[:kept], example.text)
        if len(ids) <= room:
            return ids, "demonstrations"
    low, high, best = 0, len(example.text), None
    while low <= high:
        width = (low + high) // 2
        ids = encoded([], shorten(example, width))
        if len(ids) <= room:
            best, low = ids, width + 1
        else:
            high = width - 1
    if best is None:
        raise RenderError(
            f"{example.id}: {key}={limit} leaves {room} tokens for the prompt, and its shortest form has "
            f"{len(encoded([], shorten(example, 0)))}; raise {key}"
        )
    return best, "text"
