import hashlib
from collections import Counter
from pathlib import Path

import pytest

from mixtune.artifacts.manifests import is_complete, read_json, write_json
from mixtune.data.build_mixture import build_mixture, count_shares, mix_examples
from mixtune.data.example import Example
from mixtune.data.files import read_examples, write_examples
from mixtune.data.settings import BuildMixtureSettings
from mixtune.errors import UserError

DOMAINS = {"news": "general", "web": "general", "tales": "literary"}


def example(benchmark: str, number: int, split: str = "train") -> Example:
    id = f"{benchmark}/{split}/{number}"
    return Example(id, benchmark, split, "Ann met Bo.", "Ann", "Bo", 0, 3, 8, 10, "", "", "met", f"group {number}")


def rows(benchmark: str, number: int, split: str = "train") -> list[Example]:
    return [example(benchmark, n, split) for n in range(number)]


def ids(examples) -> list[str]:
    return [one.id for one in examples]


def counts(examples) -> Counter[str]:
    return Counter(one.benchmark for one in examples)


def mixed(sources, **settings) -> list[Example]:
    return mix_examples(sources, DOMAINS, **({"balance": "natural", "max_rows": None, "seed": 42} | settings))


def test_natural_takes_all_rows_and_shuffles_them():
    found = mixed({"news": rows("news", 40), "tales": rows("tales", 10)})
    assert counts(found) == {"news": 40, "tales": 10}
    assert len(set(found)) == 50
    assert {one.benchmark for one in found[:20]} == {"news", "tales"}


def test_natural_keeps_shares_under_a_cap():
    found = mixed({"news": rows("news", 3000), "tales": rows("tales", 1000)}, max_rows=1000)
    assert len(found) == 1000
    assert counts(found)["news"] == pytest.approx(750, abs=50)


def test_a_mixture_is_the_same_in_whatever_order_its_rows_and_sources_come():
    sources = {"news": rows("news", 50), "web": rows("web", 30), "tales": rows("tales", 20)}
    turned = {name: list(reversed(examples)) for name, examples in reversed(sources.items())}
    for balance in ("natural", "domain"):
        assert mixed(sources, balance=balance, max_rows=30) == mixed(turned, balance=balance, max_rows=30)
        assert mixed(sources, balance=balance, max_rows=30) != mixed(sources, balance=balance, max_rows=30, seed=7)


@pytest.mark.parametrize(("cap", "half"), [(None, 200), (1000, 200), (400, 200), (399, 199), (100, 50)])
def test_balance_by_domain_takes_equal_numbers(cap, half):
    sources = {"news": rows("news", 900), "web": rows("web", 300), "tales": rows("tales", 200)}
    found = counts(mixed(sources, balance="domain", max_rows=cap))
    assert found["news"] + found["web"] == found["tales"] == half


def test_balance_by_domain_keeps_natural_shares_inside():
    sources = {"news": rows("news", 3000), "web": rows("web", 1000), "tales": rows("tales", 1000)}
    found = counts(mixed(sources, balance="domain"))
    assert found["news"] + found["web"] == 1000
    assert found["news"] == pytest.approx(750, abs=50)


def test_balance_by_domain_shuffles_the_halves():
    found = mixed({"news": rows("news", 100), "tales": rows("tales", 100)}, balance="domain")
    assert 30 < counts(found[:100])["tales"] < 70


def test_composition_counts_rows_and_shares():
    assert count_shares([*rows("web", 1), *rows("news", 2)]) == {
        "news": {"rows": 2, "share": 0.666667},
        "web": {"rows": 1, "share": 0.333333},
    }


STATED = {"id": "mit", "name": "", "link": ""}


@pytest.fixture
def folders(tmp_path) -> list[Path]:
    """Prepared benchmarks: news 60 and 20, web 20 and 10, tales 40 and 24 rows of train and validation."""
    made = []
    for name, sizes in {"news": (60, 20), "web": (20, 10), "tales": (40, 24)}.items():
        made.append(tmp_path / "benchmarks" / name)
        for split, size in zip(("train", "validation"), sizes, strict=True):
            write_examples(made[-1] / f"{split}.parquet", rows(name, size, split))
        write_json(made[-1] / "manifest.json", {"files": {}, **({"licence": STATED} if name == "web" else {})})
    return made


def build(folders: list[Path], output: Path, **changed) -> None:
    settings = {"mixture": "own", "domains": DOMAINS, "balance": "natural", "max_rows": 200, "data_seed": 42} | changed
    manifests = [folder / "manifest.json" for folder in folders]
    build_mixture(BuildMixtureSettings(**settings), manifests, output / "manifest.json")


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_build_writes_both_splits_and_the_manifest(folders, tmp_path):
    build(folders, tmp_path / "out", balance="domain")
    assert sorted(hashes(tmp_path / "out")) == ["manifest.json", "train.parquet", "validation.parquet"]
    assert is_complete(tmp_path / "out/manifest.json")
    manifest = read_json(tmp_path / "out/manifest.json")
    assert sorted(manifest["files"]) == ["train.parquet", "validation.parquet"]
    train = read_examples(tmp_path / "out/train.parquet")
    assert manifest["composition"]["train"] == count_shares(train)
    assert manifest["licences"] == {"web": STATED}
    assert counts(train)["tales"] == 40
    assert len(train) == 80
    validation = read_examples(tmp_path / "out/validation.parquet")
    assert manifest["composition"]["validation"] == count_shares(validation)
    assert (counts(validation)["tales"], len(validation)) == (24, 48)
    assert {one.split for one in validation} == {"validation"}


def test_build_writes_the_same_bytes_twice(folders, tmp_path):
    build(folders, tmp_path / "once", max_rows=50)
    build(folders[::-1], tmp_path / "again", max_rows=50)
    assert hashes(tmp_path / "once") == hashes(tmp_path / "again")
    build(folders, tmp_path / "other", max_rows=50, data_seed=43)
    assert hashes(tmp_path / "once")["train.parquet"] != hashes(tmp_path / "other")["train.parquet"]


def test_cap_leaks(folders, tmp_path):
    """A mixture's cap counts its own training rows: not its validation rows, not another mixture's."""
    news, web, tales = folders
    build([news, web], tmp_path / "capped", max_rows=15)
    build([news, web, tales], tmp_path / "other", max_rows=200)
    assert len(read_examples(tmp_path / "capped/train.parquet")) == 15
    assert len(read_examples(tmp_path / "capped/validation.parquet")) == 30
    assert len(read_examples(tmp_path / "other/train.parquet")) == 120
    assert len(read_examples(news / "train.parquet")) == 60  # and what it draws from stays as it is


def test_a_split_without_rows_is_an_error_and_leaves_no_manifest(folders, tmp_path):
    with pytest.raises(UserError, match=r"mixtures\.own: no train rows; raise mixtures\.own\.max_rows"):
        build(folders, tmp_path / "out", balance="domain", max_rows=1)
    write_examples(folders[2] / "validation.parquet", [])
    with pytest.raises(UserError, match=r"mixtures\.own: no validation rows; raise splits\.validation"):
        build(folders, tmp_path / "out", balance="domain")
    assert not (tmp_path / "out/manifest.json").exists()
