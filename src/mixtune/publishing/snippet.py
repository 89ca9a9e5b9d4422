"""How to ask a tuned adapter without mixtune: a program for its card."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from ..data.registry import REGISTRY
from ..prompts.chat_template import Renderer
from ..prompts.messages import messages

# Shown where the adapter was tuned with demonstrations: written for this card, so that no benchmark's rows are in it.
DEMONSTRATIONS = (
    ("Grace Hopper worked for Remington Rand.", "Grace Hopper", "Remington Rand", "Work_For"),
    ("Alan Turing lived in Wilmslow.", "Alan Turing", "Wilmslow", "Live_In"),
    ("Remington Rand had its seat in New York.", "Remington Rand", "New York", "OrgBased_In"),
    ("Wilmslow lies in Cheshire.", "Wilmslow", "Cheshire", "Located_In"),
)
QUERY = ("Ada Byron lived in London.", "Ada Byron", "London")
SNIPPET = """\
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

base, revision = {base}, {revision}
adapter = {repository}  # or its folder
nf4 = BitsAndBytesConfig(  # the base that it was tuned on
    load_in_4bit=True,
    bnb_4bit_quant_type="nf4",
    bnb_4bit_use_double_quant=True,
    bnb_4bit_compute_dtype=torch.bfloat16,
)
tokenizer = AutoTokenizer.from_pretrained(adapter)
model = AutoModelForCausalLM.from_pretrained(
    base, revision=revision, dtype=torch.bfloat16, quantization_config=nf4
)
model = PeftModel.from_pretrained(model, adapter).eval()

messages = [
{messages}
]
inputs = tokenizer.apply_chat_template(
    messages,
{options}
).to(model.device)
output = model.generate(**inputs, max_new_tokens={max_new_tokens}, do_sample=False, eos_token_id={stop_ids})
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))"""


def snippet(settings: Mapping[str, Any], run: Mapping[str, Any], name: str, renderer: Renderer) -> str:
    """A program that asks an adapter with plain Transformers and PEFT, by the prompt that it was tuned with.

    Args:
        settings: `shots`, `condition`, `namespace` and `max_new_tokens`, as for `cards.write_card`.
        run: The adapter's run card.
        name: What the adapter is called.
        renderer: Of the base model.
    """
    shown = list(itertools.islice(itertools.cycle(DEMONSTRATIONS), settings["shots"]))
    asked = messages(settings["condition"], REGISTRY["conll04"].labels, shown, QUERY)
    turns, options, clock = renderer.chat_template_arguments(asked)
    given = {"add_generation_prompt": True, "return_dict": True, "return_tensors": "pt", **options}
    lines = [f"{key}={json.dumps(value) if isinstance(value, str) else value}" for key, value in given.items()]
    if clock:  # the date that it was tuned with
        lines.append(f"chat_template={clock!r} + tokenizer.get_chat_template()")
    return SNIPPET.format(
        base=json.dumps(run["base_model"]),
        revision=json.dumps(run["base_model_commit"] or "main"),
        repository=json.dumps(f"{settings['namespace']}/{name}" if settings["namespace"] else f"path/to/{name}"),
        messages="\n".join(f"    {json.dumps(turn, ensure_ascii=False)}," for turn in turns),
        options="\n".join(f"    {line}," for line in lines),
        max_new_tokens=settings["max_new_tokens"],
        stop_ids=renderer.stop_ids,
    )
