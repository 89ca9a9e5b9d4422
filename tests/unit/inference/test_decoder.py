"""Greedy decoding in batches: the same answers as one prompt at a time, however prompts are put together."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Gemma2Config, LlamaConfig, Qwen2Config, SmolLM3Config

from mixtune.devices.compute import Device
from mixtune.inference import prefix_attention as prefixed
from mixtune.inference.decoder import TOKEN_BUDGET, Decoder, batches, label_trie, skip_forced
from tests.fixtures.models import END, VOCABULARY, random_model, tiny_shape

CPU = Device("cpu", torch.float32, "a test says so")
NEW = 6
STOP = [2, 7, 11, 19, 23, 31, 43, 59]  # one id in eight, so that answers end all along the way
WINDOW = 8
SHAPE = tiny_shape(pad_token_id=0)
CONFIGS = {
    "llama": LlamaConfig(**SHAPE),
    "qwen2": Qwen2Config(**SHAPE),
    "smollm3": SmolLM3Config(**SHAPE),
    "gemma2": Gemma2Config(**SHAPE, head_dim=8, sliding_window=WINDOW),
}
rng = random.Random(0)
BEGINNING = [rng.randrange(1, VOCABULARY) for _ in range(20)]
TAILS = [[rng.randrange(1, VOCABULARY) for _ in range(rng.randint(1, 30))] for _ in range(200)]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model():
    """Makes random models in float32 in which every parameter matters."""
    made = {}

    def make(kind: str):
        if kind not in made:
            made[kind] = random_model(CONFIGS[kind]).eval()
        return made[kind]

    return make


@pytest.fixture(scope="module")
def expected(model):
    """Answers of `generate`, one prompt at a time."""
    made = {}

    def make(kind: str, beginning=()):
        key = kind, tuple(beginning)
        if key not in made:
            made[key] = [generated(model(kind), [*beginning, *tail]) for tail in TAILS]
        return made[key]

    return make


def generated(model, prompt) -> list[int]:
    model.set_attn_implementation("eager")  # Gemma2's; a decoder has put its own in its place
    ids = torch.tensor([prompt])
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=NEW,
        eos_token_id=STOP,
        pad_token_id=0,
    )
    answer = out[0, len(prompt) :].tolist()
    return answer[:-1] if answer and answer[-1] in STOP else answer


def make_decoder(model, **changed) -> Decoder:
    return Decoder(model, CPU, **({"stop_ids": STOP, "pad": 0, "max_new_tokens": NEW} | changed))


def decoded(decoder: Decoder, prompts, budget: int, beginning=()) -> list[list[int]]:
    """Answers to prompts in batches of a budget, behind a shared beginning."""
    prefix = decoder.compute_prefix(beginning) if beginning else None
    answers: list = [None] * len(prompts)
    for batch in batches(list(map(len, prompts)), budget):
        for i, answer in zip(batch, decoder.generate([prompts[i] for i in batch], prefix), strict=True):
            answers[i] = answer
    return answers


@pytest.mark.parametrize("kind", CONFIGS)
def test_batches_answer_as_generate_does_one_prompt_at_a_time(model, expected, kind):
    answers = decoded(make_decoder(model(kind)), TAILS, budget=600)
    assert answers == expected(kind)
    # The prompts are worth something: answers of every length, and ones that differ.
    assert {len(answer) for answer in answers} == set(range(NEW + 1))
    assert len({tuple(answer) for answer in answers}) > 50
    assert sum(len(tail) > WINDOW for tail in TAILS) > 100


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_shared_prefix_changes_no_answer(model, expected, kind):
    answers = decoded(make_decoder(model(kind)), TAILS, 600, BEGINNING)
    assert answers == expected(kind, BEGINNING)
    assert answers == decoded(make_decoder(model(kind)), [BEGINNING + tail for tail in TAILS], 4000)
    assert answers != expected(kind)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "smollm3"])
def test_the_attention_for_gpus_gives_the_same_answers(model, expected, kind, monkeypatch):
    """It runs on a CPU as well, where the fused kernel takes its place."""

    monkeypatch.setattr(prefixed, "_can_fuse", lambda *_: False)
    assert decoded(make_decoder(model(kind)), TAILS, 600, BEGINNING) == expected(kind, BEGINNING)
    assert decoded(make_decoder(model(kind)), TAILS, 600) == expected(kind)


def test_a_prefix_is_left_as_it_was(model):
    decoder = make_decoder(model("llama"))
    prefix = decoder.compute_prefix(BEGINNING)
    before = [(keys.clone(), values.clone()) for keys, values in prefix.layers]
    first = decoder.generate(TAILS[:5], prefix)
    assert [decoder.generate([tail], prefix)[0] for tail in TAILS[:5]] == first
    assert decoder.generate(TAILS[:5], prefix) == first
    assert prefix.length == len(BEGINNING)
    for layer, (keys, values) in zip(prefix.layers, before, strict=True):
        assert torch.equal(layer[0], keys)
        assert torch.equal(layer[1], values)


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_rows_that_end_disturb_no_other(model, expected, kind):
    """The longest answers, in a batch with ever more of those that end sooner."""
    answers = expected(kind)
    longest = [i for i, answer in enumerate(answers) if len(answer) == NEW][:3]
    for length in range(NEW):
        others = [i for i, answer in enumerate(answers) if len(answer) == length][:4]
        for chosen in (longest + others, others + longest, others):
            assert make_decoder(model(kind)).generate([TAILS[i] for i in chosen]) == [answers[i] for i in chosen]


def test_the_order_in_a_batch_changes_no_answer(model, expected):
    wanted, order = expected("llama"), list(range(40))
    decoder = make_decoder(model("llama"))
    for seed in range(3):
        random.Random(seed).shuffle(order)
        assert decoder.generate([TAILS[i] for i in order]) == [wanted[i] for i in order]


def test_an_answer_ends_before_its_stop_token(model, expected):
    """Whichever of the stop tokens; without any, it goes on to the limit and begins in the same way."""
    endless = make_decoder(model("llama"), stop_ids=[]).generate(TAILS)
    assert {len(answer) for answer in endless} == {NEW}
    seen = set()
    for answer, whole in zip(expected("llama"), endless, strict=True):
        assert whole[: len(answer)] == answer
        seen |= set(whole[len(answer) : len(answer) + 1])
    assert seen == set(STOP)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_answers_have_at_most_max_new_tokens(model, expected, limit):
    answers = make_decoder(model("llama"), max_new_tokens=limit).generate(TAILS[:50])
    assert answers == [answer[:limit] for answer in expected("llama")[:50]]


def test_no_forward_pass_is_wasted(model, monkeypatch):
    """One for the prompts, one for each further token of the longest answer; finished rows take no part."""
    network = model("llama")
    sizes = []

    def forward(*args, **options):
        sizes.append(tuple(options["input_ids"].shape))
        return original(*args, **options)

    answering = make_decoder(network)
    original = network.forward
    monkeypatch.setattr(network, "forward", forward)
    answers = answering.generate(TAILS[:20])
    alive = [sum(len(answer) > step for answer in answers) for step in range(NEW - 1)]
    assert sizes == [(20, max(map(len, TAILS[:20])))] + [(number, 1) for number in alive if number]


def test_the_pad_token_is_never_seen(model, expected):
    for pad in (STOP[0], 40):
        assert make_decoder(model("llama"), pad=pad).generate(TAILS[:30]) == expected("llama")[:30]


def test_no_row_at_all_is_answered_by_nothing(model):
    """All answers are empty where every id stops."""
    assert make_decoder(model("llama"), stop_ids=range(VOCABULARY)).generate(TAILS[:3]) == [[], [], []]


# Labels alone: token sequences that part at once, late, and where one is the beginning of another.
LABELS = [[5, END], [5, 6, END], [5, 6, 7, 8, 9, END], [5, 6, 7, 8, 10, END], [12, 13, 14, END], [15, END]]
SAME_START = [[20, 21, 5, END], [20, 21, 6, 7, END], [20, 21, 6, 8, END]]
ONE = [[30, 31, END]]


def constrained(model, prompt, labels) -> list[int]:
    """What `generate` gives when nothing but a label is allowed."""
    model.set_attn_implementation("eager")
    ids = torch.tensor([prompt])

    def allowed(_, so_far):
        done = so_far[len(prompt) :].tolist()
        following = {label[len(done)] for label in labels if label[: len(done)] == done and len(label) > len(done)}
        return sorted(following) or [END]

    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=max(map(len, labels)),
        eos_token_id=END,
        pad_token_id=0,
        prefix_allowed_tokens_fn=allowed,
    )
    return out[0, len(prompt) :].tolist()


@pytest.mark.parametrize("labels", [LABELS, SAME_START, ONE], ids=["mixed", "same-start", "one"])
@pytest.mark.parametrize("beginning", [[], BEGINNING], ids=["alone", "shared"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_choices_are_those_of_constrained_generation(model, kind, beginning, labels):
    prompts = TAILS[:60]
    decoder = make_decoder(model(kind))
    found = decoder.choose_labels(prompts, label_trie(labels), decoder.compute_prefix(beginning))
    assert {tuple(choice.ids) for choice in found} <= {tuple(label) for label in labels}
    assert [choice.ids for choice in found] == [constrained(model(kind), [*beginning, *p], labels) for p in prompts]
    if labels is LABELS:
        assert len({tuple(choice.ids) for choice in found}) > 2


def label_scores(model, prompt, labels) -> torch.Tensor:
    """Log-probability of each whole label, one full forward pass a label."""
    model.set_attn_implementation("eager")
    scores = []
    for label in labels:
        logs = model(torch.tensor([[*prompt, *label]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        scores.append(logs[range(len(label)), label].sum())
    return torch.stack(scores).detach()


@pytest.mark.parametrize("kind", CONFIGS)
def test_exact_scoring_takes_the_likeliest_label(model, kind):
    decoder = make_decoder(model(kind))
    found = decoder.choose_labels_exactly(TAILS[:12], label_trie(LABELS), decoder.compute_prefix(BEGINNING))
    for tail, choice in zip(TAILS, found, strict=False):
        shares = label_scores(model(kind), [*BEGINNING, *tail], LABELS).softmax(0)
        assert choice.ids == LABELS[int(shares.argmax())]
        assert choice.confidence == pytest.approx(float(shares.max()), abs=1e-5)


def test_the_confidence_of_a_choice_is_a_probability_over_the_labels(model):
    """By hand: at each branch of the trie, the softmax over its children alone."""
    network = model("llama")
    decoder = make_decoder(network)
    found = decoder.choose_labels(TAILS[:20], label_trie(LABELS))
    network.set_attn_implementation("eager")
    for tail, choice in zip(TAILS, found, strict=False):
        expected = 1.0
        for step, token in enumerate(choice.ids):
            children = sorted({label[step] for label in LABELS if label[:step] == choice.ids[:step]})
            logits = network(torch.tensor([[*tail, *choice.ids[:step]]])).logits[0, -1, children]
            expected *= float(logits.softmax(0)[children.index(token)])
        assert choice.confidence == pytest.approx(expected, abs=1e-5)


def test_only_decisions_cost_a_pass(model, monkeypatch):
    network, passes = model("llama"), []

    def forward(*args, **options):
        passes.append(tuple(options["input_ids"].shape))
        return original(*args, **options)

    decoder, original = make_decoder(network), network.forward
    monkeypatch.setattr(network, "forward", forward)
    longest = max(map(len, TAILS[:9]))
    assert [choice.ids for choice in decoder.choose_labels(TAILS[:9], label_trie(ONE))] == ONE * 9
    assert passes == []  # one label: nothing to decide
    decoder.choose_labels(TAILS[:9], label_trie([[5, 6, 7, END], [8, 9, END]]))
    assert passes == [(9, longest)]  # the first token decides, the rest is forced
    passes.clear()
    decoder.choose_labels(TAILS[:9], label_trie([[5, 6, 7, 1, END], [5, 6, 7, 3, END]]))
    assert passes == [(9, longest + 3)]  # what all labels begin with belongs to the prompt


def test_a_trie_by_hand():
    trie = label_trie([[1, 2, 9], [1, 3, 4, 9], [1, 3, 9]])
    assert trie == {1: {2: {9: {}}, 3: {4: {9: {}}, 9: {}}}}
    assert skip_forced(trie) == ([1], trie[1])
    assert skip_forced(trie[1][2]) == ([9], {})
    assert skip_forced(trie[1]) == ([], trie[1])


lengths = st.lists(st.integers(1, 50), max_size=60)


@given(lengths, st.integers(1, 200))
def test_batches_hold_every_prompt_once_and_keep_to_the_budget(lengths, budget):
    planned = list(batches(lengths, budget))
    assert sorted(i for batch in planned for i in batch) == list(range(len(lengths)))
    for batch in planned:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget


@given(lengths, st.integers(1, 200))
def test_the_longest_prompts_come_first_and_batches_are_full(lengths, budget):
    planned = list(batches(lengths, budget))
    order = [lengths[i] for batch in planned for i in batch]
    assert order == sorted(lengths, reverse=True)
    for batch in planned[:-1]:
        assert (len(batch) + 1) * lengths[batch[0]] > budget


def test_batches_by_hand():
    assert list(batches([3, 5, 2, 5, 1], 10)) == [[1, 3], [0, 2, 4]]
    assert list(batches([30, 1], 10)) == [[0], [1]]  # too long for the budget: alone
    assert list(batches([], 10)) == []


def test_every_device_has_a_budget():
    assert TOKEN_BUDGET.keys() == {"cpu", "cuda"}
