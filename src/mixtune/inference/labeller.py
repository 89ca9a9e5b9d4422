"""Labelling of single examples with an adapter, by the workflow's own rendering and prediction code."""

import functools
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..data.example import Example
from ..data.labels import recognise
from ..devices.compute import Device
from ..errors import UserError
from ..models.adapter_folder import check_template
from ..models.qlora import load_adapter, load_base
from ..prompts.answers import encode_labels
from ..prompts.chat_template import RenderError, folder_renderer
from ..prompts.files import Rendered
from ..prompts.rendering import TooLongError, render
from .answering import Answer, answer, constrained_answerer, greedy_answerer
from .decoder import TOKEN_BUDGET, Decoder
from .streams import QUERY, InputRow

# Rows per window follow from it and the token budget: rows of 100 tokens fill six batches, so that little is lost
# at the end of a window.
TOKENS_PER_ROW = 16


class Labeller:
    """A base model with an adapter; the weights are loaded at the first call of `label`.

    For example:

        labeller = Labeller(
            "models/SmolLM2", Path("adapters/mine"), choose_device("cpu"),
            condition="constrained", labels=["works_for", "lives_in", "none"], demonstrations=[],
            max_length=4096, max_new_tokens=32,
        )
        record = {"text": "Ada works at Acme.", "head": "Ada", "tail": "Acme"}
        [labelled], rejected = labeller.label([InputRow(1, record, parse_example(record))])
        labelled["relation"], labelled["confidence"]

    Args:
        base: Folder of the base model.
        adapter: Folder of the adapter, in PEFT's layout.
        condition: "generic", "schema" or "constrained".
        labels: The label list; under "generic", answers are normalised to its spelling.
        demonstrations: Included in every prompt.
        max_length: Tokens per prompt, at most the model's context.
        max_new_tokens: Tokens per answer; labels under "constrained" may be longer.

    Attributes:
        window: Number of rows per call of `label` that suits the batches.
        cut: Number of prompts that lost "demonstrations" or "text" to fit.

    Raises:
        UserError: The adapter was tuned with another chat template, or `max_new_tokens` exceeds the model's context.
    """

    def __init__(
        self,
        base: Path | str,
        adapter: Path,
        device: Device,
        *,
        condition: str,
        labels: Sequence[str],
        demonstrations: Sequence[Example],
        max_length: int,
        max_new_tokens: int,
    ):
        self.base, self.adapter, self.device = base, adapter, device
        self.condition, self.labels, self.demonstrations = condition, labels, demonstrations
        self.renderer = folder_renderer(base)
        check_template(adapter, self.renderer.template_hash, self.renderer.tokenizer.get_chat_template())
        context = self.renderer.context
        if context and max_new_tokens >= context:
            raise UserError(
                f"--max-new-tokens: {max_new_tokens:,} tokens do not fit; the model has {context:,} positions for "
                "prompt and answer: lower it, e.g. to the tokens of the longest label"
            )
        self.max_length = min(max_length, context or max_length)
        self.max_new_tokens = max_new_tokens
        self.budget = TOKEN_BUDGET[device.name]
        self.window, self.cut = self.budget // TOKENS_PER_ROW, Counter[str]()
        answers = encode_labels(self.renderer, labels, "--labels", "change it")
        longest = max(map(len, answers.values()), default=1) - 1
        if condition == "constrained":
            self.answerer = constrained_answerer(answers, exact=False)
        else:
            self.answerer = greedy_answerer(self.renderer.tokenizer)
            if longest > max_new_tokens:
                print(f"warning: a label has {longest} tokens; raise --max-new-tokens", file=sys.stderr)

    @functools.cached_property
    def decoder(self) -> Decoder:
        """The decoder, whose weights are loaded at first use."""
        device, renderer = self.device, self.renderer
        print(f"computing on {device.name} in {device.dtype} because {device.why}", file=sys.stderr)
        model = load_adapter(load_base(self.base, device), self.adapter)
        return Decoder(model, device, renderer.stop_ids, renderer.stop_ids[0], self.max_new_tokens)

    def label(self, rows: Sequence[InputRow]) -> tuple[list[dict[str, object]], list[InputRow]]:
        """Label rows.

        Returns:
            Records with `relation` and `confidence`, the label's probability among the labels (0..1) under
            "constrained"; and rows that cannot be labelled, with the problem. Both in the order of the rows.
        """
        readable = [row for row in rows if row.example]
        rendered = self._render([row.example for row in readable if row.example])
        results = list(zip(readable, rendered, strict=True))
        fitting = [(row, prompt) for row, prompt in results if isinstance(prompt, Rendered)]
        self.cut.update(prompt.cut for _, prompt in fitting if prompt.cut)
        answers = self._answer([prompt.input_ids for _, prompt in fitting])
        labelled = [
            {**row.record, "relation": recognise(text, self.labels)[0], "confidence": confidence}
            for (row, _), (text, confidence) in zip(fitting, answers, strict=True)
        ]
        unrendered = [replace(row, problem=problem) for row, problem in results if isinstance(problem, str)]
        return labelled, sorted([*unrendered, *(row for row in rows if row.problem)], key=lambda row: row.number)

    def _answer(self, prompts: Sequence[Sequence[int]]) -> list[Answer]:
        if not prompts:
            return []
        with tempfile.TemporaryDirectory() as parts:
            return answer(prompts, Path(parts), lambda: self.decoder, self.answerer, self.budget)

    def _render(self, examples: Sequence[Example]) -> list[Rendered | str]:
        """Return the prompt of each example, or the problem with it."""
        try:
            return list(
                render(
                    self.renderer,
                    examples,
                    {QUERY: self.demonstrations},
                    {QUERY: self.labels},
                    condition="schema" if self.condition == "constrained" else self.condition,
                    shots=len(self.demonstrations),
                    seed=0,
                    max_length=self.max_length,
                    training=False,
                )
            )
        except RenderError as error:  # of one of them
            if len(examples) == 1:
                too_long = f"even its shortest prompt has more than {self.max_length:,} tokens (--max-length)"
                return [too_long if isinstance(error, TooLongError) else str(error)]
            half = len(examples) // 2
            return self._render(examples[:half]) + self._render(examples[half:])
