"""Which file is which half: by content alone, and each wrong set of files is refused by its own name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import UnsafePickleError
from core_model.upstream import shapes
from lifecycle.checkpoint_files import find_parts, look
from lifecycle.errors import (
    BaseFileError,
    ImportingError,
    MissingHalfError,
    PairError,
    SeveralVoicesError,
    StockFileError,
    TrainingStateError,
    UnfitFileError,
    VocoderMissingError,
)
from tests.core_model.upstream import crafted
from tests.lifecycle import upstream_files as made
from tests.lifecycle.upstream_files import small_shapes  # noqa: F401

pytestmark = pytest.mark.usefixtures("small_shapes")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A v2 voice, its endings exchanged: they mean nothing."""
    return made.write(tmp_path / "a.ckpt", made.sovits()), made.write(tmp_path / "b.pth", made.gpt())


def test_the_order_of_the_files_and_their_endings_mean_nothing(pair: tuple[Path, Path]) -> None:
    forth, back = find_parts(pair), find_parts(pair[::-1])
    assert forth == back
    assert (forth.sovits.path, forth.gpt.path, forth.lora, forth.vocoder) == (*pair, None, None)
    assert (forth.family, forth.sovits.told, forth.gpt.told) == ("v2", "a SoVITS v2", "a GPT (other)")


def test_a_directory_stands_for_the_checkpoints_in_it(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    assert find_parts([tmp_path]) == find_parts(pair)
    assert find_parts([tmp_path, pair[0]]) == find_parts(pair)  # named twice, there once


@pytest.mark.parametrize("family", ["v2", "v2Pro", "v2ProPlus", "v3", "v4"])
def test_every_family_of_732_phonemes_takes_any_gpt_of_732(family: str, tmp_path: Path) -> None:
    files = [made.write(tmp_path / "s.pth", made.sovits(family)), made.write(tmp_path / "g.ckpt", made.gpt())]
    if family in ("v3", "v4"):
        files.append(made.write(tmp_path / "vocoder.pth", made.vocoder(family)))
    assert find_parts(files).family == family


def test_v1_takes_the_gpt_of_v1_and_no_other(tmp_path: Path) -> None:
    sovits = made.write(tmp_path / "s.pth", made.sovits("v1"))
    old, new = made.write(tmp_path / "old.ckpt", made.gpt(512)), made.write(tmp_path / "new.ckpt", made.gpt())
    assert find_parts([sovits, old]).family == "v1"
    with pytest.raises(PairError, match=r"s\.pth is a SoVITS v1 .* 512 phonemes; new\.ckpt has 732"):
        find_parts([sovits, new])
    with pytest.raises(PairError, match=r"a SoVITS v2 .* 732 phonemes; old\.ckpt has 512"):
        find_parts([made.write(tmp_path / "v2.pth", made.sovits()), old])


def test_a_gpt_that_means_other_tokens_is_no_pair(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = replace(made.gpt(), tensors=crafted.arrays(shapes.gpt(732, 513, 8, 1, 4)))
    with pytest.raises(PairError, match=r"a GPT of 1025 semantic tokens; other\.ckpt has 513"):
        find_parts([pair[0], made.write(tmp_path / "other.ckpt", other)])


def test_what_is_neither_file_nor_directory_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(UnfitFileError, match=r"pipe\.pth: it is neither"):
        find_parts([tmp_path / "pipe.pth", pair[1]])


def test_a_missing_half_is_named(pair: tuple[Path, Path]) -> None:
    with pytest.raises(MissingHalfError, match=r"the GPT is missing: a\.ckpt is a SoVITS v2"):
        find_parts(pair[:1])
    with pytest.raises(MissingHalfError, match=r"the SoVITS is missing: b\.pth is a GPT"):
        find_parts(pair[1:])


def test_several_voices_at_once_are_refused_with_their_names(pair: tuple[Path, Path], tmp_path: Path) -> None:
    second = made.write(tmp_path / "second.pth", made.sovits("v2Pro"))
    with pytest.raises(SeveralVoicesError, match=r"there are 2: a\.ckpt \(a SoVITS v2\), second\.pth \(a SoVITS v2Pro"):
        find_parts([*pair, second])
    with pytest.raises(SeveralVoicesError, match="one voice has one GPT"):
        find_parts([*pair, made.write(tmp_path / "third.ckpt", made.gpt())])


def test_an_empty_directory_is_no_voice(tmp_path: Path) -> None:
    with pytest.raises(UnfitFileError, match=r"holds no \.pth or \.ckpt"):
        find_parts([tmp_path])


TRAINING: dict[str, Callable[[Path], Path]] = {
    "G of v2": lambda path: made.training_state(path, made.sovits(posterior=True).tensors),
    "D of v2": lambda path: made.training_state(
        path, made.small(shapes.discriminator(shapes.DISCRIMINATORS["v1v2"]), np.float32)
    ),
}


@pytest.mark.parametrize("name", TRAINING)
def test_the_files_of_a_training_are_no_voice(name: str, pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(TrainingStateError, match=r"G_233333333333\.pth is the state of a training"):
        find_parts([TRAINING[name](tmp_path / "G_233333333333.pth"), pair[1]])


def test_a_stock_file_is_refused_unless_it_is_wanted(pair: tuple[Path, Path], tmp_path: Path) -> None:
    stock = made.write(tmp_path / "s.pth", made.sovits(posterior=True))
    with pytest.raises(
        StockFileError, match=r"s\.pth is a SoVITS v2 that training starts from, nobody's voice: .*enc_q"
    ):
        find_parts([stock, pair[1]])
    assert find_parts([stock, pair[1]], accept_stock=True).sovits.stock


def test_a_lora_takes_the_base_of_its_version(tmp_path: Path) -> None:
    lora, gpt = made.write(tmp_path / "l.pth", made.lora()), made.write(tmp_path / "g.ckpt", made.gpt())
    base = made.write(tmp_path / "s2Gv4.pth", made.sovits("v4"))
    vocoder = made.write(tmp_path / "vocoder.pth", made.vocoder())
    with pytest.raises(BaseFileError, match=r"l\.pth is a LoRA: a voice takes the v4 base file"):
        find_parts([lora, gpt, vocoder])
    for wrong in (made.sovits("v3"), made.sovits("v2")):
        with pytest.raises(BaseFileError, match=r"is a LoRA of v4, and wrong\.pth is a SoVITS v[23]"):
            find_parts([lora, gpt, vocoder], base=made.write(tmp_path / "wrong.pth", wrong))
    with pytest.raises(BaseFileError, match=r"and g\.ckpt is a GPT"):
        find_parts([lora, gpt, vocoder], base=gpt)
    parts = find_parts([lora, gpt, vocoder], base=base)
    assert {name: file.path for name, file in parts.named().items()} == {
        "gpt": gpt,
        "sovits": base,
        "lora": lora,
        "vocoder": vocoder,
    }


def test_a_base_beside_its_lora_needs_no_option(tmp_path: Path) -> None:
    for name, part in (("l", made.lora()), ("b", made.sovits("v4")), ("g", made.gpt()), ("v", made.vocoder())):
        made.write(tmp_path / f"{name}.pth", part)
    parts = find_parts([tmp_path])
    assert parts.lora and (parts.lora.name, parts.sovits.name) == ("l.pth", "b.pth")
    made.write(tmp_path / "b.pth", made.sovits("v2"))
    with pytest.raises(SeveralVoicesError, match="one voice has one SoVITS"):  # another voice, not its base
        find_parts([tmp_path])


def test_a_whole_voice_takes_no_base(pair: tuple[Path, Path]) -> None:
    with pytest.raises(BaseFileError, match="whole: it takes no --base"):
        find_parts(pair, base=pair[0])


@pytest.mark.parametrize("family", ["v3", "v4"])
def test_v3_and_v4_speak_through_a_vocoder(family: str, tmp_path: Path) -> None:
    files = [made.write(tmp_path / "s.pth", made.sovits(family)), made.write(tmp_path / "g.ckpt", made.gpt())]
    right = made.write(tmp_path / "right.pth", made.vocoder(family))
    wrong = made.write(tmp_path / "wrong.pth", made.vocoder("v3" if family == "v4" else "v4"))
    with pytest.raises(VocoderMissingError, match=f"a {family} voice speaks through the {family} vocoder"):
        find_parts(files)
    for parts in (
        find_parts(files, vocoder=right),
        find_parts([right, *files]),
        find_parts(files, at_hand={family: right}),
        find_parts(files, vocoder=right, at_hand={family: wrong}),
    ):
        assert parts.vocoder and parts.vocoder.path == right
    with pytest.raises(UnfitFileError, match=r"wrong\.pth: it is the vocoder of"):
        find_parts(files, vocoder=wrong)
    with pytest.raises(UnfitFileError, match=r"g\.ckpt: it is a GPT \(other\), and the voice takes the vocoder"):
        find_parts(files, vocoder=files[1])


def test_other_voices_take_no_vocoder(pair: tuple[Path, Path], tmp_path: Path) -> None:
    vocoder = made.write(tmp_path / "vocoder.pth", made.vocoder())
    for call in (lambda: find_parts([*pair, vocoder]), lambda: find_parts(pair, vocoder=vocoder)):
        with pytest.raises(UnfitFileError, match="a v2 voice takes no vocoder"):
            call()


def test_a_file_that_is_no_checkpoint_is_refused_by_its_name(pair: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "voice.pth"
    page.write_text("<html>404</html>")
    with pytest.raises(UnfitFileError, match=r"voice\.pth: it is no checkpoint") as refusal:
        find_parts([page, pair[1]])
    assert str(tmp_path) not in str(refusal.value)


def test_a_pickle_that_would_run_something_is_unsafe(pair: tuple[Path, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(crafted.with_pickle(crafted.hostile(tmp_path)["os.system, protocol 2"]))
    with pytest.raises(UnsafePickleError, match=r"^bad\.pth: the pickle asks for .*system"):
        find_parts([bad, pair[1]])
    assert not (tmp_path / "ran").exists()


def test_every_refusal_of_a_file_is_an_importing_error() -> None:
    for kind in (UnfitFileError, StockFileError, PairError, VocoderMissingError, TrainingStateError):
        assert issubclass(kind, ImportingError)


def test_looking_reads_no_values(tmp_path: Path) -> None:
    """A damaged value is not seen yet: looking at fifty files must cost next to nothing."""
    content = bytearray(made.content(made.gpt()))
    place = content.index(made.gpt().tensors["model.ar_predict_layer.weight"].tobytes())
    content[place] ^= 1
    (tmp_path / "g.ckpt").write_bytes(content)
    assert look(tmp_path / "g.ckpt").kind == "gpt"


def test_an_older_voice_need_not_say_its_version(pair: tuple[Path, Path], tmp_path: Path) -> None:
    old = made.write(tmp_path / "old.pth", replace(made.sovits("v2"), config={"model": {}}))
    assert find_parts([old, pair[1]]).family == "v2"
