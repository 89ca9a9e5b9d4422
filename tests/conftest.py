"""A tokenizer and a base model made in the process, with chat templates that do what real ones do."""

import gc
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from mixtune.errors import do_without
from tests import fork_server

do_without(["torch._inductor.compile_fx"])  # nothing is compiled here, and to load the compiler takes two seconds
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, here or in a child process
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

BYTES = 256  # ids 0 to 255 are the bytes themselves; special tokens and merges follow

# SmolLM2: a default system turn where none is given.
CHATML = """\
{%- for message in messages %}
    {%- if loop.first and message['role'] != 'system' %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

# Llama-3: the template writes the BOS, a date that is today's unless given, and trims what it is given.
LLAMA = """\
{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now('%d %b %Y') %}
    {%- else %}
        {%- set date_string = '01 Jan 2024' %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{{- 'Today Date: ' + date_string + '\\n\\n' + system_message + '<|eot_id|>' }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""

# Gemma: refuses a system role, calls the assistant `model`, and wants the roles to alternate.
GEMMA = """\
{{ bos_token }}
{%- if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
    {{- '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""

# SmolLM3: thinks unless told not to, prints today's date, and leaves the system turn open.
SMOLLM3 = """\
{%- if enable_thinking is not defined %}{% set enable_thinking = true %}{% endif %}
{%- set custom = messages[0].content.rstrip() if messages[0].role == 'system' else 'You are a helpful assistant.' %}
{{- '<|im_start|>system\\n## Metadata\\n\\nToday Date: ' ~ strftime_now('%d %B %Y') ~ '\\n' }}
{{- 'Reasoning Mode: ' + ('/think' if enable_thinking else '/no_think') + '\\n\\n## Custom Instructions\\n\\n' }}
{{- custom + '\\n\\n' }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {%- generation %}
        {{- '<|im_start|>assistant\\n' + ('' if enable_thinking else '<think>\\n\\n</think>\\n') }}
        {{- message.content.lstrip('\\n') + '<|im_end|>\\n' }}
        {%- endgeneration %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' + ('<think>\\n' if enable_thinking else '<think>\\n\\n</think>\\n') }}
{%- endif %}"""

# Qwen3: strips the thinking of earlier turns, writes a think block before the last.
QWEN3 = """\
{%- set ns = namespace(last=-1) %}
{%- for message in messages %}
    {%- if message.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' %}
        {%- set thought = '' %}
        {%- if '</think>' in content %}
            {%- set thought = content.split('</think>')[0].split('<think>')[-1].strip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last %}{{ '<think>\\n' + thought + '\\n</think>\\n\\n' }}{% endif %}
    {%- endif %}
    {{- content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""

TEMPLATES = {"chatml": CHATML, "llama": LLAMA, "gemma": GEMMA, "smollm3": SMOLLM3, "qwen3": QWEN3}

# Special tokens in the order of their ids, from 256 on; then which of them plays which part.
_CHATML_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TOKENS = {
    "chatml": (_CHATML_TOKENS, {"eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "bos_token": "<|im_start|>"}),
    "llama": (
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"},
    ),
    "gemma": (
        ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"],
        {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"},
    ),
    "smollm3": (_CHATML_TOKENS, {"eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}),
    "qwen3": (_CHATML_TOKENS, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
}
# Added tokens that are not special, so that they survive decoding.
PLAIN = {"smollm3": ["<think>", "</think>"], "qwen3": ["<think>", "</think>"]}
# Tokens that stand before every text which is encoded with special tokens on.
PREFIXED = {"llama": "<|begin_of_text|>", "gemma": "<bos>"}


def _byte_symbols() -> list[str]:
    """The printable character that stands for each byte in byte-level vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(byte if byte in printable else next(rest)) for byte in range(256)]


def _merges(corpus: Iterable[str], number: int) -> list[tuple[str, str]]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=BYTES + number, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(corpus, trainer)
    return [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]


# Tests that are slow by nature, by their marks: `make test-all` runs them, or `pytest --all`, or `-m` with their mark.
SLOW = {
    "chaos": "kills at random moments",
    "cluster": "a real Slurm",
    "browser": "the page in Chromium",
    "network": "real weights from the package index",
}
# Files whose tests share no costly fixture, but for those that are made once for all processes.
SPREAD = {
    "test_caching", "test_commands", "test_disks", "test_existing_adapters", "test_planning",
    "test_prefix_attention", "test_reader_properties", "test_tabular", "test_trainer", "test_whole_dag",
}  # fmt: skip
LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help=f"also what is slow: {', '.join(SLOW.values())}")


def pytest_configure(config):
    config.stash[LEFT_OUT] = Counter()
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="mixtune-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process would compile the library anew
    os.environ["MIXTUNE_TEST_FORKS"] = str(folder)
    config.add_cleanup(fork_server.start(folder).stdin.close)


def pytest_collection_modifyitems(config, items):
    """Leave out what is slow unless it is asked for, and put last what is spread: no process then waits for another."""
    for item in items:
        if item.path.parent.name in SLOW:
            item.add_marker(item.path.parent.name)
    if not config.option.all and not config.option.markexpr:
        slow = {item: mark for item in items for mark in SLOW if item.get_closest_marker(mark)}
        config.stash[LEFT_OUT].update(slow.values())
        config.hook.pytest_deselected(items=list(slow))
        items[:] = [item for item in items if item not in slow]
    first = {"cluster": 0, "workflow": 1}  # Slurm's tests wait more than they work
    items.sort(key=lambda item: (item.path.stem in SPREAD, first.get(item.path.parent.name, 2)))


def pytest_collection_finish():
    gc.freeze()  # what is imported is a million objects, which need not be searched for garbage again and again


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        """A file's tests go to one process, for their fixtures, unless it is SPREAD; those of the one Slurm, too."""

        def _split_scope(self, nodeid):
            file = Path(nodeid.partition("::")[0])
            return nodeid if file.stem in SPREAD else str(file.parent if file.parent.name == "cluster" else file)

    config.option.loadscopereorder = False  # by the number of tests, which says nothing of their time
    return ByFixtures(config, log)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter, config):
    left = [f"{number} of {SLOW[mark]}" for mark, number in config.stash[LEFT_OUT].items()]
    if left:
        terminalreporter.write_line(f"left out: {'; '.join(left)}. `make test-all` runs them, too (pytest --all)")


@pytest.fixture(scope="session")
def tiny_tokenizer():
    """Makes tokenizers: `tiny_tokenizer(template="chatml", *, corpus=(), merges=1000, **special)`.

    Args:
        template: "chatml", "llama", "gemma", "smollm3" or "qwen3", or the text of any other (with ChatML's tokens).
        corpus: Texts to learn merges from. Without them every token is a byte whose value is its id, so that
            ids can be written by hand; special tokens have the ids from 256 on, merges those after them.
        merges: Merges to learn at most.
        special: Which token plays which part, as `pad_token="<|endoftext|>"`; None takes the part away.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    def make(template: str = "chatml", *, corpus: Iterable[str] = (), merges: int = 1000, **special):
        tokens, parts = TOKENS.get(template, TOKENS["chatml"])
        plain = PLAIN.get(template, [])
        learnt = _merges(corpus, merges) if corpus else []
        vocabulary = {symbol: byte for byte, symbol in enumerate(_byte_symbols())}
        ids = {token: BYTES + number for number, token in enumerate([*tokens, *plain])}
        for left, right in learnt:
            vocabulary.setdefault(left + right, len(vocabulary) + len(ids))
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary | ids, merges=learnt))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in tokens])
        tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in plain])
        if template in PREFIXED:
            begin = PREFIXED[template]
            tokenizer.post_processor = processors.TemplateProcessing(
                single=f"{begin} $A", special_tokens=[(begin, ids[begin])]
            )
        chosen = {part: token for part, token in (parts | special).items() if token is not None}
        made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **chosen)
        made.chat_template = TEMPLATES.get(template, template)
        return made

    return make


@pytest.fixture(scope="session")
def tiny_model():
    """Makes base models: `tiny_model(tokenizer, folder, name="tiny/llama", **config)` returns the manifest's path.

    The folder holds a random Llama of two layers and 64 units in safetensors, its tokenizer, and the
    `manifest.json` of a base model with origin path.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils.logging import disable_progress_bar

    from mixtune.models.fetch_model import fetch_model

    torch.set_num_threads(1)
    disable_progress_bar()

    def make(tokenizer, folder: Path, name: str = "tiny/llama", **config) -> Path:
        options = {
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 8192,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = LlamaForCausalLM(LlamaConfig(**(options | config)))
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        manifest = folder / "manifest.json"
        fetch_model({"model": "tiny", "name": name, "origin": "path", "path": str(folder)}, manifest)
        return manifest

    return make


@pytest.fixture(scope="session")
def tiny_encoder():
    """Makes encoders: `tiny_encoder(tokenizer, folder, name="tiny/roberta", **config)` returns the manifest's path.

    The folder holds a random RoBERTa of two layers and 32 units in safetensors, its tokenizer (it needs a pad token,
    as "gemma" has), and the `manifest.json` of a pretrained encoder with origin path.
    """
    import torch
    from transformers import RobertaConfig, RobertaModel
    from transformers.utils.logging import disable_progress_bar

    from mixtune.models.fetch_model import fetch_model

    torch.set_num_threads(1)
    disable_progress_bar()

    def make(tokenizer, folder: Path, name: str = "tiny/roberta", **config) -> Path:
        options = {
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 2048,  # RoBERTa counts from its pad token's id on
            "pad_token_id": tokenizer.pad_token_id,
        }
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = RobertaModel(RobertaConfig(**(options | config)))
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        manifest = folder / "manifest.json"
        settings = {"section": "encoders", "model": "tiny", "name": name, "origin": "path", "path": str(folder)}
        fetch_model(settings, manifest)
        return manifest

    return make


@pytest.fixture(scope="session")
def make_example():
    """Makes examples: `make_example(number, text, head, tail, **fields)`, with the mentions' first places."""
    from mixtune.data.example import Example

    def make(number: int, text: str, head: str, tail: str, **fields) -> Example:
        head_start, tail_start = text.find(head), text.find(tail)
        values = {
            "id": f"toy/train/{number}",
            "benchmark": "toy",
            "split": "train",
            "text": text,
            "head": head,
            "tail": tail,
            "head_start": head_start,
            "head_end": head_start + len(head) if head_start >= 0 else -1,
            "tail_start": tail_start,
            "tail_end": tail_start + len(tail) if tail_start >= 0 else -1,
            "head_type": "",
            "tail_type": "",
            "relation": "Work_For",
            "group": str(number),
        }
        return Example(**(values | fields))

    return make
