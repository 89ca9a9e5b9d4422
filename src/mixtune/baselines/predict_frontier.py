"""Zero-shot predictions of one frontier model: each test row is sent once, within a spending limit."""

import os
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

from ..artifacts.locks import exclusive
from ..artifacts.manifests import canonical, digest, write_json, write_manifest
from ..artifacts.run_cards import NAME, run_card
from ..data.example import Example
from ..data.files import read_examples, read_labels
from ..data.sampling import sample_examples
from ..errors import UserError
from ..inference.predictions import write_predictions
from ..prompts.messages import messages
from .endpoint import Body, Endpoint
from .frontier import Batch, Budget, check_answered, check_budget
from .paid_answers import Charge, PaidAnswers, StoredAnswer
from .settings import FrontierTerms, PredictFrontierSettings


def predict_frontier(
    settings: PredictFrontierSettings,
    terms: FrontierTerms,
    benchmarks: Mapping[str, Path],
    outputs: Sequence[Path],
    manifest: Path,
    answers: Path = Path("results/answers"),
) -> None:
    """Predict with a frontier model for every condition and benchmark; write the files, the run card, the manifest.

    `answers` stores answers by endpoint, model and hash of the request: a stored one is not requested again, and equal
    requests are sent once. The job holds a lock there; another one waits for it and uses its answers.

    Args:
        settings: Endpoint, model, other fields of each request, and the test rows.
        terms: Settings that cannot change an answer: key, price, limits.
        benchmarks: Folder of each prepared benchmark.
        outputs: Files to write, `…/{condition}/{benchmark}.parquet`.
        manifest: Manifest to write.

    Raises:
        UserError: The key is missing, the spending limit may be exceeded, or requests have no answer. All answers
            received are stored.
    """
    begin, budget = time.monotonic(), Budget(terms)
    labels = read_labels(benchmarks.values())
    rows = {
        name: sample_examples(read_examples(folder / "test.parquet"), settings.test_rows, settings.data_seed)
        for name, folder in benchmarks.items()
    }
    keys, requests, examples = _build_requests(settings, outputs, rows, labels)
    name = re.sub("[^A-Za-z0-9._-]+", "-", settings.model)
    folder = answers / f"{name}-{digest(settings.base_url, settings.model)[:12]}"
    with exclusive(folder / "lock"), closing(PaidAnswers(folder / "answers.sqlite")) as paid:
        stored = paid.read()
        missing = {key: body for key, body in requests.items() if key not in stored}
        print(f"{sum(map(len, keys.values()))} rows, {len(requests)} distinct requests, {len(missing)} to send")
        if missing:
            check_budget(missing, paid.total_charge(), budget)
            endpoint = Endpoint(settings.base_url, _read_key(terms), timeout=terms.timeout, retries=terms.retries)
            batch = Batch(missing, endpoint, paid, budget, len(requests) - len(missing))
            failures, stored = batch.send(terms.concurrency), paid.read()
            unanswered = {key: examples[key] for key in missing if key not in stored}
            check_answered(unanswered, len(requests), failures, paid.total_charge(), budget)
        charge = paid.total_charge(requests)
    for path in outputs:
        gold = {row.id: row.relation for row in rows[path.stem]}
        write_predictions(path, list(gold), gold, [(stored[key].text, None) for key in keys[path]], labels[path.stem])
    inputs = [folder / file for folder in benchmarks.values() for file in ("test.parquet", "labels.json")]
    facts = _summary([stored[key] for key in requests], charge, budget)
    facts |= {"seconds": round(time.monotonic() - begin, 1)}
    write_json(manifest.parent / NAME, run_card("predict_frontier", settings, inputs, ("openai",), **facts))
    write_manifest(manifest, list(outputs))


def _build_requests(
    settings: PredictFrontierSettings,
    outputs: Sequence[Path],
    rows: Mapping[str, Sequence[Example]],
    labels: Mapping[str, Sequence[str]],
) -> tuple[dict[Path, list[str]], dict[str, Body], dict[str, str]]:
    """Return the keys of each output's requests in row order; by key, each request and an example of its rows."""
    keys: dict[Path, list[str]] = {path: [] for path in outputs}
    requests: dict[str, Body] = {}
    examples: dict[str, str] = {}
    for path in outputs:
        condition, name = path.parent.name, path.stem
        for row in rows[name]:
            turns = messages(condition, labels[name], [], (row.text, row.head, row.tail))
            body = cast(Body, {"model": settings.model, "messages": turns, **settings.body})
            key = digest(canonical(body))
            keys[path].append(key)
            requests[key] = body
            examples.setdefault(key, f"{condition} {row.id}")
    return keys, requests, examples


def _read_key(terms: FrontierTerms) -> str | None:
    """Return the key from the environment, or None for an endpoint without keys."""
    variable = terms.key_variable
    if variable is None:
        return None
    if key := os.environ.get(variable, "").strip():
        return key
    raise UserError(
        f"{variable}: environment variable not set; set it to the key of frontier.{terms.name}, or correct "
        f"frontier.{terms.name}.key_variable (null for an endpoint without keys)"
    )


def _summary(answers: Sequence[StoredAnswer], charge: Charge, budget: Budget) -> dict[str, object]:
    """Return the entries of the run card about the answers and their cost."""
    return {
        "requests": len(answers),
        "answered_by": dict(sorted(Counter(answer.model for answer in answers).items())),
        "answered_from": min(answer.at for answer in answers),
        "answered_until": max(answer.at for answer in answers),
        "cut_answers": sum(answer.cut for answer in answers),
        "input_tokens": charge.input,
        "output_tokens": charge.output,
        "requests_with_estimated_tokens": charge.estimated,
        "cost": round(budget.cost(charge), 6),
    }
