"""From checkpoints to a voice: value for value, whole or not at all, and what the voice says of where it came from."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

from core_model.sovits.dims import dims_from_dict
from core_model.sovits.families import FAMILIES
from core_model.text.text_data import open_data
from core_model.upstream import names, norms
from core_model.upstream.checkpoint import Checkpoint
from core_model.voice import Voice
from lifecycle import importing
from lifecycle.checkpoint_files import look
from lifecycle.errors import LanguageUnreadableError, NoPlayerError, NotFiniteError, UnfitFileError, VoiceExistsError
from lifecycle.importing import ImportOptions, all_finite, import_voice
from lifecycle.store import Store
from tests.core_model.upstream import crafted
from tests.lifecycle import upstream_files as made
from tests.lifecycle.upstream_files import small_shapes  # noqa: F401

pytestmark = pytest.mark.usefixtures("small_shapes")
ENGLISH = ImportOptions(languages=("en",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def write_pair(directory: Path, sovits: Checkpoint | None = None, gpt: Checkpoint | None = None) -> list[Path]:
    directory.mkdir(exist_ok=True)
    return [
        made.write(directory / "anna_e8_s400.pth", sovits or made.sovits()),
        made.write(directory / "anna-e15.ckpt", gpt or made.gpt()),
    ]


def test_a_pair_becomes_a_voice(store: Store, tmp_path: Path) -> None:
    voice = import_voice(store, "anna", write_pair(tmp_path / "files"), ENGLISH).voice
    told = voice.description
    assert (told.name, told.family, told.languages, told.preview) == ("anna", "v2", ("en",), False)
    assert (told.sample_rate, told.semantic_rate, told.latent_rate) == (32000, 25, 50)
    assert told.token_scheme == {"kind": "quantizer"} and told.symbols.table == "v2"
    assert dims_from_dict(told.sovits) == FAMILIES["v2"]
    assert told.gpt == {
        "phonemes": 732, "semantic_tokens": 1025, "width": 8, "layers": 1, "word_features": 4, "heads": 2,
    }  # fmt: skip
    assert voice.prompts() == () and not voice.has_weights("vocoder")
    index = open_data(voice.text_directory)
    assert (index.reading, index.table, index.languages) == ("upstream", "v2", ("en",))


def test_every_tensor_rests_under_our_name_in_the_dtype_it_had(store: Store, tmp_path: Path) -> None:
    gpt = made.gpt()
    tensors = {name: value.astype(np.float32) if "norm" in name else value for name, value in gpt.tensors.items()}
    parts = {"sovits": made.sovits(), "gpt": replace(gpt, tensors=tensors)}
    voice = import_voice(store, "anna", write_pair(tmp_path / "files", *parts.values()), ENGLISH).voice
    for part, came in parts.items():
        rests = voice.weights(part)
        assert len(rests) == len(came.tensors)
        for name, value in came.tensors.items():
            found = rests[names.to_ours(part, name)]
            assert found.dtype == value.dtype and found.tobytes() == value.tobytes()
    assert voice.description.lineage["imported"]["gpt"]["dtype"] == "float16, float32"


def test_the_lineage_says_where_it_came_from_and_no_directory(store: Store, tmp_path: Path) -> None:
    files = write_pair(tmp_path / "jane doe", made.sovits("v2Pro"))
    voice = import_voice(store, "anna", files, ENGLISH).voice
    imported = voice.description.lineage["imported"]
    assert set(imported) == {"gpt", "sovits"}
    sovits = imported["sovits"]
    assert sovits["sha256"] == hashlib.sha256(files[0].read_bytes()).hexdigest()
    assert {name: sovits[name] for name in ("file", "head", "info", "family", "dtype")} == {
        "file": "anna_e8_s400.pth",
        "head": "05",
        "info": "8epoch_400iteration",
        "family": "v2Pro",
        "dtype": "float16",
    }
    assert sovits["config"] == made.sovits("v2Pro").config and imported["gpt"]["config"] == made.GPT_CONFIG
    for file in (voice.directory / "voice.json", voice.directory / "records" / "upstream.json"):
        assert "jane" not in file.read_text()


def test_a_lora_rests_beside_its_untouched_base(store: Store, tmp_path: Path) -> None:
    base = made.write(tmp_path / "s2Gv4.pth", made.sovits("v4"))
    files = write_pair(tmp_path, made.lora())
    vocoder = made.write(tmp_path / "vocoder.pth", made.vocoder())
    voice = import_voice(store, "anna", files, replace(ENGLISH, base=base, vocoder=vocoder)).voice
    imported = voice.description.lineage["imported"]
    assert list(imported) == sorted(imported) == ["gpt", "lora", "sovits", "vocoder"]
    assert imported["lora"]["rank"] == 2 and imported["lora"]["head"] == "04"
    assert (voice.description.family, voice.description.sample_rate) == ("v4", 48000)
    for part, came, kind in (
        ("sovits", made.sovits("v4"), "sovits"),
        ("lora", made.lora(), "lora"),
        ("vocoder", made.vocoder(), "vocoder_v4"),
    ):
        rests = voice.weights(part)
        assert {names.to_ours(kind, name) for name in came.tensors} == set(rests)
        assert all(rests[names.to_ours(kind, name)].tobytes() == v.tobytes() for name, v in came.tensors.items())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_value_that_is_no_number_is_refused_with_its_tensor(
    bad: float, dtype: type, store: Store, tmp_path: Path
) -> None:
    sovits = made.sovits()
    broken = sovits.tensors["enc_p.proj.bias"].astype(dtype)
    broken[-1] = bad
    files = write_pair(tmp_path, replace(sovits, tensors=sovits.tensors | {"enc_p.proj.bias": broken}))
    with pytest.raises(NotFiniteError, match=r"anna_e8_s400\.pth: enc_p\.proj\.bias holds a value that is not finite"):
        import_voice(store, "anna", files, ENGLISH)
    assert store.names() == ()


@given(st.lists(st.floats(width=16), max_size=20), st.booleans())
def test_finiteness_by_bits_is_finiteness(values: list[float], turned: bool) -> None:
    tensor = np.array([values, values], np.float16)
    assert all_finite(tensor.T if turned else tensor) == bool(np.isfinite(tensor).all())


def test_nothing_is_left_when_something_fails_late(store: Store, tmp_path: Path) -> None:
    def fail(voice: Voice) -> None:
        raise RuntimeError("no prompt")

    with pytest.raises(RuntimeError):
        import_voice(store, "anna", write_pair(tmp_path), ENGLISH, finish=fail)
    assert store.names() == () and list(store.voices_directory.iterdir()) == []


def test_the_players_graphs_are_written_if_asked_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How they are made has its own tests; a tiny voice has not the sizes that its dims say."""
    monkeypatch.setattr(importing, "write_exports", lambda voice: voice.exports_directory.mkdir())
    voice = import_voice(store, "anna", write_pair(tmp_path), replace(ENGLISH, exports=True)).voice
    assert voice.exports_directory.is_dir()
    vocoder = made.write(tmp_path / "vocoder.pth", made.vocoder())
    with pytest.raises(NoPlayerError, match="a v4 voice runs on torch alone"):
        import_voice(store, "bert", [*write_pair(tmp_path, made.sovits("v4")), vocoder], replace(ENGLISH, exports=True))


def test_a_full_disk_is_told_as_what_it_is(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, path: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(importing, "save_file", full)
    with pytest.raises(OSError, match="No space left on device") as refusal:
        import_voice(store, "anna", write_pair(tmp_path), ENGLISH)
    assert refusal.value.errno == 28 and store.names() == ()


def test_a_name_that_is_taken_is_refused_before_anything_is_read(store: Store, tmp_path: Path) -> None:
    files = write_pair(tmp_path)
    import_voice(store, "anna", files, ENGLISH)
    with pytest.raises(VoiceExistsError):
        import_voice(store, "anna", [tmp_path / "nothing.pth"], ENGLISH)


def test_a_value_that_was_damaged_on_the_way_is_refused(store: Store, tmp_path: Path) -> None:
    files = write_pair(tmp_path)
    content = bytearray(files[1].read_bytes())
    content[content.index(made.gpt().tensors["model.ar_predict_layer.weight"].tobytes())] ^= 1
    files[1].write_bytes(content)
    with pytest.raises(UnfitFileError, match=r"anna-e15\.ckpt: data/.* is damaged"):
        import_voice(store, "anna", files, ENGLISH)


def test_languages_are_those_of_the_phoneme_table(store: Store, tmp_path: Path) -> None:
    files = write_pair(tmp_path, made.sovits("v1"), made.gpt(512))
    with pytest.raises(LanguageUnreadableError, match="a v1 voice has no phonemes for 'ko'") as refusal:
        import_voice(store, "anna", files, ImportOptions(languages=("en", "ko")))
    assert refusal.value.others == ("en",)
    assert import_voice(store, "anna", files).voice.description.languages == ("en", "zh", "ja")


def test_a_language_that_cannot_be_read_here_is_told_with_what_is_left(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(language: str) -> dict[str, str]:
        if language == "zh":
            raise importing.RuntimeMissingError("reading 'zh' needs the package x: pip install x")
        return {}

    monkeypatch.setattr(importing, "check_packages", check)
    monkeypatch.setattr(importing, "write_data", lambda directory, *rest: directory.mkdir())
    files = write_pair(tmp_path)
    for options in (ImportOptions(languages=("en", "zh")), ImportOptions(spoken="all_zh")):
        with pytest.raises(LanguageUnreadableError, match="needs the package x") as refusal:
            import_voice(store, "anna", files, options)
        assert refusal.value.others[0] == "en"
    imported = import_voice(store, "anna", files)  # nobody asked for Chinese: it is left out, and that is said
    assert "zh" not in imported.voice.description.languages and "en" in imported.voice.description.languages
    assert imported.unreadable == {"zh": "reading 'zh' needs the package x: pip install x"}


HOSTILE = {
    "NaN": {"train": {"eps": float("nan")}},
    "infinity": {"train": {"lr": [1.0, float("inf")]}},
    "half a character": {"name": "anna\ud800"},
    "half a character as a key": {"data": {"\udc80": 1}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_configuration_that_no_text_can_hold_is_refused(name: str, store: Store, tmp_path: Path) -> None:
    files = write_pair(tmp_path, replace(made.sovits(), config=HOSTILE[name]))
    with pytest.raises(UnfitFileError, match=r"anna_e8_s400\.pth: its configuration holds what no text can"):
        import_voice(store, "anna", files, ENGLISH)
    assert store.names() == ()


def test_odd_values_of_a_configuration_are_kept_as_they_are(store: Store, tmp_path: Path) -> None:
    odd = {"a": 10**40, "b": -(2**63), "c": [[], [[]], {}], "d": "声\0\n", "z": 5e-324, "": None, "y": {"x": 1, "a": 2}}
    voice = import_voice(store, "anna", write_pair(tmp_path, replace(made.sovits(), config=odd)), ENGLISH).voice
    record = json.loads((voice.directory / "records" / importing.RECORD).read_bytes())["sovits"]
    assert record["config"] == odd == voice.description.lineage["imported"]["sovits"]["config"]
    assert list(record["config"]) == list(odd) and list(record["config"]["y"]) == ["x", "a"]
    assert record["tensors"] == list(made.sovits().tensors)


def test_a_configuration_as_deep_as_the_reader_allows_is_kept(store: Store, tmp_path: Path) -> None:
    deep: dict[str, object] = {"end": 1}
    for _ in range(13):
        deep = {"in": deep}
    voice = import_voice(store, "anna", write_pair(tmp_path, replace(made.sovits(), config=deep)), ENGLISH).voice
    assert Voice.open(voice.directory).description.lineage["imported"]["sovits"]["config"] == deep


@pytest.mark.parametrize("heads", [None, 3, 0, -2, "2", 2.0, 10**30, True])
def test_heads_that_cannot_be_right_are_refused_with_the_file(heads: object, store: Store, tmp_path: Path) -> None:
    gpt = replace(made.gpt(), config={"model": {"head": heads}})
    with pytest.raises(UnfitFileError, match=r"anna-e15\.ckpt: its configuration gives .* attention heads"):
        import_voice(store, "anna", write_pair(tmp_path, gpt=gpt), ENGLISH)


def test_a_file_whose_name_is_no_text_is_imported(store: Store, tmp_path: Path) -> None:
    files = write_pair(tmp_path)
    odd = tmp_path / "anna\udce9.pth"
    try:
        files[0].rename(odd)
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    voice = import_voice(store, "anna", [odd, files[1]], ENGLISH).voice
    assert voice.description.lineage["imported"]["sovits"]["file"] == "anna\N{REPLACEMENT CHARACTER}.pth"


def test_directories_are_cut_from_the_configuration_unless_they_are_to_stay(store: Store, tmp_path: Path) -> None:
    config = {"data": {"exp_dir": "/home/jane doe/GPT-SoVITS/logs/anna"}, "s2_ckpt_dir": "logs/anna"}
    files = write_pair(tmp_path, replace(made.sovits(), config=config))
    imported = import_voice(store, "anna", files, ENGLISH)
    assert imported.shortened == {"sovits": ("data.exp_dir",)}
    assert "jane" not in (imported.voice.directory / "voice.json").read_text()
    kept = import_voice(store, "bert", files, replace(ENGLISH, keep_directories=True))
    assert kept.shortened == {}
    assert kept.voice.description.lineage["imported"]["sovits"]["config"] == config


def test_the_same_files_make_the_same_voice(store: Store, tmp_path: Path) -> None:
    files = write_pair(tmp_path)
    first = import_voice(store, "anna", files, ENGLISH).voice
    second = import_voice(Store(tmp_path / "other"), "anna", files[::-1], ENGLISH).voice
    contents = [
        {path.relative_to(voice.directory): path.read_bytes() for path in voice.directory.rglob("*") if path.is_file()}
        for voice in (first, second)
    ]
    assert contents[0] == contents[1]


def test_parametrized_norms_become_the_voice_that_the_hooks_become(store: Store, tmp_path: Path) -> None:
    hooks, sound = write_pair(tmp_path / "old")
    checkpoint = made.sovits()
    renamed = norms.to_parametrized(checkpoint.tensors)
    assert list(renamed) != list(checkpoint.tensors)
    weights = OrderedDict((name, torch.from_numpy(value)) for name, value in renamed.items())
    content = crafted.saved({"weight": weights, "config": crafted.hparams(checkpoint.config), "info": checkpoint.info})
    (tmp_path / "new.pth").write_bytes(content)
    assert look(tmp_path / "new.pth").told == look(hooks).told
    old = import_voice(store, "old", [hooks, sound], ENGLISH).voice
    new = import_voice(store, "new", [tmp_path / "new.pth", sound], ENGLISH).voice
    assert new.weights_file("sovits").read_bytes() == old.weights_file("sovits").read_bytes()


def test_bfloat16_rests_as_the_float32_that_it_is(store: Store, tmp_path: Path) -> None:
    pth, _ = write_pair(tmp_path / "files")
    gpt = made.gpt()
    values = {name: torch.from_numpy(value.astype(np.float32)).bfloat16() for name, value in gpt.tensors.items()}
    (tmp_path / "b.ckpt").write_bytes(crafted.saved({"weight": OrderedDict(values), "config": gpt.config, "info": ""}))
    voice = import_voice(store, "anna", [pth, tmp_path / "b.ckpt"], ENGLISH).voice
    facts = voice.description.lineage["imported"]["gpt"]  # type: ignore[index]
    assert (facts["dtype"], facts["widened"]) == ("float32", "bfloat16")
    kept = {names.to_upstream("gpt", name): value for name, value in voice.weights("gpt").items()}
    assert all(np.array_equal(kept[name], value.float().numpy()) for name, value in values.items())
