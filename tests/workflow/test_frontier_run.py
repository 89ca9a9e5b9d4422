"""A frontier model's scores by the workflow itself, from a server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        choice = {"message": {"role": "assistant", "content": "Work_For"}, "finish_reason": "stop"}
        data = json.dumps({"model": "big-1", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.requests = []
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield found
    found.shutdown()
    found.server_close()


def test_answers_become_scores_and_what_changes_no_answer_makes_nothing_stale(shipped, server, tmp_path):
    project = shipped.copy(tmp_path / "project")
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    entry = {"base_url": url, "model": "big", "key_variable": None, "price": {"input": 1, "output": 1}}
    project.write(
        {
            "matrix": {"benchmarks": ["conll04"], "frontier": ["big"]},
            "benchmarks": {"conll04": {"origin": "sample"}},
            "frontier": {"big": entry | {"spending_limit": 9}},
            "prediction": {"test_rows": 4},
        }
    )
    target = "results/scores/frontier/big.json"
    project.snakemake(target)
    scores = json.loads((project / target).read_text())["scores"]
    assert list(scores) == ["generic", "schema"]
    assert scores["schema"]["conll04"]["n"] == 4
    assert len(server.requests) == 2 * 4
    change = {
        "price": {"input": 2},
        "spending_limit": 8,
        "key_variable": "K",
        "concurrency": 1,
        "timeout": 9,
        "retries": 1,
    }
    project.configure({"frontier": {"big": change}})
    assert not project.planned(target)
    project.configure({"frontier": {"big": {"body": {"seed": 1}}}})
    assert project.planned(target) == {"predict_frontier": 1, "score": 1}
