"""Each kind of file is named by evidence, each payload is found wherever it hides, and nothing ever runs."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import pytest

from core_model.upstream.diagnosis import diagnose
from core_model.upstream.findings import Diagnosis
from tests.core_model.upstream import crafted, crafted_files
from tests.core_model.upstream.crafted_files import FILES, PAYLOADS


def look(directory: Path, content: bytes, name: str = "file.bin") -> Diagnosis:
    path = directory / name
    path.write_bytes(content)
    return diagnose(path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named_by_what_is_in_it(name: str, tmp_path: Path) -> None:
    make, kind, safe, words = FILES[name]
    found = look(tmp_path, make())
    told = "\n".join((*found.evidence, *found.problems))
    assert (found.kind, found.safe) == (kind, safe), told
    assert found.evidence
    for word in words:
        assert word in told
    assert found.passes or found.problems, "what does not pass must say why"


@pytest.mark.parametrize(
    "name", ["a GPT", "a Lightning state", "TorchScript", "ONNX", "safetensors", "RVC", "a pointer"]
)
def test_a_files_name_decides_nothing(name: str, tmp_path: Path) -> None:
    content = FILES[name][0]()
    first = look(tmp_path, content, "G_233333.pth")
    second = look(tmp_path, content, "s1longer.safetensors")
    assert (first.kind, first.family, first.evidence) == (second.kind, second.family, second.evidence)


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_found_wherever_it_hides(name: str, tmp_path: Path) -> None:
    found = look(tmp_path, PAYLOADS[name]())
    assert found.safe is False, found
    assert {"posix.system", "nt.system", "os.system"} & set(found.names)
    assert any("unsafe" in problem and "system" in problem for problem in found.problems)
    assert not (tmp_path / "ran").exists()
    assert not Path("ran").exists()


@pytest.mark.parametrize("name", crafted.hostile(Path("x")))
@pytest.mark.parametrize("head", [b"PK", b"03", b"06"])
def test_every_hostile_pickle_is_unsafe_in_every_container(name: str, head: bytes, tmp_path: Path) -> None:
    data = crafted.hostile(tmp_path)[name]
    for content in (head + crafted.with_pickle(data)[2:], data):
        found = look(tmp_path, content)
        assert found.safe is False, found
        assert found.names
    assert not (tmp_path / "ran").exists()


def test_what_only_a_voice_may_not_ask_for(tmp_path: Path) -> None:
    """A stranger's checkpoint may hold paths; in a voice, which needs none, they are outside."""
    plain = crafted.saved({"a": Path("x")})
    assert look(tmp_path, plain).safe is True
    voice = crafted.tiny_gpt()[0]
    poisoned = crafted.saved({"weight": crafted_files.tensors(voice), "config": {"x": Path("x")}, "info": ""})
    found = look(tmp_path, poisoned)
    assert (found.kind, found.safe) == ("gpt", False)


@pytest.mark.parametrize("head", [b"PK", b"05"])
def test_what_has_the_form_of_a_voice_may_ask_for_no_more_than_one(head: bytes, tmp_path: Path) -> None:
    """Its tensors are nobody's, but its parts or its head are GPT-SoVITS's."""
    parts = {"weight": crafted_files.network("a"), "config": crafted.hparams({"x": 1}), "info": "x"}
    assert look(tmp_path, crafted.saved(parts, head)).safe is True
    found = look(tmp_path, crafted.saved(parts | {"config": Path("x")}, head))
    assert found.safe is False
    assert "PosixPath" in found.names[0]
    assert look(tmp_path, crafted.saved({"a": Path("x")}, head)).safe is (head == b"PK")


def test_a_name_that_is_put_together_at_run_time_is_unsafe(tmp_path: Path) -> None:
    opcodes = crafted.program(b"ccollections\nOrderedDict\n)R", crafted.text("system"), b"\x93")
    found = look(tmp_path, crafted.with_pickle(opcodes))
    assert found.safe is False


def test_a_voice_that_is_not_whole_says_what_is_missing(tmp_path: Path) -> None:
    file = crafted_files.gpt()
    without = crafted.rezipped(file, lambda name, data: None if name.endswith("/data/3") else (name, data))
    found = look(tmp_path, without)
    assert (found.kind, found.usable, found.safe) == ("gpt", False, True)
    assert any("storage 3 is missing" in problem for problem in found.problems)


def test_two_readers_could_see_two_files(tmp_path: Path) -> None:
    """Bytes behind the archive: its pickle is clean, and what another reader finds is not known."""
    found = look(tmp_path, crafted_files.gpt() + b"more")
    assert found.safe is None
    assert any("bytes behind its archive" in problem for problem in found.problems)


def test_a_payload_that_strict_zip_readers_cannot_reach_is_no_proof_of_safety(tmp_path: Path) -> None:
    for compression in (12, 14):  # bzip2, LZMA
        found = look(tmp_path, crafted_files.zipped({"a/data.pkl": crafted_files.malicious()}, compression))
        assert found.safe is None
        assert any("compressed in a way" in problem for problem in found.problems)


def test_a_pickle_that_is_a_tar_archive_at_once_is_not_passed(tmp_path: Path) -> None:
    """torch.load looks for a tar before it looks for a pickle, and would take the pickle out of that."""
    content = bytearray(pickle.dumps("0" * 900, 2))
    assert look(tmp_path, bytes(content)).safe is True
    content[148:156] = b" " * 8  # where a tar keeps its checksum: here in the middle of a text
    content[148:156] = b"%06o\0 " % sum(content[:512])
    tarfile.open(fileobj=io.BytesIO(content), mode="r:").close()
    found = look(tmp_path, bytes(content))
    assert found.safe is None
    assert any("tar archive, too" in problem for problem in found.problems)


def test_what_is_no_file(tmp_path: Path) -> None:
    assert diagnose(tmp_path / "absent").kind == "unreadable"
    os.mkfifo(tmp_path / "pipe")
    found = diagnose(tmp_path / "pipe")
    assert (found.kind, found.safe, found.usable) == ("unreadable", None, False)
    assert diagnose(Path("/dev/zero")).kind == "unreadable"
    (tmp_path / "link").symlink_to(tmp_path / "link")
    assert diagnose(tmp_path / "link").kind == "unreadable"
    if os.getuid():
        (tmp_path / "locked").write_bytes(b"x")
        (tmp_path / "locked").chmod(0)
        assert diagnose(tmp_path / "locked").kind == "unreadable"


def transformer(directory: Path, model_type: str, width: int, weights: dict[str, bytes]) -> Path:
    directory.mkdir()
    config = {"model_type": model_type, "hidden_size": width, "num_hidden_layers": 12}
    (directory / "config.json").write_text(json.dumps(config))
    for name, content in weights.items():
        (directory / name).write_bytes(content)
    return directory


HUBERT = crafted_files.network("feature_extractor.conv_layers.0.conv.weight")
ROBERTA = crafted_files.network("bert.embeddings.word_embeddings.weight")


@pytest.mark.parametrize(
    ("kind", "model_type", "width", "content"),
    [("hubert", "hubert", 768, HUBERT), ("roberta", "bert", 1024, ROBERTA)],
)
def test_folders_of_hubert_and_roberta(
    kind: str, model_type: str, width: int, content: dict[str, object], tmp_path: Path
) -> None:
    whole = transformer(tmp_path / "a", model_type, width, {"pytorch_model.bin": crafted.saved(content)})
    found = diagnose(whole)
    assert (found.kind, found.safe, found.usable, found.problems) == (kind, True, True, ())
    empty = diagnose(transformer(tmp_path / "b", model_type, width, {}))
    assert (empty.kind, empty.safe, empty.usable) == (kind, None, False)
    pointer = diagnose(transformer(tmp_path / "c", model_type, width, {"pytorch_model.bin": crafted_files.POINTER}))
    assert (pointer.kind, pointer.safe, pointer.usable) == (kind, None, False)
    assert any("lfs_pointer" in problem for problem in pointer.problems)
    evil = {"pytorch_model.bin": crafted.with_pickle(crafted_files.malicious())}
    assert diagnose(transformer(tmp_path / "d", model_type, width, evil)).safe is False
    other = diagnose(transformer(tmp_path / "e", model_type, 256, {"pytorch_model.bin": crafted.saved(content)}))
    assert any("does not fit" in problem for problem in other.problems)


def test_a_folder_of_several_files(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.pth").write_bytes(crafted_files.gpt())
    found = diagnose(tmp_path)
    assert (found.kind, found.safe) == ("folder", True)
    assert "a.pth: gpt other" in found.evidence
    (tmp_path / "b.pth").write_bytes(crafted_files.malicious())
    found = diagnose(tmp_path)
    assert found.safe is False
    assert any(problem.startswith("b.pth: unsafe") for problem in found.problems)
    empty = tmp_path / "inner"
    assert (diagnose(empty).kind, diagnose(empty).safe) == ("folder", None)
