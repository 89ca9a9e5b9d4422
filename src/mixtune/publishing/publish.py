"""Upload of adapters and exported mixtures to the Hugging Face Hub."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, metadata_load
from huggingface_hub.errors import HfHubHTTPError

from ..artifacts.manifests import Manifest, is_complete, read_json
from ..errors import UserError
from .formats import ExportManifest
from .settings import DataSource, PublishSettings
from .terms import resolve_terms

SUFFIXES = {".safetensors", ".json", ".jinja", ".txt", ".model", ".csv", ".parquet", ".md", ""}  # no code, no pickles
# Among the base classes is the error of the HTTP client that this hub version uses, e.g. for a lost connection.
HTTP_ERRORS = [base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)]
ERRORS = (*HTTP_ERRORS, OSError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Upload:
    """Files of a folder, and the hub repository to which they are uploaded.

    Attributes:
        kind: "model" or "dataset".
        files: Names, relative to the folder.
        licence: Licence in the metadata of its card.
    """

    repository: str
    kind: Literal["model", "dataset"]
    folder: Path
    files: Sequence[str]
    licence: str


def publish(settings: PublishSettings, adapters: Sequence[Path], mixtures: Sequence[Path]) -> None:
    """Upload adapters with their cards, and exported mixtures; in a dry run, print the list of files instead.

    Args:
        settings: Of the upload.
        adapters: Manifests of fine-tuned adapters.
        mixtures: Manifests of exported mixtures.

    Raises:
        UserError: Nothing is to be published, a file differs from its manifest or must not be uploaded, the token is
            missing, or the hub refuses. No message contains the token.
    """
    namespace = settings.namespace
    if not (adapters or mixtures):
        raise UserError("nothing to publish; list cells in publish.adapters, or mixtures in publish.mixtures")
    if namespace is None:
        raise UserError("publish.namespace: must be set; name a user or organisation to upload as")
    uploads = [_adapter_upload(namespace, path) for path in adapters]
    uploads += [_mixture_upload(namespace, path, settings.sources[path.parent.name]) for path in mixtures]
    for upload in uploads:
        print(_describe(upload, settings.private))
    if settings.dry_run:
        print("Nothing was uploaded: publish.dry_run is true.")
        return
    token = os.environ.get("HF_TOKEN")
    if not token:
        raise UserError("HF_TOKEN: not set; put a token with write access into the environment, and nowhere else")
    api = HfApi(token=token)
    for upload in uploads:
        print(f"uploaded: {_upload(api, upload, settings.private)}", flush=True)


def _adapter_upload(namespace: str, manifest: Path) -> Upload:
    folder = manifest.parent
    card = metadata_load(folder / "README.md") or {}
    name = card["model-index"][0]["name"]
    files = [*_files(manifest), "README.md", "NOTICE"]
    return Upload(f"{namespace}/{name}", "model", folder, files, card.get("license_name") or card["license"])


def _mixture_upload(namespace: str, manifest: Path, sources: Sequence[DataSource]) -> Upload:
    folder = manifest.parent
    included = {name for counts in read_json(manifest, ExportManifest)["rows"].values() for name in counts}
    resolved = [resolve_terms(source) for source in sources]
    unfree = sorted(s.name for s in resolved if s.name in included and not s.redistributable_as)
    if unfree:
        raise UserError(
            f"{folder} holds rows of {', '.join(unfree)}, whose licence does not permit redistribution or is unknown; "
            "remove them from export.licensed, or the mixture from publish.mixtures"
        )
    card = metadata_load(folder / "README.md") or {}
    return Upload(f"{namespace}/re_{folder.name}", "dataset", folder, _files(manifest), ", ".join(card["license"]))


def _files(manifest: Path) -> list[str]:
    """Return the verified files of a manifest, none of which is executable."""
    if not is_complete(manifest):
        raise UserError(f"{manifest.parent} does not match {manifest}; run the workflow again, then publish")
    names = sorted(read_json(manifest, Manifest)["files"])
    refused = [name for name in names if Path(name).suffix not in SUFFIXES]
    if refused:
        raise UserError(f"{manifest} lists {', '.join(refused)}; only data, tokenizers and safetensors are published")
    return names


def _describe(upload: Upload, private: bool) -> str:
    sizes = {name: (upload.folder / name).stat().st_size for name in upload.files}
    lines = [f"  {size:>15,} bytes  {name}" for name, size in sizes.items()]
    visibility = "private" if private else "public"
    head = f"{upload.repository} ({upload.kind}, {visibility}, licence {upload.licence}), {sum(sizes.values()):,} bytes"
    return "\n".join([f"{head} from {upload.folder}:", *lines])


def _upload(api: HfApi, upload: Upload, private: bool) -> str:
    """Upload a folder's files as one commit; return its URL."""
    try:
        api.create_repo(repo_id=upload.repository, repo_type=upload.kind, private=private, exist_ok=True)
        if private and not api.repo_info(upload.repository, repo_type=upload.kind).private:
            raise UserError(
                f"{upload.repository} exists and is public; make it private on the hub, or set publish.private: false"
            )
        commit = api.upload_folder(
            repo_id=upload.repository,
            repo_type=upload.kind,
            folder_path=upload.folder,
            allow_patterns=list(upload.files),
            commit_message="Upload by mixtune",
        )
    except ERRORS as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{upload.repository} cannot be uploaded ({type(error).__name__}: {reason}); check publish.namespace, and "
            "that the token in HF_TOKEN has write access"
        ) from None
    return commit.commit_url
