"""An image's digest is known before any engine sees it: the same twice, and what other tools read in it too."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from containers.errors import ImageError
from containers.image import Config, Image, read_image, write_image
from containers.layers import Member

CONFIG = Config("amd64", "65534:65534", {"B": "2", "A": "1"}, ["/bin/hello"], "/output", {"title": "hello"})


def file(path: str, content: bytes) -> Member:
    return Member(path, "file", 0o644, len(content), open=lambda: io.BytesIO(content))


def made(directory: Path) -> tuple[Path, Image]:
    directory.mkdir(parents=True)
    layers = [[file("bin/hello", b"hi"), Member("lib", "symlink", 0o777, target="bin")], [file("opt/x", b"x" * 99999)]]
    return directory / "image.tar", write_image(directory / "image.tar", "hello", layers, CONFIG, directory)


def test_the_same_layers_give_the_same_image_and_leave_nothing_else(tmp_path: Path) -> None:
    first, image = made(tmp_path / "a")
    second, again = made(tmp_path / "b" / "c")
    assert image == again
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in first.parent.iterdir()] == ["image.tar"]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path, image = made(tmp_path / "a")
    assert read_image(path) == image
    assert image.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_blob_is_called_by_its_digest(tmp_path: Path) -> None:
    path, image = made(tmp_path / "a")
    with tarfile.open(path) as tar:
        blobs = {info.name: tar.extractfile(info).read() for info in tar if info.isfile()}  # type: ignore[union-attr]
    digests = {name.rpartition("/")[2]: content for name, content in blobs.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(content).hexdigest() == digest for digest, content in digests.items())
    config = json.loads(digests[image.config.partition(":")[2]])
    assert config["rootfs"]["diff_ids"] == [layer.digest for layer in image.layers]
    assert config["config"]["User"] == "65534:65534"
    assert config["config"]["Env"] == ["A=1", "B=2"]


def changed(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of an image in which *change* touched the files."""
    with tarfile.open(path) as tar:
        inside = {info.name: tar.extractfile(info).read() for info in tar if info.isfile()}  # type: ignore[union-attr]
    change(inside)
    other = path.with_name("changed.tar")
    with tarfile.open(other, "w") as tar:
        for name, content in inside.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return other


def edited(name: str, edit: Callable[[Any], object]) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        document = json.loads(files[name])
        edit(document)
        files[name] = json.dumps(document).encode()

    return change


def layer_of(files: dict[str, bytes]) -> str:
    return max(files, key=lambda name: len(files[name]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda files: files.pop("index.json"), "lacks index.json"),
        (lambda files: files.pop("manifest.json"), "lacks manifest.json"),
        (lambda files: files.update({layer_of(files): b"other"}), "has another digest"),
        (lambda files: files.pop(layer_of(files)), "lacks blobs/sha256/"),
        (lambda files: files.update({"index.json": b"{"}), "which is no JSON"),
        (lambda files: files.update({"index.json": b"[]"}), "has no 'manifests'"),
        (lambda files: files.update({"index.json": b" " * (2 << 20)}), "more than 1 MiB"),
        (edited("index.json", lambda index: index["manifests"].clear()), "has no 0 where"),
        (
            edited("index.json", lambda index: index["manifests"][0].update(digest="sha256:../x")),
            "else than its SHA-256",
        ),
        (edited("manifest.json", lambda docker: docker[0].update(RepoTags=["debian:12"])), "another thing to docker"),
        (edited("manifest.json", lambda docker: docker[0]["Layers"].reverse()), "another thing to docker"),
    ],
)
def test_an_image_that_is_not_what_it_says_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], told: str
) -> None:
    path, _ = made(tmp_path / "a")
    with pytest.raises(ImageError, match=told):
        read_image(changed(path, change))


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(b"no" * 5000)
    with pytest.raises(ImageError, match="no tar"):
        read_image(tmp_path / "image.tar")


def test_skopeo_reads_the_same_digests(tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    path, image = made(tmp_path / "a")
    for kind in ("oci-archive", "docker-archive"):
        run = subprocess.run(["skopeo", "inspect", f"{kind}:{path}"], capture_output=True, text=True, check=True)
        told = json.loads(run.stdout)
        assert told["Layers"] == [layer.digest for layer in image.layers]
        assert (told["Architecture"], told["Os"]) == ("amd64", "linux")
    run = subprocess.run(["skopeo", "inspect", "--raw", f"oci-archive:{path}"], capture_output=True, check=True)
    assert f"sha256:{hashlib.sha256(run.stdout).hexdigest()}" == image.manifest


def test_umoci_unpacks_what_was_put_in(tmp_path: Path) -> None:
    if shutil.which("umoci") is None:
        pytest.skip("umoci is not installed")
    path, _ = made(tmp_path / "a")
    layout = tmp_path / "layout"
    layout.mkdir()
    subprocess.run(["tar", "-xf", str(path), "-C", str(layout)], check=True)
    command = ["umoci", "raw", "unpack", "--rootless", "--image", f"{layout}:hello", str(tmp_path / "root")]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "root" / "lib" / "hello").read_bytes() == b"hi"
    assert (tmp_path / "root" / "opt" / "x").stat().st_size == 99999
