"""Tables of the paper's whole matrix with MADE-UP numbers, to try the page at full size; no result of anything.

`python tests/browser/made_up.py FOLDER` writes them and the page, to look at.
"""

import csv
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from mixtune.data import REGISTRY
from mixtune.reports.experiment import setup_of
from mixtune.reports.settings import PageSettings
from mixtune.reports.tables import matrix as matrices
from mixtune.reports.tables import scores as tables
from mixtune.reports.tables.matrix import AVERAGES, CELL, KEYS

MODELS = {
    "SmolLM2-360M-Instruct": 0.36, "Qwen2.5-0.5B-Instruct": 0.5, "SmolLM3-3B": 3.1, "Qwen2.5-3B-Instruct": 3.1,
    "Llama-3.2-3B-Instruct": 3.2,
}  # fmt: skip
MIXTURES = {
    "gentune": ["tacred", "semeval2010_task8", "conll04", "nyt11", "gids", "re_docred", "rebel"],
    "littune": ["biographical", "pg_fiction"],
}
MIXTURES["mixtune"] = [*MIXTURES["gentune"], *MIXTURES["littune"]]
SHOTS, CONDITIONS = [0, 2], ["generic", "schema"]
TEST_ROWS = {
    "tacred": 15_509, "semeval2010_task8": 2_717, "conll04": 422, "nyt11": 8_616, "gids": 5_663, "re_docred": 12_693,
    "rebel": 7_503, "biographical": 31_492, "pg_fiction": 8_144,
}  # fmt: skip
EASE = dict(zip(TEST_ROWS, [0.62, 0.85, 0.97, 0.78, 0.8, 0.68, 0.86, 0.88, 0.63], strict=True))
SETTINGS = {
    "models": list(MODELS),
    "mixtures": [{"name": name, "benchmarks": names} for name, names in MIXTURES.items()],
    "shots": SHOTS,
    "variants": ["default"],
    "seeds": [42],
    "conditions": CONDITIONS,
    "benchmarks": [{"name": n, "title": REGISTRY[n].title, "domain": REGISTRY[n].domain} for n in TEST_ROWS],
    "headline_condition": "schema",
    "caps": {"test_rows": None, "max_rows": dict.fromkeys(MIXTURES, 200_000)},
    "domains": {name: REGISTRY[name].domain for name in TEST_ROWS},
    "sample": [],
    "released": [],
    "names": {},
}
PAGE = PageSettings.model_validate({"setup": SETTINGS, "templates": {}})
HOSTILE = '<script>document.title = "owned"</script><img src=x onerror="alert(1)"> & \u2028'
WORDS = """
    the letter that reached the harbour before winter spoke of a house beyond the river where her brother had kept
    the accounts of the company since the old director left for the capital and nobody knew why
""".split()  # noqa: SIM905 -- a list of words, one in quotes each, is no easier to read


def labels(benchmark):
    """The inventory, with made-up labels where none ships."""
    return REGISTRY[benchmark].labels or ("none", *(f"relation_{n:02}" for n in range(47)))


def systems():
    """Facts of each system, as score files have them, and how good it is (0..1)."""
    for (model, size), mixture, shots in product(MODELS.items(), ["untuned", *MIXTURES], SHOTS):
        seed = 0 if mixture == "untuned" else 42
        facts = {"kind": "untuned" if mixture == "untuned" else "cell", "model": model, "mixture": mixture}
        skill = 0.9 + 0.1 * np.log10(size) + 0.05 * (shots > 0)
        path = f"{model}/{mixture}/{shots}-shot/seed-{seed}"
        yield {"system": path, **facts, "shots": shots, "variant": "default", "seed": seed}, skill
    for kind, name, skill in (
        ("encoder", "roberta-large", 0.8),
        ("frontier", "GPT-5.4", 0.75),
        ("floor", "majority-positive", 0.1),
        ("floor", "type-pair", 0.3),
        ("ceiling", "duplicates", 1.06),
    ):
        facts = {"system": f"{kind}/{name}", "kind": kind, "model": name, "mixture": kind}
        yield {**facts, "shots": 0, "variant": "default", "seed": 0}, skill


def rates(tp, fp, fn):
    """Precision, recall and F1 of counts, as score files hold them."""
    part = lambda a, b: float(a / b) if b else 0.0  # noqa: E731
    return {"precision": part(tp, tp + fp), "recall": part(tp, tp + fn), "f1": part(2 * tp, 2 * tp + fp + fn)}


def judged(random, benchmark, skill, unusable):
    """The most frequent confusions (gold, predicted, count) of made-up answers, and their score."""
    names, negative = list(labels(benchmark)), REGISTRY[benchmark].negative
    invented = [f"<b>invented</b> answer {n}" for n in range(40)] if unusable > 0.01 else []
    answers = [*names, "", *invented]
    shares = random.permutation(1 / np.arange(1, len(names) + 1))
    support = random.multinomial(TEST_ROWS[benchmark], shares / shares.sum())
    recall = np.clip(random.normal(EASE[benchmark] * skill, 0.12, len(names)), 0, 1)
    near = np.exp(-np.abs(np.subtract.outer(np.arange(len(names)), np.arange(len(names)))) / 0.7)
    counts = np.zeros((len(names), len(answers)), int)
    for row, n in enumerate(support):
        rest = n - round(n * recall[row])
        away = np.concatenate([near[row] * (np.arange(len(names)) != row), np.zeros(len(answers) - len(names))])
        away = away / away.sum() * (1 - unusable)
        away[len(names) :] += unusable / (len(answers) - len(names))
        counts[row] = random.multinomial(rest, away / away.sum())
        counts[row, row] = n - rest
    diagonal, given, gold = np.diagonal(counts), counts.sum(axis=0), counts.sum(axis=1)
    per_class = {}
    for place, label in sorted(enumerate(answers), key=lambda pair: pair[1]):
        right, support = (int(diagonal[place]), int(gold[place])) if place < len(names) else (0, 0)
        if label not in (negative, "") and (support or given[place]):
            one = {"tp": right, "fp": int(given[place]) - right, "fn": support - right}
            per_class[label] = one | rates(*one.values()) | {"support": support}
    total = {key: sum(one[key] for one in per_class.values()) for key in ("tp", "fp", "fn")}
    overall, n = rates(*total.values()), int(gold.sum())
    wrong = [(names[a], answers[b], int(counts[a, b])) for a, b in zip(*np.nonzero(counts), strict=True) if a != b]
    pairs = sorted(wrong, key=lambda pair: -pair[2])[:40]
    return pairs, {
        "n": n, **total, "precision": overall["precision"], "recall": overall["recall"], "micro_f1": overall["f1"],
        "macro_f1": float(np.mean([one["f1"] for one in per_class.values() if one["support"]])),
        "accuracy": float(diagonal.sum() / n), "out_of_schema": float(given[len(names) + 1 :].sum() / n),
        "empty": float(given[len(names)] / n), "per_class": per_class,
    }  # fmt: skip


def error_texts(random, benchmark, number=400):
    """Made-up test rows: id, text, mentions and their offsets."""
    rows = []
    for place in range(number):
        words = list(random.choice(WORDS, int(random.integers(20, 140))))
        head, tail = f"Ada {WORDS[place % len(WORDS)].title()}", f"Port {WORDS[place % 7].title()}"
        words[3], words[-4] = head, tail
        text = ("🙂 " if place % 5 == 0 else "") + " ".join(words) + "."
        text += f" {HOSTILE}" if place % 10 == 0 else ""
        start, end = text.index(head), text.index(tail)
        rows.append([f"{benchmark}/test/{place}", text, head, tail, start, start + len(head), end, end + len(tail)])
    return rows


def write(folder):
    """Write all tables below `folder`, as the workflow would; returns their paths and those of the training logs."""
    random = np.random.default_rng(1)
    place = folder / "reports" / "tables"
    place.mkdir(parents=True)
    files, confusion, errors, costs, logs = [], [], [], [], []
    texts = {name: error_texts(random, name) for name in TEST_ROWS}
    for facts, skill in systems():
        conditions = CONDITIONS if facts["kind"] in ("cell", "untuned", "frontier") else ["any"]
        scores = {condition: {} for condition in conditions}
        for condition, benchmark in product(conditions, TEST_ROWS):
            own = benchmark in MIXTURES.get(facts["mixture"], TEST_ROWS)
            fit = 0.25 if facts["kind"] == "untuned" else 1 if own else 0.45
            unusable = {"untuned": 0.5, "cell": 0.004 if own else 0.2}.get(facts["kind"], 0)
            unusable *= 1 if condition == "generic" else 0.3
            pairs, score = judged(random, benchmark, skill * fit * (0.97 if condition == "generic" else 1), unusable)
            scores[condition][benchmark] = score
            key = [facts["system"], *(facts[k] for k in CELL), condition, benchmark]
            confusion += [[*key, *pair] for pair in pairs]
            for row in random.choice(len(texts[benchmark]), 40, replace=False):
                id, text, *mentions = texts[benchmark][row]
                gold, given, _ = pairs[row % len(pairs)]
                errors.append([*key, id, text, *mentions, gold, given])
        files.append({**facts, "negatives": "benchmark", "scores": scores})
        if facts["kind"] == "cell":
            costs.append(efficiency(random, facts))
            logs.append(training_log(random, folder, facts))
    setup = setup_of(PAGE.setup)
    long = tables.scores(files)
    written = {
        "matrix": matrices.matrix(long, setup),
        "transfer": matrices.transfer(long, setup),
        "scores": long,
        "per_class": tables.per_class(files),
        "intervals": intervals(long, matrices.matrix(long, setup)),
        "comparisons": comparisons(random),
        "published": published(random, matrices.matrix(long, setup)),
        "confusion": pd.DataFrame(confusion, columns=["system", *KEYS, "benchmark", "gold", "predicted", "count"]),
        "errors": pd.DataFrame(
            errors,
            columns=["system", *KEYS, "benchmark", "id", "text", "head", "tail", "head_start", "head_end",
                     "tail_start", "tail_end", "gold", "predicted"],
        ),
        "strata": strata(random, long),
        "efficiency": pd.DataFrame(costs),
        **data_tables(random),
    }  # fmt: skip
    for name, frame in written.items():
        frame.to_csv(place / f"{name}.csv", index=False)
    return [place / f"{name}.csv" for name in written], logs


def add_variant(tables, folder):
    """Write tables in which SmolLM3 has a second variant, with the scores of its first; returns their paths."""
    folder.mkdir()
    for path in tables:
        frame = pd.read_csv(path, keep_default_na=False)
        if {"variant", "model", "mixture"} <= set(frame):
            cells = frame[(frame["model"] == "SmolLM3-3B") & (frame["mixture"] != "untuned")].assign(variant="low")
            if "system" in cells:
                cells["system"] = cells["system"].str.replace("/seed-", "/low/seed-")
            frame = pd.concat([frame, cells])
        frame.to_csv(folder / path.name, index=False)
    return [folder / path.name for path in tables]


def intervals(scores, matrix):
    """Intervals of micro-F1, as wide as so many rows would make them."""
    long = scores.rename(columns={"micro_f1": "value"})[["system", *KEYS, "benchmark", "value", "n"]]
    facts = scores.drop_duplicates(["system", "condition"])[["system", *KEYS]]
    averages = matrix.merge(facts, on=KEYS).melt(["system", *KEYS], AVERAGES, "benchmark", "value").dropna()
    frame = pd.concat([long, averages.assign(n=40_000)], ignore_index=True)
    half = 1.96 * np.sqrt(frame["value"] * (1 - frame["value"]).clip(0) / frame["n"])
    return frame.assign(metric="micro_f1", low=frame["value"] - half, high=frame["value"] + half, level=0.95, seeds=1)


def comparisons(random):
    """Paired tests of 0 against 2 shots on each benchmark and average."""
    rows = []
    for model, mixture, condition in product(MODELS, MIXTURES, CONDITIONS):
        a, b = (f"{model}/{mixture}/{shots}-shot/seed-42" for shots in SHOTS)
        for benchmark in [*TEST_ROWS, *AVERAGES]:
            difference = random.normal(0.05, 0.06)
            averages = benchmark in AVERAGES
            rows.append(
                {
                    "family": f"shots/{condition}{' averages' if averages else ''}",
                    "system_a": a, "condition_a": condition, "system_b": b, "condition_b": condition,
                    "benchmark": benchmark, "micro_f1_a": 0.7, "micro_f1_b": 0.7 + difference,
                    "difference": difference, "low": difference - 0.02, "high": difference + 0.02,
                    "p_bootstrap": 0.01, "p_randomisation": 0.01, "p_mcnemar": None if averages else 0.01,
                    "p_holm": float(random.uniform(0, 0.2)), "n": 8000, "units": 7000,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def published(random, matrix):
    """Ours minus the paper's, for cells under the headline condition; one published score has a note."""
    cells = matrix[matrix["mixture"].isin(list(MIXTURES)) & (matrix["condition"] == "schema")]
    long = cells.melt(KEYS, [*TEST_ROWS, *AVERAGES], "benchmark", "ours").dropna()
    theirs = (long["ours"] + random.normal(0, 0.04, len(long))).clip(0, 1)
    notes = ["a broken run", *[""] * (len(long) - 1)]
    long = long.assign(published=theirs, difference=long["ours"] - theirs, note=notes, not_compared="", differs="")
    return long.assign(kind="cell", low=long["ours"] - 0.01, high=long["ours"] + 0.01, negatives="benchmark")


def strata(random, scores):
    """F1 by how far apart the mentions are and by how often the label was trained on."""
    kinds = {"distance": ["0-5", "6-15", "16-40", "41+"], "label frequency": ["rare", "common", "frequent"]}
    rows = [
        {**{key: row[key] for key in ["system", *KEYS, "benchmark"]}, "stratum": kind, "bin": value,
         "n": int(row["n"]) // len(values), "micro_f1": float(np.clip(row["micro_f1"] + random.normal(0, 0.05), 0, 1))}
        for row in scores.to_dict("records")
        for kind, values in kinds.items()
        for value in values
    ]  # fmt: skip
    return pd.DataFrame(rows)


def efficiency(random, facts):
    size = MODELS[facts["model"]]
    return {
        **{key: facts[key] for key in ("system", "model", "mixture", "shots", "variant", "seed")},
        "base_parameters": int(size * 1e9), "seconds": 9000 * size**0.7 * (1 + facts["shots"] / 2),
        "prediction_seconds": float(900 * size**0.8 * random.uniform(0.9, 1.1) * (1 + facts["shots"])),
        "peak_gpu_bytes": int(6e9 * size**0.6), "device": "made up",
    }  # fmt: skip


def training_log(random, folder, facts):
    path = folder / "results" / "adapters" / facts["system"] / "training_log.csv"
    path.parent.mkdir(parents=True)
    total, last = 50_000, 0.5 - 0.1 * np.log10(MODELS[facts["model"]] * 10)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "epoch", "loss", "learning_rate", "grad_norm", "eval_loss"])
        for step in range(1250, total + 1, 1250):
            loss = last + 3 * np.exp(-step / 2500) + random.normal(0, 0.01)
            writer.writerow([step, 2 * step / total, loss, 1e-4, 0.3, ""])
            if step in (total // 2, total):
                writer.writerow([step, 2 * step / total, "", "", "", loss + 0.03])
    return path


def data_tables(random):
    """What the audit writes."""
    splits, parts, seen, lengths = [], [], [], []
    for name, rows in TEST_ROWS.items():
        for split, number in {"train": rows * 6, "validation": rows, "test": rows}.items():
            splits.append(
                {
                    "benchmark": name, "domain": REGISTRY[name].domain, "split": split, "rows": number,
                    "labels": len(labels(name)), "groups": number // 2, "negatives": number // 3,
                    "outside_inventory": 0, "mentions_missing": number // 90, "mentions_repeated": number // 9,
                    "conflicting_inputs": number // 50, "ceiling": 0.95,
                    "rows_in_train": None if split == "train" else number // 40, "carved": "", "warnings": "",
                    "counts": f"{number // 100} × records without a pair",
                }
            )  # fmt: skip
    for mixture, names in MIXTURES.items():
        for split, total in {"train": 200_000, "validation": 1000}.items():
            share = random.dirichlet(np.full(len(names), 3))
            parts += [
                {"mixture": mixture, "benchmark": n, "split": split, "rows": round(total * s), "share": s}
                for n, s in zip(names, share, strict=True)
            ]
        seen += [
            {"mixture": mixture, "benchmark": name, "test_rows": rows, "shared_texts": rows // 60,
             "shared_rows": rows // 40, "share": 1 / 40 if name in names else 0.0}
            for name, rows in TEST_ROWS.items()
        ]  # fmt: skip
    for model, shots in product(MODELS, SHOTS):
        uses = [("prompts", f"{c}/{b}") for c, b in product(CONDITIONS, TEST_ROWS)]
        uses += [("training", f"{mixture}/{split}") for mixture in MIXTURES for split in ("train", "validation")]
        lengths += [
            {"model": model, "use": use, "shots": shots, "what": what, "rows": 8000, "p50": 190, "p90": 420, "p99": 900,
             "max": 1900, "demonstrations_cut": 3, "text_cut": 1}
            for use, what in uses
        ]  # fmt: skip
    frames = {"data": splits, "mixtures": parts, "overlap": seen, "lengths": lengths}
    return {name: pd.DataFrame(rows) for name, rows in frames.items()}


if __name__ == "__main__":
    from mixtune.reports.page.page import page

    files, logs = write(Path(sys.argv[1]))
    page(PAGE, files, logs, Path(sys.argv[1]) / "reports" / "index.html")
