"""One small file for each kind of thing that people have: the doctor's patients."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from core_model.upstream import companion_shapes, flow_shapes, shapes
from tests.core_model.upstream import crafted
from tests.core_model.upstream.crafted import hparams, saved, tiny_gpt

SOVITS_CONFIG = {"model": {"version": "v2"}, "train": {"lr": 1e-4}}


def tensors(values: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in values.items()}


def views(named: dict[str, tuple[int, ...]], dtype: torch.dtype = torch.float16) -> dict[str, torch.Tensor]:
    """Tensors of these shapes that share one storage: a file of a voice's shapes, of a hundredth of its size."""
    values = torch.ones(max(math.prod(shape) for shape in named.values()), dtype=dtype)
    return {name: values[: math.prod(shape)].view(shape) for name, shape in named.items()}


def network(*names: str) -> dict[str, torch.Tensor]:
    """Small tensors under these names."""
    return {name: torch.ones(2, 3) for name in names}


def voice(family: str = "v2", head: bytes = b"PK", *, posterior: bool = False) -> bytes:
    values = views(shapes.sovits(shapes.SOVITS[family], posterior=posterior))
    return saved(OrderedDict(weight=values, config=hparams(SOVITS_CONFIG), info="8epoch_400iteration"), head)


def lora(head: bytes = b"03") -> bytes:
    values = views(flow_shapes.lora(2))
    return saved(OrderedDict(weight=values, config=hparams(SOVITS_CONFIG), info="x", lora_rank=2), head)


def flow(version: str) -> bytes:
    config = {"model": {"version": version} if version else {}}
    return saved(OrderedDict(weight=views(flow_shapes.flow_matching()), config=hparams(config), info="x"))


def gpt() -> bytes:
    return tiny_gpt()[1]


def training_generator() -> bytes:
    return with_optimizer(views(shapes.sovits(shapes.SOVITS["v2"], posterior=True), torch.float32))


def training_discriminator() -> bytes:
    return with_optimizer(views(shapes.discriminator((2, 3, 5, 7, 11)), torch.float32))


def with_optimizer(values: dict[str, torch.Tensor]) -> bytes:
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]}
    return saved({"model": values, "iteration": 8, "optimizer": optimizer, "learning_rate": 1e-4})


def legacy(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def lightning() -> bytes:
    content = {
        "epoch": 14,
        "pytorch-lightning_version": "2.4",
        "state_dict": OrderedDict(tensors(tiny_gpt()[0])),
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(1.0), "dirpath": "x"}},
        "optimizer_states": [{"state": {0: torch.ones(3)}}],
        "hyper_parameters": {"output_dir": Path("x")},
    }
    return saved(content)


def torchscript() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and people have such files
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def exported() -> bytes:
    """The entries that torch.export.save gives a .pt2."""
    return zipped({"a/archive_format": b"pt2", "a/models/model.json": b"{}", "a/data/weights/weight_0": bytes(8)})


def onnx(producer: str = "pytorch", *, notes: dict[str, str] | None = None, domain: str = "") -> bytes:
    import onnx as format_

    graph = format_.helper.make_graph(
        [format_.helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [format_.helper.make_tensor_value_info("x", 1, [1])],
        [format_.helper.make_tensor_value_info("y", 1, [1])],
    )
    model = format_.helper.make_model(
        graph, producer_name=producer, opset_imports=[format_.helper.make_opsetid(domain, 17)]
    )
    format_.helper.set_model_props(model, notes or {})
    return model.SerializeToString()


def safetensors(values: dict[str, np.ndarray]) -> bytes:
    from safetensors.numpy import save

    return save(values)


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("voice.pth")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"abcd"))
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 155080177\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in \xc2\xb7 Hub</title></head></html>"
RVC = {"weight": network("enc_p.emb_phone.weight", "dec.x"), "config": [1], "info": "x", "sr": "40k", "f0": 1}
COQUI = {"config": {}, "model": network("waveform_decoder.conv_pre.bias"), "step": 1, "date": "x"}
SO_VITS = {"model": network("emb_uv.weight", "f0_decoder.a"), "iteration": 1}

# name: (the file, kind, safe, words that its evidence or its problems must hold)
FILES: dict[str, tuple[Callable[[], bytes], str, bool | None, tuple[str, ...]]] = {
    "v3": (lambda: flow("v3"), "sovits", True, ("its configuration says v3", "takes it for v1")),
    "v4": (lambda: flow("v4"), "sovits", True, ("its configuration says v4",)),
    "v3 or v4": (lambda: flow(""), "sovits", True, ("nothing in the file says which",)),
    "the v3 vocoder": (
        lambda: saved({"generator": views(companion_shapes.vocoder_v3(weight_norm=True))}),
        "vocoder",
        True,
        ("BigVGAN",),
    ),
    "the speaker-vector network": (
        lambda: saved(views(companion_shapes.speaker_vector())),
        "speaker_vector",
        True,
        ("ERes2NetV2",),
    ),
    "the training G of a LoRA": (
        lambda: with_optimizer(views(flow_shapes.lora_training(2))),
        "training_generator",
        True,
        ("rank 2", "with the base"),
    ),
    "v1": (lambda: voice("v1"), "sovits", True, ("322 rows", "size mismatch")),
    "v2": (lambda: voice("v2"), "sovits", True, ("732 rows", "utils.HParams", "No module named 'utils'")),
    "v2Pro": (lambda: voice("v2Pro", b"05"), "sovits", True, ("'05'", "operand 48", "stack underflow")),
    "v2ProPlus": (lambda: voice("v2ProPlus", b"06"), "sovits", True, ("768 wide",)),
    "a v3 LoRA": (lora, "lora", True, ("rank 2", "head 03")),
    "a v4 LoRA": (lambda: lora(b"04"), "lora", True, ("rank 2", "head 04")),
    "a GPT": (gpt, "gpt", True, ("1 layers of width 4",)),
    "a base file": (lambda: voice("v2", posterior=True), "base", True, ("posterior encoder",)),
    "a base discriminator": (
        lambda: saved({"weight": views(shapes.discriminator((2, 3, 5, 7, 11)))}),
        "base_discriminator",
        True,
        ("without an optimizer",),
    ),
    "a training D": (
        training_discriminator,
        "training_discriminator",
        True,
        ("training state", "float32"),
    ),
    "a training G": (
        training_generator,
        "training_generator",
        True,
        ("training state",),
    ),
    "a Lightning state": (lightning, "lightning", True, ("pytorch-lightning_version", "1 layers of width 4")),
    "the v4 vocoder": (
        lambda: saved(views(companion_shapes.vocoder_v4(weight_norm=False))),
        "vocoder",
        True,
        ("HiFi-GAN",),
    ),
    "the old form of torch": (lambda: legacy({"weight": network("a.b")}), "torch", True, ("before 1.6",)),
    "a GPT in the old form": (
        lambda: legacy(OrderedDict(weight=tensors(tiny_gpt()[0]), config=crafted.CONFIG, info="x")),
        "gpt",
        True,
        ("before 1.6", "1 layers"),
    ),
    "the old form, cut": (lambda: legacy({"w": torch.ones(99)})[:-50], "truncated", True, ("50 bytes are missing",)),
    "the old form, cut in its pickles": (
        lambda: legacy({"w": torch.ones(99)})[:200],
        "truncated",
        None,
        ("before 1.6",),
    ),
    "other tensors": (lambda: saved({"a": torch.ones(2)}), "torch", True, ("1 tensors", "'a'")),
    "a GPT that lacks a tensor": (
        lambda: saved({"weight": tensors({n: v for n, v in tiny_gpt()[0].items() if "norm1.bias" not in n})}),
        "torch",
        True,
        ("not whole, or changed", "norm1.bias is missing"),
    ),
    "a voice behind another's head": (
        lambda: voice("v2", b"06"),
        "torch",
        True,
        ("its head 06 says sovits v2ProPlus",),
    ),
    "no tensors": (lambda: saved({"a": 1}), "torch", True, ("no tensors",)),
    "a whole module": (lambda: saved(torch.nn.Linear(2, 2)), "torch", False, ("torch.nn.modules.linear.Linear",)),
    "TorchScript": (torchscript, "torchscript", None, ("program",)),
    "a pt2": (exported, "pt2", None, ("program",)),
    "ONNX": (onnx, "onnx", True, ("pytorch",)),
    "ONNX of Piper": (lambda: onnx(notes={"comment": "piper"}), "piper", True, ("Piper",)),
    "ONNX with foreign operators": (lambda: onnx(domain="evil.ops"), "onnx", None, ("evil.ops",)),
    "ONNX, cut": (lambda: onnx()[:-20], "truncated", None, ("ONNX",)),
    "the configuration of Piper": (
        lambda: json.dumps({"phoneme_id_map": {}, "audio": {}}).encode(),
        "piper",
        True,
        ("Piper",),
    ),
    "safetensors": (lambda: safetensors({"a": np.ones(3)}), "safetensors", True, ("1 tensors",)),
    "a GPT in safetensors": (lambda: safetensors(tiny_gpt()[0]), "safetensors", True, ("somebody put",)),
    "safetensors, cut": (lambda: safetensors({"a": np.ones(99)})[:-9], "truncated", None, ("9 bytes",)),
    "RVC": (lambda: saved(RVC), "rvc", True, ("RVC",)),
    "so-vits-svc": (lambda: saved(SO_VITS), "so-vits-svc", True, ("so-vits-svc",)),
    "Coqui": (lambda: saved(COQUI), "coqui", True, ("Coqui",)),
    "VITS": (lambda: saved({"model": network("enc_p.emb.weight")}), "vits", True, ("VITS",)),
    "HuBERT": (
        lambda: saved(network("feature_extractor.conv_layers.0.conv.weight")),
        "hubert",
        True,
        ("HuBERT",),
    ),
    "RoBERTa": (lambda: saved(network("bert.embeddings.word_embeddings.weight")), "roberta", True, ("BERT",)),
    "a web page": (lambda: PAGE, "html", None, ("operand 60", "Sign in · Hub")),
    "an error in JSON": (lambda: b'{"error": "Repository not found"}', "html", None, ("operand 123",)),
    "a pointer": (lambda: POINTER, "lfs_pointer", None, ("operand 118", "155080177 bytes")),
    "nothing": (lambda: b"", "empty", None, ("Ran out of input",)),
    "a download that broke off": (lambda: voice()[:90_000], "truncated", None, ("central directory",)),
    "one behind a head that broke off": (lambda: voice("v2Pro", b"05")[:900_000], "truncated", None, ("678 tensors",)),
    "a zip in a zip": (lambda: zipped({"voice.ckpt": gpt()}), "zip", True, ("voice.ckpt", "unpack it")),
    "a zip in a zip, compressed": (
        lambda: zipped({"a/voice.ckpt": gpt()}, zipfile.ZIP_DEFLATED),
        "zip",
        True,
        ("a GPT with 1 layers",),
    ),
    "an empty zip": (lambda: zipped({}), "zip", None, ("nothing is in it",)),
    "a zip of texts": (lambda: zipped({"a.txt": b"x"}), "zip", None, ("nothing in it could be scanned",)),
    "npz": (lambda: zipped({"a.npy": npy(np.ones(3))}), "numpy", None, ("NumPy",)),
    "npy": (lambda: npy(np.ones(3)), "numpy", True, ("NumPy",)),
    "npy of objects": (lambda: npy(np.array([print], object)), "numpy", None, ("pickles",)),
    "tar": (tarred, "archive", None, ("voice.pth",)),
    "gzip": (lambda: b"\x1f\x8b" + bytes(90), "archive", None, ("gzip",)),
    "zeros": (lambda: bytes(4096), "zeros", None, ("zero",)),
    "WAV": (lambda: b"RIFF\0\0\0\0WAVEfmt ", "recording", True, ("WAV",)),
    "plain text": (lambda: "Grüße an alle.\n".encode(), "text", None, ("plain text",)),
    "noise": (lambda: bytes(range(128, 256)) * 8, "unknown", None, ("80 81",)),
    "a pickle": (lambda: pickle.dumps({"a": [1, 2.5, None]}, 4), "pickle", True, ("pickle",)),
    "a pickle of text": (lambda: pickle.dumps({"a": [1, 2]}, 0), "pickle", True, ("pickle",)),
    "a half pickle": (lambda: pickle.dumps(list(range(999)))[:-9], "pickle", None, ("not enough data",)),
}


def malicious(protocol: int = 2, function: Callable = os.system, argument: str = "touch ran") -> bytes:
    return pickle.dumps({"weight": crafted.Call(function, argument)}, protocol)


def poisoned(file: bytes) -> bytes:
    """A real voice whose configuration is a call; everything else is as it was."""
    call = crafted.program(b"cos\nsystem\n", crafted.text("touch ran"), b"\x85R")[2:-1]
    return crafted.rezipped(file, lambda name, data: (name, _put_in(data, call) if name.endswith("data.pkl") else data))


def _put_in(data: bytes, call: bytes) -> bytes:
    """The pickle *data* with *call* executed, and its result dropped, before it ends."""
    return data[:-1] + call + b"0."


PAYLOADS: dict[str, Callable[[], bytes]] = {
    **{f"behind the head 0{n}": (lambda n=n: b"0%d" % n + crafted.with_pickle(malicious())[2:]) for n in range(7)},
    "behind a head that nobody writes": lambda: b"99" + crafted.with_pickle(malicious())[2:],
    "in a zip of torch": lambda: crafted.with_pickle(malicious()),
    "compressed": lambda: zipped({"archive/data.pkl": malicious()}, zipfile.ZIP_DEFLATED),
    "in a voice that is else whole": lambda: poisoned(gpt()),
    "in a voice of v2 that is else whole": lambda: poisoned(voice()),
    "in the old form": lambda: legacy({"weight": crafted.Call(os.system, "touch ran")}),
    "before the old form": lambda: malicious() + legacy({"a": 1}),
    "in the keys of the old form": lambda: legacy({"a": 1})[:-4] + malicious(),
    "in another pickle beside": lambda: zipped({"a/data.pkl": pickle.dumps({}, 2), "a/more/evil.pkl": malicious()}),
    "in a pickle of no name": lambda: zipped({"a/data.pkl": pickle.dumps({}, 2), "a/version": malicious()}),
    "in a zip in a zip": lambda: zipped({"a/voice.pth": crafted.with_pickle(malicious())}, zipfile.ZIP_DEFLATED),
    "behind a head in a zip": lambda: zipped({"voice.pth": b"06" + crafted.with_pickle(malicious())[2:]}),
    "in a zip in a zip in a zip": lambda: zipped({"b.zip": zipped({"a.pth": crafted.with_pickle(malicious())})}),
    "alone": malicious,
    "alone behind a head": lambda: b"05" + malicious(),
    "alone in protocol 0": lambda: malicious(0),
    "in protocol 0, without an end": lambda: malicious(0)[:-1],
    "behind another pickle": lambda: pickle.dumps({}, 2) + malicious(),
    "in a zip behind a web page": lambda: PAGE + crafted.with_pickle(malicious()),
    "in a zip behind a pickle": lambda: pickle.dumps({}, 2) + crafted.with_pickle(malicious()),
    "in a download that broke off": lambda: crafted.with_pickle(malicious(), {"0": bytes(9999)})[:5000],
    "in TorchScript": lambda: zipped({"a/data.pkl": malicious(), "a/constants.pkl": b"\x80\x02).", "a/code/x.py": b""}),
    "in an exported program": lambda: zipped(
        {"a/archive_format": b"pt2", "a/data/sample_inputs/model.pt": malicious()}
    ),
    "in npz": lambda: zipped({"a.npy": malicious()}),
}
