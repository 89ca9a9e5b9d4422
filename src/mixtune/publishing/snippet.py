"""Usage example of a model card: prediction with an adapter without mixtune."""

import itertools
import json

from ..data.registry import REGISTRY
from ..prompts.chat_template import Renderer
from ..prompts.messages import messages
from ..training.formats import FinetuneCard
from .settings import CardSettings

# For adapters fine-tuned with demonstrations. Written for this card, so that it contains no row of a benchmark.
DEMONSTRATIONS = (
    ("Grace Hopper worked for Remington Rand.", "Grace Hopper", "Remington Rand", "Work_For"),
    ("Alan Turing lived in Wilmslow.", "Alan Turing", "Wilmslow", "Live_In"),
    ("Remington Rand was based in New York.", "Remington Rand", "New York", "OrgBased_In"),
    ("Wilmslow is in Cheshire.", "Wilmslow", "Cheshire", "Located_In"),
)
QUERY = ("Ada Byron lived in London.", "Ada Byron", "London")
SNIPPET = """\
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

base, revision = {base}, {revision}
adapter = {repository}  # or a local folder
nf4 = BitsAndBytesConfig(  # as in fine-tuning
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
print(tokenizer.decode({answer}, skip_special_tokens=True))"""

ANSWER = 'output[0, inputs["input_ids"].shape[1] :]'


def snippet(settings: CardSettings, run: FinetuneCard, name: str, renderer: Renderer) -> str:
    """Return a program that predicts with Transformers and PEFT alone, using the prompt format of fine-tuning.

    Args:
        settings: Of the card.
        run: The adapter's run card.
        name: The adapter's name.
        renderer: Of the base model.
    """
    shown = list(itertools.islice(itertools.cycle(DEMONSTRATIONS), settings.shots))
    conversation = messages(settings.condition, REGISTRY["conll04"].labels or (), shown, QUERY)
    turns, options, (before, after) = renderer.chat_template_arguments(conversation)
    options = {"add_generation_prompt": True, "return_dict": True, "return_tensors": "pt", **options}
    lines = [f"{key}={json.dumps(value) if isinstance(value, str) else value}" for key, value in options.items()]
    if before or after:  # the date in the training prompts; the rest of the turn that the template opens
        parts = [repr(before)] * bool(before) + ["tokenizer.get_chat_template()"] + [repr(after)] * bool(after)
        lines.append(f"chat_template={' + '.join(parts)}")
    answer, unflagged = ANSWER, sorted({*renderer.stop_ids} - {*renderer.tokenizer.all_special_ids})
    if unflagged:  # stop tokens that decoding would keep
        answer = f"[id for id in {ANSWER}.tolist() if id not in {unflagged}]"
    return SNIPPET.format(
        answer=answer,
        base=json.dumps(run["base_model"]),
        revision=json.dumps(run["base_model_commit"] or "main"),
        repository=json.dumps(f"{settings.namespace or 'path/to'}/{name}"),
        messages="\n".join(f"    {json.dumps(turn, ensure_ascii=False)}," for turn in turns),
        options="\n".join(f"    {line}," for line in lines),
        max_new_tokens=settings.max_new_tokens,
        stop_ids=renderer.stop_ids,
    )
