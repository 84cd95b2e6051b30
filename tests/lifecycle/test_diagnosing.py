"""The doctor's answers: our own voices and bundles, what to do next, what people and programs read, and its limits."""

from __future__ import annotations

import functools
import json
import re
import shlex
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.age.x25519 import X25519Identity
from core_model.upstream import shapes
from core_model.upstream.findings import Diagnosis
from lifecycle import diagnosing
from lifecycle.cli import main
from lifecycle.diagnosing import examine
from tests.core_model.upstream import crafted, crafted_files
from tests.core_model.upstream.test_checkpoint import write_with_the_script
from tests.core_model.upstream.test_pickle_scan import BOMBS
from tests.lifecycle.paper_voice import pack_paper_voice, write_paper_voice

KEYS = ["path", "kind", "family", "evidence", "safe", "problems", "next"]


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)])


def written(directory: Path, **contents: bytes) -> list[Path]:
    paths = [directory / name.replace("__", ".") for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def test_one_file_is_one_object_with_exactly_these_keys(tmp_path: Path) -> None:
    (path,) = written(tmp_path, anna__ckpt=crafted_files.gpt())
    result = doctor(path, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(told) == KEYS
    assert (told["path"], told["kind"], told["safe"]) == (str(path), "gpt", True)
    assert isinstance(told["evidence"], list)
    assert isinstance(told["problems"], list)
    assert told["next"].startswith("lifecycle import ")


def test_several_files_are_a_list_in_their_order(tmp_path: Path) -> None:
    paths = written(tmp_path, a=crafted_files.POINTER, b=crafted_files.gpt(), c=b"")
    result = doctor(*paths, "--json")
    files = json.loads(result.stdout)["files"]
    assert result.exit_code == 1
    assert [file["kind"] for file in files] == ["lfs_pointer", "gpt", "empty"]
    assert all(list(file) == KEYS for file in files)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (crafted_files.gpt(), 0),
        (crafted_files.onnx(), 0),
        (crafted.with_pickle(crafted_files.malicious()), 1),
        (b"06" + crafted.with_pickle(crafted_files.malicious())[2:], 1),
        (crafted_files.PAGE, 1),
        (crafted_files.torchscript(), 1),
        (crafted_files.zipped({"a.txt": b"nothing to scan"}), 1),
        (crafted_files.zipped({"a.pth": crafted_files.gpt()}), 1),
    ],
)
def test_the_exit_code_is_1_unless_all_is_safe_and_of_use(content: bytes, code: int, tmp_path: Path) -> None:
    (path,) = written(tmp_path, x=content)
    (good,) = written(tmp_path, good=crafted_files.gpt())
    assert doctor(path).exit_code == code
    assert doctor(good, path, good).exit_code == code


def test_a_call_without_files_makes_no_sense() -> None:
    assert doctor().exit_code == 2
    assert doctor("x", "--explain", "y").exit_code == 2


def test_an_absent_file_is_an_answer(tmp_path: Path) -> None:
    result = doctor(tmp_path / "absent.pth")
    assert result.exit_code == 1
    assert "no such file" in result.stdout


def test_explain(tmp_path: Path) -> None:
    result = doctor("--explain", "_pickle.UnpicklingError: unpickling stack underflow")
    assert result.exit_code == 0
    assert "PK" in result.stdout
    assert doctor("--explain", "who knows").exit_code == 1
    told = json.loads(doctor("--explain", "Unsupported operand 118", "--json").stdout)
    assert told["known"] is True
    assert "git lfs pull" in told["next"]


def test_what_a_person_reads(tmp_path: Path) -> None:
    (path,) = written(tmp_path, evil__pth=b"05" + crafted.with_pickle(crafted_files.malicious())[2:])
    text = doctor(path).stdout
    assert "safe     NO" in text
    assert "posix.system" in text
    assert "do not open it" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith(("  next", str(tmp_path)))) <= 100


def answer_of(*paths: Path) -> list[str]:
    return [answer.next for answer in examine(paths)]


def test_files_that_belong_together_find_each_other(tmp_path: Path) -> None:
    voice, gpt = Path("anna_e8_s400.pth"), Path("my gpt.ckpt")
    found = [
        Diagnosis(voice, "sovits", "v2", ("x",), True),
        Diagnosis(gpt, "gpt", "s1longer-v2", ("x",), True),
        Diagnosis(Path("old.ckpt"), "gpt", "s1longer", ("x",), True),
    ]
    expected = "lifecycle import anna_e8_s400.pth 'my gpt.ckpt' --name anna"
    assert [diagnosing._next(one, found) for one in found[:2]] == [expected, expected]
    assert diagnosing._next(found[2], found) == "lifecycle import SOVITS.pth old.ckpt --name NAME"
    assert diagnosing._next(found[0], found[:1]) == "lifecycle import anna_e8_s400.pth GPT.ckpt --name anna"


def test_a_lora_asks_for_its_base_and_its_vocoder(tmp_path: Path) -> None:
    lora = Diagnosis(Path("l.pth"), "lora", "v4", ("x",), True)
    alone = diagnosing._next(lora, [lora])
    assert "--base BASE-v4.pth --vocoder VOCODER-v4.pth" in alone
    base = Diagnosis(Path("s2Gv4.pth"), "base", "v4", ("x",), True, base=True)
    vocoder = Diagnosis(Path("v.pth"), "vocoder", "v4", ("x",), True)
    other = Diagnosis(Path("s2Gv3.pth"), "base", "v3", ("x",), True, base=True)
    told = diagnosing._next(lora, [other, lora, base, vocoder])
    assert "--base s2Gv4.pth --vocoder v.pth" in told
    assert diagnosing._next(base, [base]) == "lifecycle train NAME --recordings DIRECTORY --base ."


@pytest.mark.parametrize(
    "name", [name for name in crafted_files.FILES if not name.startswith(("v1", "v2", "v3", "v4"))]
)
def test_there_is_always_something_to_do_next(name: str, tmp_path: Path) -> None:
    by_folder = ("base", "base_discriminator", "hubert", "roberta", "speaker_vector")
    make, kind, safe, _ = crafted_files.FILES[name]
    (path,) = written(tmp_path, **{"it's here": make()})
    (told,) = answer_of(path)
    assert told
    if told.startswith(("lifecycle", "python")):
        assert str(path) in shlex.split(told) or kind in by_folder
    assert ("do not open it" in told) == (safe is False)


def test_a_folder_leads_to_the_voice_in_it(tmp_path: Path) -> None:
    written(tmp_path, anna__pth=crafted_files.voice("v1"), readme__txt=b"mine")
    assert answer_of(tmp_path) == [f"lifecycle doctor {tmp_path}/*"]
    values = crafted_files.views(shapes.gpt(512, 1025, 512, 24, 1024))
    config = {"model": {"head": 16}}
    written(tmp_path, b__ckpt=crafted.saved(OrderedDict(weight=values, config=config, info="GPT-e15")))
    sovits, gpt = tmp_path / "anna.pth", tmp_path / "b.ckpt"
    assert answer_of(tmp_path) == [f"lifecycle import {sovits} {gpt} --name anna"]
    assert doctor(tmp_path).exit_code == 0, "a README beside a voice is no reason to warn"


def test_a_voice_of_ours(tmp_path: Path) -> None:
    directory = write_paper_voice(tmp_path / "anna").directory
    (answer,) = examine([directory])
    assert (answer.diagnosis.kind, answer.diagnosis.family, answer.diagnosis.safe) == ("voice", "nano", True)
    assert answer.next == f"lifecycle verify {directory}"
    (directory / "weights" / "gpt.safetensors").write_bytes(crafted.with_pickle(crafted_files.malicious()))
    (answer,) = examine([directory])
    assert answer.diagnosis.safe is not True
    (directory / "voice.json").write_text("{}")
    (answer,) = examine([directory])
    assert (answer.diagnosis.kind, answer.diagnosis.usable) == ("voice", False)
    assert answer.diagnosis.problems


def test_a_bundle_of_ours(tmp_path: Path) -> None:
    voice = write_paper_voice(tmp_path / "anna")
    bundle = tmp_path / "anna.voice"
    pack_paper_voice(bundle, voice, X25519Identity.generate(lambda n: bytes(range(n))).recipient)
    (answer,) = examine([bundle])
    assert (answer.diagnosis.kind, answer.diagnosis.safe) == ("bundle", True)
    assert any("encrypted, and was not looked at" in sentence for sentence in answer.diagnosis.evidence)
    assert answer.next == f"lifecycle restore {bundle}"
    bundle.write_bytes(bundle.read_bytes()[:-3000])
    (answer,) = examine([bundle])
    assert (answer.diagnosis.kind, answer.diagnosis.usable) == ("bundle", False)
    assert answer.next == f"lifecycle check {bundle}"


def test_a_file_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Names of entries, tensors and globals are the file's own words."""
    evil = crafted.program(b"c\x1b[2Jos\nsys\x07tem\n", b")R")
    page = b"<html><title>\x1b]0;gotcha\x07\xe2\x80\xae</title>"
    entry = crafted_files.zipped({"\x1b[31mred": b"x", "a\u202eb": b"y"})
    tensor = crafted.saved(crafted_files.network("\x1b[2Jname"))
    for content in (crafted.with_pickle(evil), page, entry, tensor):
        (path,) = written(tmp_path, x=content)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", doctor(path).output)


PROBE = """
import json, sys, time
from pathlib import Path
from lifecycle.diagnosing import examine
(answer,) = examine([Path(sys.argv[1])])
found = answer.facts()
status = Path("/proc/self/status").read_text()  # getrusage would count what this test itself holds
memory_bytes = int(status.partition("VmHWM:")[2].split()[0]) * 1024
used_s = time.process_time()
print(json.dumps([found["kind"], found["safe"], used_s, memory_bytes, "torch" in sys.modules]))
"""


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


def probed(path: Path) -> list[object]:
    run = subprocess.run([sys.executable, "-c", PROBE, path], check=True, capture_output=True, text=True)
    kind, safe, used_s, memory_bytes, torch_there = json.loads(run.stdout)
    assert used_s < 1, (path.name, used_s)
    assert memory_bytes < 200 << 20, (path.name, memory_bytes)
    assert not torch_there
    return [kind, safe]


@needs_proc
@pytest.mark.parametrize(
    ("name", "kind"), [("gpt_s1longer-v2", "gpt"), ("sovits_v3_lora", "lora"), ("sv_eres2netv2", "speaker_vector")]
)
def test_a_file_of_full_size_within_a_second_and_200_mb(name: str, kind: str, tmp_path: Path) -> None:
    write_with_the_script(name, tmp_path / "x.ckpt")
    assert (tmp_path / "x.ckpt").stat().st_size > 70_000_000
    assert probed(tmp_path / "x.ckpt") == [kind, True]


def bombs() -> dict[str, bytes]:
    deflated = zipfile.ZIP_DEFLATED
    inner = crafted_files.zipped({"a/data.pkl": b"\x80\x02" + bytes(15 << 20)}, deflated)
    return {
        "a zip bomb": crafted_files.zipped({"a/data.pkl": b"\x80\x02" + b"N0" * (100 << 20)}, deflated),
        "many of them": crafted_files.zipped({f"a/{n}.pkl": b"\x80\x02" + bytes(8 << 20) for n in range(20)}, deflated),
        "zip bombs in a zip": crafted_files.zipped({f"{n}.pth": inner for n in range(100)}, deflated),
        "many entries": crafted_files.zipped({f"a/{n}": b"" for n in range(9_000)}),
        "a directory that claims a gigabyte": b"PK\x03\x04"
        + bytes(99)
        + b"PK\x05\x06"
        + bytes(8)
        + b"\xff" * 3
        + bytes(7),
        "a list of tensors of 90 MB": (90 << 20).to_bytes(8, "little") + b'{"a":1}',
        "lists in lists": (1 << 20).to_bytes(8, "little") + b'{"a":' + b"[" * (1 << 20),
        "titles": b"<html>" + b"<title" * 11_000,
        "notes": b"\x08\x08" + (b"\x72\x80\x20" + b"\x0a\x00" * 2048) * 900 + b"\x3a\x00",
        "texts that look like names": (b"c" * 70 + b"\n") * (1 << 20),
        "a pickle of instructions": crafted.with_pickle(BOMBS["nested tuples"] * 2),
        "names without end": b"\x80\x02" + b"".join(b"ca%d\nb\n0" % n for n in range(200_000)),
    }


@needs_proc
def test_bombs_end_within_a_second_and_200_mb(tmp_path: Path) -> None:
    for name, content in bombs().items():
        (path,) = written(tmp_path, **{name: content})
        kind, safe = probed(path)
        assert safe is not True or kind in ("onnx", "text"), name
        path.unlink()


@functools.cache
def small() -> tuple[bytes, ...]:
    """Every patient of less than 20 kB."""
    makes = [make for make, *_ in crafted_files.FILES.values()] + list(crafted_files.PAYLOADS.values())
    return tuple(content for make in makes if 0 < len(content := make()) < 20_000)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_any_kind_ends_in_an_answer(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(data.draw(st.sampled_from(small())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        match data.draw(st.sampled_from(["change", "cut", "drop", "insert", "numbers"])):
            case "change":
                content[place : place + 1] = bytes([data.draw(st.integers(0, 255))])
            case "cut":
                del content[place:]
            case "drop":
                del content[place : place + data.draw(st.integers(1, 64))]
            case "insert":
                content[place:place] = data.draw(st.binary(max_size=32))
            case "numbers":
                content[place : place + 4] = data.draw(st.sampled_from([b"\xff" * 4, b"\xff\xff\xff\x7f", bytes(4)]))
    (path,) = written(tmp_path, x=bytes(content))
    (answer,) = examine([path])
    assert answer.next
    assert json.dumps(answer.facts())
    assert answer.diagnosis.passes or answer.diagnosis.problems


def test_a_file_cut_at_any_byte_ends_in_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (
        crafted_files.legacy({"a": 1}),
        crafted_files.POINTER,
        crafted_files.onnx(),
        crafted_files.gpt()[:1500],
    ):
        for length in range(0, len(content), 3):
            path.write_bytes(content[:length])
            (answer,) = examine([path])
            assert answer.diagnosis.passes or answer.diagnosis.problems


def test_nothing_of_the_doctor_can_unpickle() -> None:
    """The modules it is made of import nothing that runs a pickle."""
    names = "core_model.upstream.diagnosis", "lifecycle.diagnosing"
    code = f"import sys\nfor n in {names!r}: __import__(n)\nprint('torch' in sys.modules, 'joblib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"]
