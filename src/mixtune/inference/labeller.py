"""An adapter that labels examples, by the code that the workflow renders and predicts with."""

import functools
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.example import Example
from ..data.labels import recognise
from ..devices.compute import Device
from ..models.adapter_folder import check_template
from ..models.qlora import load_adapter, load_base
from ..prompts.chat_template import RenderError, folder_renderer
from ..prompts.files import Rendered
from ..prompts.rendering import render
from .decoder import TOKEN_BUDGET, Decoder
from .predict import Answer, answer, by_label, freely
from .streams import QUERY, Row

# Rows of a window by tokens of a batch: rows of 100 tokens fill six batches, so that little is lost at the end.
TOKENS_A_ROW = 16


class Labeller:
    """A base model with an adapter; the weights are loaded when the first example comes.

    Args:
        base: Folder of the base model.
        adapter: Folder of the adapter, in PEFT's layout.
        condition: "generic", "schema" or "constrained".
        labels: The label list; under "generic", answers take their spelling from it.
        demonstrations: Shown before every question.
        max_length: Tokens of a prompt, never above the model's context.
        max_new_tokens: Tokens of an answer; labels under "constrained" may be longer.

    Attributes:
        window: How many examples at a time are best asked.
        cut: How many prompts lost "demonstrations" or "text" to fit.

    Raises:
        UserError: The adapter was tuned with another chat template.
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
        self.max_length = min(max_length, self.renderer.context or max_length)
        self.max_new_tokens = max_new_tokens
        self.budget = TOKEN_BUDGET[device.name]
        self.window, self.cut = self.budget // TOKENS_A_ROW, Counter[str]()
        answers = {label: self.renderer.answer(label) for label in labels}
        longest = max(map(len, answers.values()), default=1) - 1
        if condition == "constrained":
            self.ask = by_label(answers, exact=False)
        else:
            self.ask = freely(self.renderer.tokenizer)
            if longest > max_new_tokens:
                print(f"warning: a label has {longest} tokens; raise --max-new-tokens", file=sys.stderr)

    @functools.cached_property
    def decoder(self) -> Decoder:
        device, renderer = self.device, self.renderer
        print(f"computing on {device.name} in {device.dtype} because {device.why}", file=sys.stderr)
        model = load_adapter(load_base(self.base, device), self.adapter)
        return Decoder(model, device, renderer.stop_ids, renderer.tokenizer.pad_token_id or 0, self.max_new_tokens)

    def label(self, rows: Sequence[Row]) -> tuple[list[dict[str, Any]], list[Row]]:
        """Label rows.

        Returns:
            Records with `relation` and `confidence`, the label's probability among the labels (0..1) under
            "constrained"; and rows that cannot be labelled, with the problem. Both in the order of the rows.
        """
        asked = [row for row in rows if row.example]
        rendered = self._rendered([row.example for row in asked])
        fitting = [(row, prompt) for row, prompt in zip(asked, rendered, strict=True) if prompt]
        self.cut.update(prompt.cut for _, prompt in fitting if prompt.cut)
        answers = self._answers([prompt.input_ids for _, prompt in fitting])
        labelled = [
            {**row.record, "relation": recognise(text, self.labels)[0], "confidence": confidence}
            for (row, _), (text, confidence) in zip(fitting, answers, strict=True)
        ]
        problem = f"even its shortest prompt has more than {self.max_length:,} tokens (--max-length)"
        long = [replace(row, problem=problem) for row, prompt in zip(asked, rendered, strict=True) if not prompt]
        return labelled, sorted([*long, *(row for row in rows if row.problem)], key=lambda row: row.number)

    def _answers(self, prompts: Sequence[Sequence[int]]) -> list[Answer]:
        if not prompts:
            return []
        with tempfile.TemporaryDirectory() as parts:
            return answer(prompts, Path(parts), lambda: self.decoder, self.ask, self.budget)

    def _rendered(self, examples: Sequence[Example]) -> list[Rendered | None]:
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
        except RenderError:  # one of them does not fit
            if len(examples) == 1:
                return [None]
            half = len(examples) // 2
            return self._rendered(examples[:half]) + self._rendered(examples[half:])
