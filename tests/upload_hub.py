"""A hub on this machine that takes and gives files: the HTTP interface that huggingface_hub speaks, with LFS."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KINDS = {"models": "model", "datasets": "dataset"}


class UploadHub:
    """What it holds, and the requests it received.

    Attributes:
        repositories: `private` and `files` (name to bytes) by (kind, id).
        requests: Method and path of every request.
        downloads: Names of the files that were downloaded whole.
        tokens: The Authorization headers that came with changes.
        refuse: A status to answer every change with, or 0.
    """

    def __init__(self):
        self.repositories, self.requests, self.tokens, self.refuse = {}, [], set(), 0
        self.downloads = set()
        self.objects, self.url = {}, ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict | list | bytes]:
        parts = path.strip("/").split("/")
        if method == "PUT" and parts[0] == "lfs":
            assert hashlib.sha256(body).hexdigest() == parts[1]
            self.objects[parts[1]] = body
            return 200, {}
        if self.refuse and method == "POST":
            return self.refuse, {"error": "You don't have the rights to do this"}
        if path == "/api/repos/create":
            created = json.loads(body)
            key = (created["type"], f"{created['organization']}/{created['name']}")
            known = key in self.repositories
            self.repositories.setdefault(key, {"private": created["visibility"] == "private", "files": {}})
            return 409 if known else 200, {"url": f"{self.url}/{key[1]}"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                one | {"actions": {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return 200, {"transfer": "basic", "objects": objects}
        if parts[0] == "api" and parts[1] in KINDS:
            return self.of_repository((KINDS[parts[1]], "/".join(parts[2:4])), method, parts[4:], body)
        if parts[2:3] == ["resolve"]:
            held = self.repositories.get(("model", "/".join(parts[:2])), {"files": {}})["files"]
            return (200, held["/".join(parts[4:])]) if "/".join(parts[4:]) in held else (404, {})
        return 404, {"error": "no such page"}

    def of_repository(self, key, method: str, rest: list[str], body: bytes) -> tuple[int, dict | list]:
        repository = self.repositories.get(key)
        if repository is None:
            return 404, {"error": "Repository not found"}
        if method == "GET" and not rest:
            return 200, {"id": key[1], "private": repository["private"], "sha": "a" * 40, "siblings": []}
        if method == "GET" and rest[0] == "revision":
            return 200, {"id": key[1], "sha": rest[1] if len(rest[1]) == 40 else "a" * 40, "siblings": []}
        if method == "GET" and rest[0] == "tree":
            return 200, [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in repository["files"].items()
            ]
        if rest == ["preupload", "main"]:
            files = [file["path"] for file in json.loads(body)["files"]]
            large = (".safetensors", ".parquet")
            return 200, {
                "files": [
                    {"path": path, "uploadMode": "lfs" if path.endswith(large) else "regular", "shouldIgnore": False}
                    for path in files
                ]
            }
        if rest == ["commit", "main"]:
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    repository["files"][value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    repository["files"][value["path"]] = self.objects[value["oid"]]
                else:
                    assert line["key"] == "header", line
            return 200, {"commitUrl": f"{self.url}/{key[1]}/commit/{'b' * 40}", "commitOid": "b" * 40}
        return 404, {"error": "no such page"}


@contextmanager
def serving():
    """A hub that answers at `hub.url` while the block runs."""
    hub = UploadHub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            hub.requests.append(f"{self.command} {path}")
            if self.command == "POST":
                hub.tokens.add(self.headers["Authorization"])
            status, value = hub.answer(self.command, path, body)
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            begin, _, end = (self.headers["Range"] or "").removeprefix("bytes=").partition("-")
            if isinstance(value, bytes) and begin and status == 200:
                status, content = 206, content[int(begin) : int(end or len(content)) + 1]
            elif isinstance(value, bytes) and self.command == "GET" and status == 200:
                hub.downloads.add(path.rpartition("/")[2])
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if isinstance(value, bytes):
                self.send_header("X-Repo-Commit", path.split("/")[4])
                self.send_header("ETag", f'"{hashlib.sha1(value).hexdigest()}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
