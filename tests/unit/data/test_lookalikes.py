import pytest

from mixtune.data.lookalikes import find_lookalikes


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("dev_triples.json", "validation"),
        ("valid.txt", "validation"),
        ("m2_dev.TSV", "validation"),
        ("eval.jsonl", "validation"),
        ("eval.jsonl", "test"),
        ("test_public.tsv", "test"),
        ("test.csv.gz", "test"),
        ("Testing.xlsx", "test"),
        ("train_0.csv", "train"),
        ("train_dev.json", None),
        ("latest.json", None),
        ("SemEval2010.txt", None),
        ("devil.csv", None),
        (".dev.csv.swp", None),
        (".dev.csv", None),
        ("dev.py", None),
        ("dev.md", None),
    ],
)
def test_a_word_in_the_name_of_a_data_file_makes_it_look_like_a_split(tmp_path, name, split):
    (tmp_path / name).touch()
    found = {split for split in ("train", "validation", "test") if find_lookalikes(tmp_path, split, {})}
    assert found == ({"validation", "test"} if name == "eval.jsonl" else {split} - {None})


def test_folders_are_the_benchmarks_and_its_data_or_those_of_the_config(tmp_path):
    for name in ("dev_1.csv", "data/dev_2.csv", "other/dev_3.csv", "data/other/dev_4.csv", "a/b/dev_5.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def names(**options):
        return [path.name for path in find_lookalikes(tmp_path, "validation", **{"files": {}} | options)]

    assert names() == ["dev_2.csv", "dev_1.csv"]
    assert names(config="other") == ["dev_4.csv", "dev_3.csv"]
    assert names(files={"train": "dev_1.csv"}) == ["dev_2.csv"]
