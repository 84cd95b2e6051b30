"""The tiny bundles of a release: python -m tests.release_voice compat_tests/voices/RELEASE, once, and never again.

Made through the command line, as a person makes them: a tiny voice with both exports, archived to a post-quantum key
and signed, and a delta since it. Its dictionary and the network for unknown words are cut to what its sentence needs,
so that the files stay small for ever. compat_tests/test_releases.py opens them with whatever code there is by then.

    ada.voice  ada-later.voice (since ada.voice)  key.txt  maker.pub  expected.json
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from safetensors.numpy import load_file, save, save_file

from core_model.golden import record_golden
from core_model.synthesis import TorchRuntime
from lifecycle import __version__
from lifecycle.cli import main as lifecycle
from tests.tiny_voice import NOW, make_tiny_voice

TEXT = "Seven grey whales swam past."
WIDTH = 4  # of the network for unknown words


def make(directory: Path) -> None:
    """Write the files of a release into *directory*, which must not exist."""
    directory.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        voice = make_tiny_voice(home / "voices" / "ada", quantizer=True, golden=False)
        shrink_text(voice.text_directory)
        record_golden(voice, TorchRuntime(voice, threads=1), now=NOW, machine={}, texts={"en": (TEXT,)})
        key = directory / "key.txt"
        recipient = answer("keygen", "-o", key)["recipient"]
        archive = ("archive", "ada", "--home", home, "--to", recipient)
        base = answer(*archive, "-o", directory / "ada.voice")
        weights = voice.weights("sovits")
        largest = max((name for name in weights if name.startswith("posterior")), key=lambda name: weights[name].size)
        weights[largest] = weights[largest] + weights[largest].dtype.type(0.5)  # what speech does not need
        (voice.directory / "weights" / "sovits.safetensors").write_bytes(save(weights))
        since = ("--since", directory / "ada.voice", "-i", key)
        later = answer(*archive, *since, "-o", directory / "ada-later.voice")
        (directory / "maker.pub").write_bytes((home / "keys" / "signing.pub").read_bytes())
    expected = {
        "release": __version__,
        "bundle_id": base["bundle_id"],
        "delta_id": later["bundle_id"],
        "whole_id": later["full_id"],
        "signed_by": base["signed_by"],
    }
    (directory / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


def shrink_text(directory: Path) -> None:
    """Leave the words of TEXT in the dictionary, and a network of a few neurons for all others."""
    words = set(re.findall("[a-z]+", TEXT.lower()))
    dictionary = directory / "en.cmudict.dict"
    kept = [line for line in dictionary.read_text().splitlines() if re.split(r"[( ]", line)[0] in words]
    dictionary.write_text("\n".join(kept) + "\n")
    rng = np.random.default_rng(0)
    network = directory / "en.unknown_words.safetensors"
    tensors = load_file(network)
    width = tensors["encoder.hidden_weight"].shape[1]
    shapes = {name: tuple(_shrunk(size, width) for size in tensor.shape) for name, tensor in tensors.items()}
    save_file({name: rng.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()}, network)
    index = json.loads((directory / "index.json").read_text())
    for path in (dictionary, network):
        content = path.read_bytes()
        index["files"][path.name] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (directory / "index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")


def answer(*words: object) -> dict[str, Any]:
    """What a verb says with --json; it must end with yes."""
    result = CliRunner().invoke(lifecycle, [*map(str, words), "--json"])
    if result.exit_code != 0:
        raise RuntimeError(result.output)
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def _shrunk(size: int, width: int) -> int:
    return {width: WIDTH, 3 * width: 3 * WIDTH}.get(size, size)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
