"""The messages are the ones torch gives, and each is explained by the file that makes torch give it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest
import torch

from core_model.upstream import messages
from core_model.upstream.messages import Message, explain
from tests.core_model.upstream import crafted, crafted_files


def voice_of(head: bytes) -> bytes:
    return crafted.saved({"weight": {"x": torch.zeros(2)}, "config": crafted.hparams({"a": 1}), "info": ""}, head)


GIVEN: dict[str, tuple[Callable[[], bytes], bool, Message]] = {
    "a head, weights only": (lambda: voice_of(b"05"), True, messages.HEAD),
    "a head": (lambda: voice_of(b"05"), False, messages.UNDERFLOW),
    "a web page, weights only": (lambda: crafted_files.PAGE, True, messages.PAGE),
    "a web page": (lambda: crafted_files.PAGE, False, messages.PAGE),
    "a pointer, weights only": (lambda: crafted_files.POINTER, True, messages.POINTER),
    "a pointer": (lambda: crafted_files.POINTER, False, messages.POINTER),
    "a voice, weights only": (lambda: voice_of(b"PK"), True, messages.HPARAMS),
    "a voice": (lambda: voice_of(b"PK"), False, messages.UTILS),
    "a file that was cut": (lambda: voice_of(b"PK")[:-60], False, messages.CUT),
    "the old form, cut": (lambda: crafted_files.legacy({"w": torch.ones(99)})[:-50], False, messages.CUT),
    "an empty file": (lambda: b"", False, messages.EMPTY),
    "a zip in a zip": (lambda: crafted_files.zipped({"voice.pth": voice_of(b"PK")}), False, messages.ZIPPED),
    "a zip in a zip, in a folder": (lambda: crafted_files.zipped({"a/v.pth": voice_of(b"PK")}), False, messages.ZIPPED),
}


@pytest.mark.parametrize("name", GIVEN)
def test_what_torch_says_is_explained(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, weights_only, message = GIVEN[name]
    content = make()
    monkeypatch.delitem(sys.modules, "utils", raising=False)
    with pytest.raises(Exception) as failure:
        torch.load(io.BytesIO(content), weights_only=weights_only)
    said = f"{type(failure.value).__name__}: {failure.value}"
    assert explain(said) is message, said


OTHERS = {
    "AttributeError: Can't get attribute 'HParams' on <module 'utils' from 'x.py'>": messages.UTILS,
    "Unsupported operand 48": messages.HEAD,
    "size mismatch for enc_p.text_embedding.weight: copying a param with shape torch.Size([732, 192]) from"
    " checkpoint, the shape in current model is torch.Size([322, 192]).": messages.SIZES,
    "size mismatch [732, 192] vs [322, 192]": messages.SIZES,
    "RuntimeError: size mismatch, torch.Size([322,192]) vs torch.Size([732,192])": messages.SIZES,
    "Unsupported global: GLOBAL os.system was not an allowed global by default": messages._OTHER_GLOBAL,
}


@pytest.mark.parametrize("said", OTHERS)
def test_other_forms_of_the_messages(said: str) -> None:
    assert explain(said) is OTHERS[said]
    assert explain(f"Traceback:\n  ...\n{said}\n") is OTHERS[said]


def test_another_first_byte_is_told() -> None:
    for said in ("Unsupported operand 123", "invalid load key, '{'.", "invalid load key, '\\x7b'."):
        found = explain(said)
        assert found is not None
        assert "'{', byte 123" in found.sentence


def test_what_is_not_known_is_not_explained() -> None:
    for said in ("", "CUDA out of memory", "Unsupported operand", "x" * 100_000):
        assert explain(said) is None
