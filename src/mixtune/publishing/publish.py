"""Uploading adapters and exported mixtures to the hub: what goes up, under which name and terms."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, metadata_load
from huggingface_hub.errors import HfHubHTTPError

from ..artifacts.manifests import is_whole, read_json
from ..errors import UserError
from .export_mixture import resolved

SUFFIXES = {".safetensors", ".json", ".jinja", ".txt", ".model", ".csv", ".parquet", ".md", ""}  # no code, no pickles


@dataclass(frozen=True)
class Upload:
    """A folder's files that become a repository.

    Attributes:
        kind: "model" or "dataset".
        files: Names, relative to the folder.
        licence: As its card tells it.
    """

    repository: str
    kind: str
    folder: Path
    files: Sequence[str]
    licence: str


def publish(settings: Mapping[str, Any], adapters: Sequence[Path], mixtures: Sequence[Path]) -> None:
    """Upload adapters with their cards, and exported mixtures; or print what would be uploaded.

    Args:
        settings: `namespace`, `private`, `dry_run`; `sources` of each mixture, as `exporting.export` takes them.
        adapters: Manifests of tuned adapters.
        mixtures: Manifests of exported mixtures.

    Raises:
        UserError: There is nothing to publish, a file is not what its manifest says or must not go up, there is no
            token, or the hub refuses. The token is in no message.
    """
    uploads = [_adapter(settings["namespace"], path) for path in adapters]
    uploads += [_mixture(settings["namespace"], path, settings["sources"][path.parent.name]) for path in mixtures]
    if not uploads:
        raise UserError("nothing is to be published; name cells in publish.adapters, or mixtures in publish.mixtures")
    for upload in uploads:
        print(_described(upload, settings["private"]))
    if settings["dry_run"]:
        print("Nothing was uploaded: publish.dry_run is true.")
        return
    token = os.environ.get("HF_TOKEN")
    if not token:
        raise UserError("HF_TOKEN is not set; put a token that may write into the environment, and nowhere else")
    api = HfApi(token=token)
    for upload in uploads:
        print(f"uploaded: {_upload(api, upload, settings['private'])}", flush=True)


def _adapter(namespace: str, manifest: Path) -> Upload:
    folder = manifest.parent
    card = metadata_load(folder / "README.md")
    name = card["model-index"][0]["name"]
    files = [*_named(manifest), "README.md", "NOTICE"]
    return Upload(f"{namespace}/{name}", "model", folder, files, card.get("license_name") or card["license"])


def _mixture(namespace: str, manifest: Path, sources: Sequence[Mapping[str, Any]]) -> Upload:
    folder = manifest.parent
    held = {name for counts in read_json(manifest)["rows"].values() for name in counts}
    bound = sorted(s["name"] for s in map(resolved, sources) if s["name"] in held and not s["redistributable_as"])
    if bound:
        raise UserError(
            f"{folder} holds rows of {', '.join(bound)}, whose licence does not let others pass them on or is not "
            "known; take them out of export.licensed, or the mixture out of publish.mixtures"
        )
    card = metadata_load(folder / "README.md")
    return Upload(f"{namespace}/re_{folder.name}", "dataset", folder, _named(manifest), ", ".join(card["license"]))


def _named(manifest: Path) -> list[str]:
    """Files that a manifest names, as it states them, none of which can be run."""
    if not is_whole(manifest):
        raise UserError(f"{manifest.parent} is not what {manifest} states; run the workflow again, then publish")
    names = sorted(read_json(manifest)["files"])
    refused = [name for name in names if Path(name).suffix not in SUFFIXES]
    if refused:
        raise UserError(f"{manifest} names {', '.join(refused)}; only data, tokenizers and safetensors are published")
    return names


def _described(upload: Upload, private: bool) -> str:
    sizes = {name: (upload.folder / name).stat().st_size for name in upload.files}
    lines = [f"  {size:>15,} bytes  {name}" for name, size in sizes.items()]
    seen = "private" if private else "public"
    what = f"{upload.repository} ({upload.kind}, {seen}, licence {upload.licence}), {sum(sizes.values()):,} bytes"
    return "\n".join([f"{what} from {upload.folder}:", *lines])


def _upload(api: HfApi, upload: Upload, private: bool) -> str:
    """Upload a folder's files as one commit; its address."""
    repository = {"repo_id": upload.repository, "repo_type": upload.kind}
    try:
        api.create_repo(**repository, private=private, exist_ok=True)
        if private and not api.repo_info(**repository).private:
            raise UserError(
                f"{upload.repository} is there and public; make it private on the hub, or set publish.private: false"
            )
        commit = api.upload_folder(
            **repository,
            folder_path=upload.folder,
            allow_patterns=list(upload.files),
            commit_message="Upload by mixtune",
        )
    # The first base is the error of the HTTP client that this hub version uses: no connection is one of those.
    except (*HfHubHTTPError.__bases__, OSError, RuntimeError, ValueError) as error:
        fact = " ".join(str(error).split())[:300]
        raise UserError(
            f"{upload.repository} cannot be uploaded ({type(error).__name__}: {fact}); check publish.namespace, and "
            "that the token in HF_TOKEN may write there"
        ) from None
    return commit.commit_url
