"""A layer's bytes follow from its files: in any order, of any age; and what could harm an unpacker is refused."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.layers import Member, danger_of, write_layer


def file(path: str, content: bytes = b"x", mode: int = 0o644) -> Member:
    return Member(path, "file", mode, len(content), open=lambda: io.BytesIO(content))


def written(*members: Member) -> bytes:
    layer = io.BytesIO()
    blob = write_layer(members, layer)
    assert (blob.sha256, blob.size) == (hashlib.sha256(layer.getvalue()).hexdigest(), len(layer.getvalue()))
    return layer.getvalue()


NAMES = st.lists(st.from_regex(r"\A[a-z]{1,3}(/[a-z]{1,120}){0,3}\Z"), unique=True, max_size=6)


@given(NAMES, st.randoms(use_true_random=False), st.binary(max_size=9000))
def test_the_order_in_which_files_are_named_changes_nothing(names: list[str], rng: object, content: bytes) -> None:
    names = [name for name in names if not any(other.startswith(f"{name}/") for other in names)]
    members = [file(name, content) for name in names]
    shuffled = list(members)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    layer = written(*members)
    assert written(*shuffled) == layer
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        read = {info.name: tar.extractfile(info).read() for info in tar if info.isfile()}  # type: ignore[union-attr]
        assert read == dict.fromkeys(names, content)
        assert {(info.uid, info.gid, info.mtime, info.uname) for info in tar} <= {(0, 0, 0, "")}


def test_parents_that_nobody_named_stand_before_what_is_in_them() -> None:
    with tarfile.open(fileobj=io.BytesIO(written(file("opt/a/b"), Member("opt", "directory", 0o700)))) as tar:
        assert [(info.name, info.isdir(), info.mode) for info in tar] == [
            ("opt", True, 0o700),
            ("opt/a", True, 0o755),
            ("opt/a/b", False, 0o644),
        ]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "", "a\\b", "a\nb", "a/.wh.b", ".wh..wh..opq"]
)
def test_a_dangerous_path_is_refused(path: str) -> None:
    assert danger_of(path)
    with pytest.raises(ValueError):
        written(file(path))


def test_a_path_may_not_occur_twice() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        written(file("a"), file("a"))


def test_nothing_lies_below_a_file() -> None:
    with pytest.raises(ValueError, match="below a file"):
        written(file("a"), file("a/b"))


@pytest.mark.parametrize("size", [0, 3, 5, 1025])
def test_a_file_has_as_many_bytes_as_it_says(size: int) -> None:
    with pytest.raises(ValueError, match="than it says"):
        written(Member("a", "file", 0o644, size, open=lambda: io.BytesIO(b"four")))
