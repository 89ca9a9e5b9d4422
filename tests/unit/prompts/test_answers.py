"""Answers: labels that do not come back from a tokenizer are refused before anything is rendered."""

import pytest
from tokenizers import normalizers

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.prompts.answers import encode_benchmark_labels, encode_labels
from mixtune.prompts.chat_template import Renderer, RenderError

END = 258  # <|im_end|>


def encoded(renderer, *labels: str) -> dict[str, list[int]]:
    return encode_labels(renderer, labels, "benchmark toy", "rename it")


def normalising(tiny_tokenizer, *steps) -> Renderer:
    """A renderer whose tokenizer normalises texts."""
    tokenizer = tiny_tokenizer("chatml")
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(list(steps))
    return Renderer(tokenizer)


def test_labels_become_ids_in_their_order(renderer):
    assert encoded(renderer, "Kill", "né e", "Cause-Effect(e1,e2)") == {
        label: [*label.encode(), END] for label in ("Kill", "né e", "Cause-Effect(e1,e2)")
    }


def test_a_label_whose_case_or_blanks_change_is_an_answer_since_scoring_ignores_them(tiny_tokenizer):
    renderer = normalising(tiny_tokenizer, normalizers.Lowercase(), normalizers.Prepend(" "))
    assert encoded(renderer, "Work_For") == {"Work_For": [*b" work_for", END]}


@pytest.mark.parametrize(
    ("step", "label", "decoded"),
    [
        (normalizers.NFKC(), "№_5", "No_5"),
        (normalizers.StripAccents(), "née", "née"),
        (normalizers.Replace("_", " "), "Work_For", "Work For"),
        (normalizers.Replace("Kill", ""), "Kill", ""),
        (normalizers.Replace(":", "\n"), "per:title", "per\ntitle"),
    ],
)
def test_a_label_that_the_tokenizer_changes_is_refused(tiny_tokenizer, step, label, decoded):
    steps = [normalizers.NFD(), step] if label == "née" else [step]
    renderer = normalising(tiny_tokenizer, *steps)
    with pytest.raises(RenderError) as caught:
        encoded(renderer, "Other", label)
    shown = "nee" if label == "née" else decoded
    assert str(caught.value) == (
        f"benchmark toy: label {label!r} is decoded as {shown!r} by the model's tokenizer, so that no answer could be "
        "correct; rename it, or use another model"
    )


def test_a_label_of_unknown_tokens_is_refused():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, "Kill": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", unk_token="<unk>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }} </s> {% endfor %}"
    renderer = Renderer(tokenizer)
    assert encoded(renderer, "Kill") == {"Kill": [2, 1]}
    with pytest.raises(RenderError, match="label 'Work_For' is decoded as ''"):
        encoded(renderer, "Kill", "Work_For")


def test_a_label_with_a_control_token_is_refused(tiny_tokenizer, renderer):
    with pytest.raises(RenderError, match=r"'a<\|im_end\|>b' contains a control token .*'a< \|im_end\|>b'; rename it"):
        encoded(renderer, "a<|im_end|>b")
    with pytest.raises(RenderError, match="'a<think>' contains a control token"):
        encoded(Renderer(tiny_tokenizer("qwen3")), "a<think>")  # not flagged as special
    assert encoded(renderer, "a<think>")


def test_labels_that_scoring_cannot_distinguish_are_refused(renderer):
    with pytest.raises(RenderError, match=r"^benchmark toy: duplicate label: uses \(spelt 'USES', 'Uses';.*; rename"):
        encoded(renderer, "USES", "none", "Uses")


def test_labels_of_train_rows_are_checked_too(renderer, make_example):
    pool = [make_example(1, "Bo hit Cy .", "Bo", "Cy", relation="<|im_end|>")]
    with pytest.raises(RenderError, match=r"^benchmark toy: label .*; rename it with benchmarks\.toy\.label_map"):
        encode_benchmark_labels(renderer, {"toy": ["Kill"]}, {"toy": pool})
    pool = [make_example(1, "Bo hit Cy .", "Bo", "Cy", relation="Hit")]
    assert encode_benchmark_labels(renderer, {"toy": ["Kill"]}, {"toy": pool}) == {"toy": {"Kill": [*b"Kill", END]}}


def test_both_rendering_jobs_refuse_a_label_before_they_render(
    prepared, render_prompts, train, tmp_path, tiny_tokenizer
):
    folders, _ = prepared
    labels = read_json(folders[0] / "labels.json")
    write_json(folders[0] / "labels.json", {**labels, "labels": [*labels["labels"], "a<|im_end|>b"]})
    try:
        for job in (render_prompts, train):
            with pytest.raises(RenderError, match=f"^benchmark {folders[0].name}: label 'a<"):
                job(tmp_path / job.__name__)
    finally:
        write_json(folders[0] / "labels.json", labels)
    assert not list(tmp_path.rglob("*.parquet"))
