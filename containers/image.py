"""Images in one tar, written without an engine: the same inputs give the same bytes, so the digest is known beforehand.

Knows layers, digests and JSON; nothing of what is in a layer. The tar is an OCI image layout, and has the manifest.json
of `docker save` beside it, so that `docker load`, `podman load`, skopeo and umoci all take it. Layers are not
compressed: what deflate makes of a file is another thing with every zlib. Reference: OCI image specification 1.0,
image-layout and config; docker's image format v1.2.

    blobs/sha256/...    the layers, the config, the manifest        index.json  → manifest → config and layers
    oci-layout          {"imageLayoutVersion":"1.0.0"}              manifest.json → config and layers, for docker
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from containers.errors import ImageError
from containers.layers import Blob, Member, write_layer

_EPOCH = "1970-01-01T00:00:00Z"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_LAYOUT = {"imageLayoutVersion": "1.0.0"}
_MOST_JSON_bytes = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """How a container of the image begins."""

    architecture: str  # as images call it: amd64
    user: str  # "65534:65534"
    environment: Mapping[str, str]
    entrypoint: Sequence[str]
    working_directory: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Image:
    """An image by its digests."""

    name: str  # what tools that want a name call it: index.json's org.opencontainers.image.ref.name
    architecture: str
    manifest: str  # "sha256:...": what OCI tools and newer engines call the image
    config: str  # "sha256:...": what docker before its version 29 calls it
    layers: tuple[Blob, ...]
    file: Blob  # the tar itself


def write_image(path: Path, name: str, layers: Iterable[Iterable[Member]], config: Config, scratch: Path) -> Image:
    """Write the image into the new file *path*; its layers grow in *scratch* before. ValueError as `write_layer`."""
    blobs: dict[str, Path | bytes] = {}
    written = []
    for number, members in enumerate(layers):
        growing = scratch / f"layer{number}.tar"
        with growing.open("xb") as file:
            written.append(write_layer(members, file))
        blobs[written[-1].sha256] = growing
    config_blob = _put(blobs, _config_document(config, written))
    manifest_blob = _put(blobs, _manifest_document(config_blob, written))
    texts = {
        "index.json": _index_document(name, manifest_blob, config.architecture),
        "manifest.json": [{"Config": _place(config_blob), "Layers": [_place(b) for b in written], "RepoTags": None}],
        "oci-layout": _LAYOUT,
    }
    entries = {f"blobs/sha256/{digest}": content for digest, content in blobs.items()}
    entries |= {place: _json(document) for place, document in texts.items()}
    with path.open("xb") as file:
        whole = write_layer([_member(place, content) for place, content in entries.items()], file)
    for content in blobs.values():
        if isinstance(content, Path):
            content.unlink()
    return Image(name, config.architecture, manifest_blob.digest, config_blob.digest, tuple(written), whole)


def read_image(path: Path) -> Image:
    """What *path* holds, each blob compared with its digest. ImageError unless `write_image` could have made it."""
    with path.open("rb") as file:
        whole = Blob(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
        file.seek(0)
        with _opened(path, file) as tar:
            index = _document(path, tar, "index.json")
            manifest = _document(path, tar, _place_of(path, index, "manifests", 0))
            config_place = _place_of(path, manifest, "config")
            config = _document(path, tar, config_place)
            layers = tuple(_blob(path, descriptor) for descriptor in _field(path, manifest, "layers"))
            docker = _document(path, tar, "manifest.json")
            if docker != [{"Config": config_place, "Layers": [_place(blob) for blob in layers], "RepoTags": None}]:
                raise ImageError(path.name, "says another thing to docker than to others")
            for name in tar.getnames():
                if name.startswith("blobs/sha256/"):
                    _require_digest(path, tar, name)
            for blob in layers:
                _require_there(path, tar, _place(blob))
    descriptor = _field(path, index, "manifests", 0)
    called = descriptor.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
    config_digest = f"sha256:{config_place.rpartition('/')[2]}"
    return Image(
        str(called), str(_field(path, config, "architecture")), descriptor["digest"], config_digest, layers, whole
    )


def _config_document(config: Config, layers: Sequence[Blob]) -> dict[str, object]:
    started = {
        "Entrypoint": list(config.entrypoint),
        "Env": [f"{name}={value}" for name, value in sorted(config.environment.items())],
        "Labels": dict(config.labels),
        "User": config.user,
        "WorkingDir": config.working_directory,
    }
    return {
        "architecture": config.architecture,
        "config": started,
        "created": _EPOCH,
        "os": "linux",
        "rootfs": {"diff_ids": [blob.digest for blob in layers], "type": "layers"},
    }


def _manifest_document(config: Blob, layers: Sequence[Blob]) -> dict[str, object]:
    return {
        "config": _descriptor(_CONFIG, config),
        "layers": [_descriptor(_LAYER, blob) for blob in layers],
        "mediaType": _MANIFEST,
        "schemaVersion": 2,
    }


def _index_document(name: str, manifest: Blob, architecture: str) -> dict[str, object]:
    described = _descriptor(_MANIFEST, manifest) | {
        "annotations": {"org.opencontainers.image.ref.name": name},
        "platform": {"architecture": architecture, "os": "linux"},
    }
    return {"manifests": [described], "mediaType": "application/vnd.oci.image.index.v1+json", "schemaVersion": 2}


def _descriptor(kind: str, blob: Blob) -> dict[str, object]:
    return {"digest": blob.digest, "mediaType": kind, "size": blob.size}


def _place(blob: Blob) -> str:
    return f"blobs/sha256/{blob.sha256}"


def _put(blobs: dict[str, Path | bytes], document: object) -> Blob:
    content = _json(document)
    blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
    blobs[blob.sha256] = content
    return blob


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _member(place: str, content: Path | bytes) -> Member:
    if isinstance(content, bytes):
        return Member(place, "file", 0o644, len(content), open=lambda: io.BytesIO(content))
    return Member(place, "file", 0o644, content.stat().st_size, open=lambda: content.open("rb"))


@contextmanager
def _opened(path: Path, file: BinaryIO) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise ImageError(path.name, "is no tar, or a damaged one") from error


def _require_there(path: Path, tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    try:
        info = tar.getmember(name)
    except KeyError:
        raise ImageError(path.name, f"lacks {name}") from None
    if not info.isfile():
        raise ImageError(path.name, f"holds {name} as something else than a file")
    return info


def _document(path: Path, tar: tarfile.TarFile, name: str) -> Any:
    info = _require_there(path, tar, name)
    content = tar.extractfile(info)
    if content is None or info.size > _MOST_JSON_bytes:
        raise ImageError(path.name, f"holds {name} of more than {_MOST_JSON_bytes >> 20} MiB")
    try:
        return json.loads(content.read())
    except (ValueError, RecursionError) as error:
        raise ImageError(path.name, f"holds {name}, which is no JSON") from error


def _require_digest(path: Path, tar: tarfile.TarFile, name: str) -> None:
    content = tar.extractfile(_require_there(path, tar, name))
    if content is None or hashlib.file_digest(content, "sha256").hexdigest() != name.rpartition("/")[2]:  # type: ignore[arg-type]
        raise ImageError(path.name, f"holds {name}, which has another digest")


def _field(path: Path, document: Any, *keys: str | int) -> Any:
    for key in keys:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            raise ImageError(path.name, f"has no {key!r} where there must be one") from None
    return document


def _blob(path: Path, descriptor: Any) -> Blob:
    digest, size = _field(path, descriptor, "digest"), _field(path, descriptor, "size")
    kind, _, sha256 = str(digest).partition(":")
    if kind != "sha256" or len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef") or not isinstance(size, int):
        raise ImageError(path.name, "names a blob by something else than its SHA-256")
    return Blob(sha256, size)


def _place_of(path: Path, document: Any, *keys: str | int) -> str:
    return _place(_blob(path, _field(path, document, *keys)))
