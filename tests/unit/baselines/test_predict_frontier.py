"""A frontier model's job against a real HTTP server that misbehaves: nothing is lost, nothing is paid twice."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mixtune.artifacts.manifests import is_complete, read_json
from mixtune.baselines import frontier
from mixtune.baselines.paid_answers import PaidAnswers
from mixtune.baselines.predict_frontier import predict_frontier
from mixtune.baselines.settings import FrontierTerms, PredictFrontierSettings
from mixtune.data.gather_benchmarks import gather_benchmarks
from mixtune.data.prepare_benchmark import Prepared, write_prepared
from mixtune.errors import UserError
from mixtune.inference.predictions import SCHEMA
from mixtune.prompts.messages import messages
from tests.unit.baselines.replies import PAID, reply

ROOT = Path(__file__).parents[3]
LABELS = ["lives", "works", "NA"]
KEY = "sk-very-secret-0123456789"
TERMS = {
    "name": "big", "code": "", "key_variable": None, "price": {"input": 1.0, "output": 2.0}, "spending_limit": 1.0,
    "concurrency": 4, "timeout": 5, "retries": 2,
}  # fmt: skip
ROWS = 12


class Handler(BaseHTTPRequestHandler):
    """Answers a prompt by what the server has planned for it, one plan for each request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        with server.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append((self.path, headers, body, time.monotonic()))
            plans = server.plans.get(prompt, [])
            plan = plans.pop(0) if plans else {}
        time.sleep(plan.get("wait", server.wait))
        while sum(server.answered.values()) >= server.most:
            time.sleep(0.01)
        text = plan.get("text", json.dumps(plan.get("body", reply()))).replace("{key}", self.headers["Authorization"])
        data = text.encode()
        try:
            self.send_response(plan.get("status", 200))
            for name, value in plan.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data) + plan.get("cut", 0)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:  # the client has gone
            return
        if plan.get("cut"):
            self.close_connection = True
        if not plan:
            with server.lock:
                server.answered[prompt, len(body["messages"][0]["content"])] += 1

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server with `plans` by prompt, its `requests`, and how often each was `answered` as it should be.

    Each reply takes `wait` seconds; when `most` requests are answered, others wait until it is raised.
    """
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    found.lock, found.plans, found.requests, found.answered = threading.Lock(), {}, [], Counter()
    found.wait, found.most = 0, float("inf")
    found.url = f"http://127.0.0.1:{found.server_address[1]}/v1"
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def benchmark(make_example, tmp_path):
    """The folder of a prepared benchmark of ROWS test rows."""

    def rows(split, number):
        return [
            make_example(
                n, f"Ada works at X{n}.", "Ada", f"X{n}", relation=LABELS[n % 3], id=f"toy/{split}/{n}", split=split
            )
            for n in range(number)
        ]

    splits = {"train": rows("train", 3), "validation": rows("validation", 1), "test": rows("test", ROWS)}
    write_prepared(Prepared(splits, LABELS, "NA", {}), tmp_path / "benchmarks" / "toy")
    gather_benchmarks([tmp_path / "benchmarks" / "toy" / "manifest.json"], tmp_path / "benchmarks" / "all.json")
    return tmp_path / "benchmarks" / "toy"


@pytest.fixture
def job(server, benchmark, tmp_path):
    """Runs the job: `job(conditions=…, settings=…, **terms)` returns the folder of its outputs."""

    def run(conditions=("generic",), output="predicted", settings=(), **terms):
        folder = tmp_path / output
        predict_frontier(
            PredictFrontierSettings(**{**run.settings, **dict(settings)}),
            FrontierTerms(**TERMS | terms),
            {"toy": benchmark},
            [folder / condition / "toy.parquet" for condition in conditions],
            folder / "manifest.json",
            tmp_path / "answers",
        )
        return folder

    body = {"temperature": 0, "max_tokens": 8}
    run.settings = {
        "base_url": server.url, "model": "org/big", "body": body, "test_rows": None, "data_seed": 7, "code": "hash"
    }  # fmt: skip
    return run


def prompt(n):
    return messages("generic", LABELS, [], (f"Ada works at X{n}.", "Ada", f"X{n}"))[-1]["content"]


def kept(tmp_path):
    (path,) = (tmp_path / "answers").glob("*/answers.sqlite")
    return PaidAnswers(path)


def test_predictions_are_files_like_any_others_of_the_same_prompts(job, server, tmp_path):
    server.plans[prompt(3)] = [{"body": reply(" 'LIVES'\nbecause …")}, {"body": reply("employs", "length")}]
    folder = job(("generic", "schema"), concurrency=1)
    tables = {condition: pq.read_table(folder / condition / "toy.parquet") for condition in ("generic", "schema")}
    for condition, table in tables.items():
        assert table.schema.equals(SCHEMA)
        assert sorted(table["id"].to_pylist()) == sorted(f"toy/test/{n}" for n in range(ROWS))
        rows = {row["id"]: row for row in table.to_pylist()}
        assert (rows["toy/test/1"]["gold"], rows["toy/test/1"]["predicted"]) == ("works", "works")
        predicted, raw = {"generic": ("lives", " 'LIVES'\nbecause …"), "schema": ("employs", "employs")}[condition]
        assert (rows["toy/test/3"]["predicted"], rows["toy/test/3"]["raw"]) == (predicted, raw)
        assert rows["toy/test/3"]["in_schema"] is (condition == "generic")
    expected = [
        {
            "model": "org/big",
            "messages": messages(condition, LABELS, [], (f"Ada works at X{n}.", "Ada", f"X{n}")),
            "temperature": 0,
            "max_tokens": 8,
        }
        for condition in tables
        for n in range(ROWS)
    ]
    sent = [body for _, _, body, _ in server.requests]
    assert sorted(sent, key=json.dumps) == sorted(expected, key=json.dumps)
    assert {path for path, *_ in server.requests} == {"/v1/chat/completions"}
    assert is_complete(folder / "manifest.json")
    card = read_json(folder / "run_card.json")
    assert card["requests"] == 2 * ROWS
    assert card["answered_by"] == {"big-1": 2 * ROWS}
    assert card["cut_answers"] == 1
    assert (card["input_tokens"], card["output_tokens"]) == (2 * ROWS * PAID[0], 2 * ROWS * PAID[1])
    assert card["cost"] == pytest.approx(2 * ROWS * (PAID[0] + 2 * PAID[1]) / 1e6)
    assert card["requests_with_estimated_tokens"] == 0
    assert "openai" in card["versions"]


def test_nothing_is_requested_twice(job, server, capsys):
    first = job()
    again = job(output="again", settings={"code": "other"}, price={"input": 9, "output": 9}, concurrency=1)
    more = job(("generic", "schema"), output="more")
    assert len(server.requests) == 2 * ROWS
    assert (first / "generic/toy.parquet").read_bytes() == (again / "generic/toy.parquet").read_bytes()
    assert (first / "generic/toy.parquet").read_bytes() == (more / "generic/toy.parquet").read_bytes()
    assert read_json(first / "manifest.json") == read_json(again / "manifest.json")
    printed = capsys.readouterr().out
    assert f"{ROWS} of {ROWS} answered, 0 failed" in printed
    assert f"{2 * ROWS} of {2 * ROWS} answered, 0 failed" in printed
    job(output="other", settings={"body": {"max_tokens": 9}})
    assert len(server.requests) == 3 * ROWS


def test_smoke_run_marks_done(job, server):
    assert pq.read_table(job(settings={"test_rows": 3}) / "generic/toy.parquet").num_rows == 3
    assert pq.read_table(job() / "generic/toy.parquet").num_rows == len(server.requests) == ROWS


def test_equal_rows_and_two_jobs_at_once_share_their_answers(job, server, benchmark, make_example):
    row = make_example(0, "Ada met X.", "Ada", "X", relation="NA", split="test")
    others = [
        make_example(n, "Ada met X.", "Ada", "X", relation="NA", id=f"toy/test/{n}", split="test") for n in (1, 2)
    ]
    splits = {"train": [row], "validation": [row], "test": others}
    write_prepared(Prepared(splits, LABELS, "NA", {}), benchmark)
    server.wait = 0.2
    jobs = [threading.Thread(target=job, kwargs={"output": name}) for name in ("a", "b")]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join()
    assert len(server.requests) == 1


TROUBLE = {
    "limit": {"status": 429, "headers": {"Retry-After": "1.2"}, "text": '{"error": "slow down"}'},
    "error": {"status": 500, "text": "oops"},
    "overloaded": {"status": 503, "text": ""},
    "late": {"wait": 3},
    "garbage": {"text": "<html>gateway</html>"},
    "half": {"text": '{"choices": [{"mess'},
    "cut": {"cut": 100},
}


def test_transient_errors_are_retried(job, server):
    for n, plan in enumerate(TROUBLE.values()):
        server.plans[prompt(n)] = [plan]
    folder = job(concurrency=ROWS, timeout=2)
    assert pq.read_table(folder / "generic/toy.parquet")["predicted"].to_pylist() == ["works"] * ROWS
    times = {
        n: [at for _, _, body, at in server.requests if body["messages"][-1]["content"] == prompt(n)]
        for n in range(ROWS)
    }
    assert [len(found) for found in times.values()] == [2] * len(TROUBLE) + [1] * (ROWS - len(TROUBLE))
    assert times[0][1] - times[0][0] >= 1.2  # what the server wants
    assert times[1][1] - times[1][0] >= 0.3
    assert set(server.answered.values()) == {1}


def test_error_as_prediction(job, server, tmp_path, capsys):
    server.plans[prompt(0)] = [{"status": 500, "text": "out of order"}] * 3
    server.plans[prompt(1)] = [{"status": 400, "text": '{"error": {"message": "not this one"}}'}]
    server.plans[prompt(2)] = [{"body": reply("lives", "content_filter")}]
    with pytest.raises(UserError) as error:
        job()
    text = str(error.value)
    assert f"3 of {ROWS} requests have no answer" in text
    assert "1 failed, e.g. generic toy/test/0: HTTP 500: out of order\n" in text
    assert '1 failed, e.g. generic toy/test/1: HTTP 400: {"error": {"message": "not this one"}}\n' in text
    assert "1 failed, e.g. generic toy/test/2: the endpoint ended the answer with 'content_filter'\n" in text
    assert "rerun to send the missing requests; frontier.big sets" in text
    assert not (tmp_path / "predicted").exists()
    assert f"{ROWS - 3} of {ROWS} answered, 3 failed" in capsys.readouterr().out
    assert len(kept(tmp_path).read()) == ROWS - 3
    assert kept(tmp_path).total_charge().output == (ROWS - 2) * PAID[1]  # the filtered one was paid for
    server.requests.clear()
    folder = job()
    assert sorted(body["messages"][-1]["content"] for _, _, body, _ in server.requests) == sorted(map(prompt, range(3)))
    assert pq.read_table(folder / "generic/toy.parquet")["raw"].to_pylist() == ["works"] * ROWS
    assert read_json(folder / "run_card.json")["output_tokens"] == (ROWS + 1) * PAID[1]


def test_a_dead_endpoint_is_left_alone(job, server, monkeypatch):
    monkeypatch.setattr(frontier, "MAX_FAILURES", 3)
    server.plans |= {prompt(n): [{"status": 400, "text": "no"}] for n in range(ROWS)}
    with pytest.raises(UserError, match=f"{ROWS - 3} were not sent after these errors"):
        job(concurrency=1)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 307])
def test_key_anywhere(job, server, tmp_path, monkeypatch, capsys, status):
    monkeypatch.setenv("BIG_KEY", f"{KEY}\n")
    plan = {
        "status": status,
        "text": '{"error": {"message": "bad {key}", "code": "{key}"}}',
        "headers": {"Location": "/"},
    }
    server.plans = {prompt(n): [plan] for n in range(ROWS)}
    with pytest.raises(UserError) as error:
        job(key_variable="BIG_KEY", concurrency=2)
    assert len(server.requests) <= 3  # no other would fare better
    assert {headers["authorization"] for _, headers, _, _ in server.requests} == {f"Bearer {KEY}"}
    server.plans = {prompt(0): [{"body": reply("works {key}", model="{key}")}]}
    folder = job(key_variable="BIG_KEY")
    assert "works Bearer [key]" in pq.read_table(folder / "generic/toy.parquet")["raw"].to_pylist()
    printed = capsys.readouterr()
    assert KEY not in f"{error.value!r}{printed.out}{printed.err}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_key_is_required_only_where_something_is_to_be_requested(job, server, monkeypatch):
    monkeypatch.delenv("BIG_KEY", raising=False)
    with pytest.raises(UserError, match=r"^BIG_KEY: environment variable not set; .* frontier\.big\.key_variable"):
        job(key_variable="BIG_KEY")
    assert not server.requests
    job()
    job(key_variable="BIG_KEY", output="again")


def test_variables_of_the_client_change_neither_endpoint_nor_key(job, server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    job()
    assert len(server.requests) == ROWS
    assert KEY not in str(server.requests)


def test_what_may_exceed_the_limit_is_not_begun(job, server, capsys):
    price, each = {"input": 1e4, "output": 1e4}, 1e-2 * (PAID[0] + PAID[1])
    with pytest.raises(
        UserError,
        match=r"^frontier\.big\.spending_limit: 5 may be exceeded: .*; raise it to [\d.]+, or lower .*Nothing was sent",
    ):
        job(price=price, spending_limit=5)
    assert not server.requests
    printed = capsys.readouterr().out
    assert f"{ROWS} rows, {ROWS} distinct requests, {ROWS} to send" in printed
    assert "estimated: at most" in printed
    # What was spent before counts, whatever it was spent on.
    job(settings={"test_rows": 3}, price=price, spending_limit=100)
    needed = ROWS * 1e-2 * sum(vars(frontier.estimate(server.requests[0][2])).values())
    with pytest.raises(UserError, match=f"{3 * each:.4g} spent before"):
        job(settings={"body": {"max_tokens": 9}}, price=price, spending_limit=needed)
    assert len(server.requests) == 3


def test_a_limit_that_is_reached_ends_the_job_and_loses_nothing(job, server, tmp_path):
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000}  # far more than was estimated
    server.plans = {prompt(n): [{"body": reply(usage=usage)}] for n in range(ROWS)}
    price = {"input": 1e3, "output": 1e3}
    with pytest.raises(
        UserError, match=r"were not sent because the next might exceed the limit \([\d.]+ spent, limit 5\)"
    ):
        job(price=price, spending_limit=5, concurrency=1)
    # 2 each, of which 0.1 was foreseen: the third was sent when 4 had been spent.
    assert len(kept(tmp_path).read()) == len(server.requests) == 3
    job(price=price, spending_limit=100)
    assert len(server.requests) == ROWS


def test_tokens_that_are_not_counted_are_estimated(job, server, tmp_path):
    server.plans = {prompt(n): [{"body": reply(usage=None)}] for n in range(ROWS)}
    card = read_json(job() / "run_card.json")
    assert card["requests_with_estimated_tokens"] == ROWS
    assert card["output_tokens"] == ROWS * 8
    assert card["input_tokens"] == sum(frontier.estimate(body).input for _, _, body, _ in server.requests)


def test_a_broken_file_of_answers_is_no_empty_one(job, server, tmp_path):
    job()
    (path,) = (tmp_path / "answers").glob("*/answers.sqlite")
    path.write_bytes(b"something else, and long enough to be read")
    with pytest.raises(UserError, match=r"answers\.sqlite: file is not a database; it holds paid answers"):
        job(output="again")
    assert len(server.requests) == ROWS


def test_a_killed_job_goes_on_and_requests_each_example_once(job, server, benchmark, tmp_path):
    """Once, but for what was under way: an answer that had not been written when the kill came is requested again."""
    concurrency = 2
    output = tmp_path / "predicted"
    command = [
        sys.executable, "-m", "workflow.scripts.predict_frontier", "--settings", json.dumps(job.settings),
        "--terms", json.dumps(TERMS | {"concurrency": concurrency}), "--benchmarks", benchmark.parent / "all.json",
        "--predictions", output / "generic" / "toy.parquet", "--manifest", output / "manifest.json",
    ]  # fmt: skip
    variables = os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    for kill in (3, 7, None):
        server.most = kill or float("inf")
        with subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True) as run:
            while kill and sum(server.answered.values()) < kill:
                assert run.poll() is None
                time.sleep(0.01)
            if kill:
                run.send_signal(signal.SIGKILL)
            printed, _ = run.communicate(timeout=60)
        if kill:
            (path,) = (tmp_path / "results/answers").glob("*/answers.sqlite")
            with sqlite3.connect(path) as database:
                (number,) = database.execute("SELECT count(*) FROM answers").fetchone()
            assert kill - 2 * concurrency <= number < ROWS
            assert not output.exists()
    assert run.returncode == 0
    assert pq.read_table(output / "generic/toy.parquet")["raw"].to_pylist() == ["works"] * ROWS
    assert len(server.answered) == ROWS
    repeated = sum(server.answered.values()) - ROWS
    assert repeated <= 2 * concurrency
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*), count(DISTINCT key) FROM charges").fetchone() == (ROWS, ROWS)
    assert f"{ROWS} of {ROWS} answered, 0 failed" in printed


def test_paid_answers_are_cleaned_by_nothing():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    cleaned = makefile.partition("\nclean:\n")[2].split("\n\n")[0].split()
    assert "results/predictions" in cleaned
    assert not {"results", "results/", "results/answers"} & set(cleaned)
