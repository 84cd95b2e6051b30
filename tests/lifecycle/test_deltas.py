"""Deltas and narrowed weights, through the command line: less in the file, the same voice out of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from safetensors.numpy import load_file, save

from archive.age.keys import parse_identities
from archive.bundle import open_bundle
from tests.lifecycle.calling import answer, call
from tests.tiny_voice import make_tiny_voice


def files_below(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 'ada', and with 'flo', who has no exports and so is archived in no time; a key; both bundles."""
    place = tmp_path_factory.mktemp("deltas")
    make_tiny_voice(place / "home" / "voices" / "flo", flowing=True, golden=False)
    answer("keygen", "-o", place / "key.txt")
    archive(place, "flo")
    return place


def archive(place: Path, name: str, *more: object, out: str = "") -> dict[str, Any]:
    recipient = next(line for line in (place / "key.txt").read_text().splitlines() if "age1" in line).split()[-1]
    words = ("archive", name, "--home", place / "home", "--to", recipient, "-o", place / (out or f"{name}.voice"))
    return answer(*words, *more)


def since(place: Path, name: str) -> tuple[object, ...]:
    return ("--since", place / f"{name}.voice", "-i", place / "key.txt")


def restore(place: Path, bundle: str, home: Path, *more: object) -> Result:
    trust = ("--trust", place / "home" / "keys" / "signing.pub")
    return call("restore", place / bundle, "-i", place / "key.txt", "--home", home, *trust, *more)


def carried(place: Path, bundle: str) -> bytes:
    keys = parse_identities((place / "key.txt").read_text())
    with open_bundle(place / bundle, keys) as opened:
        return opened.read("delta/data")


def copy_of(place: Path, name: str, called: str) -> Path:
    copy = place / "home" / "voices" / called
    shutil.copytree(place / "home" / "voices" / name, copy)
    return copy


def test_a_lora_is_carried_as_its_factors(place: Path, tmp_path: Path) -> None:
    factors = {
        f"{part}.lora_{half}": np.random.default_rng(1).standard_normal((16, 64)) for part in "ab" for half in "AB"
    }
    lora = save(factors)
    (copy_of(place, "flo", "flora") / "weights" / "lora.safetensors").write_bytes(lora)
    told = archive(place, "flora", *since(place, "flo"))
    data = carried(place, "flora.voice")
    assert all(factor.tobytes() in data for factor in factors.values())
    assert len(data) - len(lora) < 2000  # and nothing else of any size
    whole = archive(place, "flora", out="whole.voice")
    assert told["full_id"] == whole["bundle_id"] != told["bundle_id"]
    assert told["size"] < whole["size"] / 3
    seen = answer("inspect", place / "flora.voice", "-i", place / "key.txt", "--home", place / "home")["inside"]
    assert seen["delta"] == {"base": archive(place, "flo", out="flo-again.voice")["bundle_id"], "full": told["full_id"]}

    refused = restore(place, "flora.voice", tmp_path)
    assert refused.exit_code == 1 and "--base" in refused.stderr and refused.stderr.count("\n") <= 3
    (copy_of(place, "flo", "other") / "weights" / "lora.safetensors").write_bytes(save({"x": np.ones(99)}))
    archive(place, "other")
    refused = restore(place, "flora.voice", tmp_path, "--base", place / "other.voice")
    assert refused.exit_code == 1 and "the one that is needed" in refused.stderr
    assert not (tmp_path / "voices" / "flora").exists()

    done = restore(place, "flora.voice", tmp_path, "--base", place / "flo.voice", "--as", "back", "--json")
    assert json.loads(done.stdout)["bundle_id"] == whole["bundle_id"]
    found = files_below(tmp_path / "voices" / "back")
    found.pop("manifest.json")
    assert found == files_below(place / "home" / "voices" / "flora")


def test_the_base_must_open(place: Path) -> None:
    made = call(
        "archive", "flo", "--home", place / "home", "--public", "--since", place / "flo.voice", "-o", place / "n"
    )
    assert made.exit_code == 1 and "key" in made.stderr and not (place / "n").exists()
    assert call("archive", "flo", "--public", "-i", place / "key.txt").exit_code == 2


def test_one_tensor_that_differs_is_all_that_is_carried_in_weights_and_exports(tmp_path: Path) -> None:
    """The whole voice verifies out of the delta, on both runtimes."""
    voice = make_tiny_voice(tmp_path / "home" / "voices" / "ada")
    answer("keygen", "-o", tmp_path / "key.txt")
    archive(tmp_path, "ada")
    weights = voice.weights("sovits")
    name = max((name for name in weights if name.startswith("posterior")), key=lambda name: weights[name].size)
    changed = weights | {name: weights[name] + np.float16(0.5)}  # what training needs and speech does not
    (voice.directory / "weights" / "sovits.safetensors").write_bytes(save(changed))
    told = archive(tmp_path, "ada", *since(tmp_path, "ada"), out="later.voice")
    data = carried(tmp_path, "later.voice")
    assert changed[name].tobytes() in data
    assert len(data) < changed[name].nbytes + 30_000  # heads of the files it is in, and the export's record of it
    trust = ("--trust", tmp_path / "home" / "keys" / "signing.pub")
    words = ("verify", tmp_path / "later.voice", "-i", tmp_path / "key.txt", "--home", tmp_path / "new", *trust)
    found = answer(*words, "--base", tmp_path / "ada.voice")
    assert found["bundle_id"] == told["full_id"]
    for runtime in ("torch", "onnx"):
        layers = {layer["name"]: layer["verdict"] for layer in found["runtimes"][runtime]["layers"]}
        assert layers == dict.fromkeys(("fixity", "text", "tokens", "waveform", "identity"), "passed")


def test_weights_that_fit_a_smaller_type_rest_in_it_and_come_back_as_they_were(place: Path, tmp_path: Path) -> None:
    wide = copy_of(place, "flo", "wide")
    for part in ("gpt", "sovits", "vocoder"):
        path = wide / "weights" / f"{part}.safetensors"
        path.write_bytes(save({name: array.astype(np.float32) for name, array in load_file(path).items()}))
    told = archive(place, "wide", "--rebuild-check")
    keys = parse_identities((place / "key.txt").read_text())
    with open_bundle(place / "wide.voice", keys) as bundle:
        entry = bundle.manifest.entry("weights/gpt.safetensors")
        assert entry.size < (wide / "weights" / "gpt.safetensors").stat().st_size * 0.6
        (tmp_path / "by-hand.safetensors").write_bytes(bundle.read("weights/gpt.safetensors"))
    by_hand, original = load_file(tmp_path / "by-hand.safetensors"), load_file(wide / "weights" / "gpt.safetensors")
    assert all(np.array_equal(by_hand[name], original[name]) for name in original)  # usable without widening

    assert restore(place, "wide.voice", tmp_path, "--as", "wide").exit_code == 0
    found = files_below(tmp_path / "voices" / "wide")
    found.pop("manifest.json")
    assert found == files_below(wide)  # no manifest.dsse.json: it speaks of the narrowed files
    again = answer("archive", "wide", "--home", tmp_path, "--public", "-o", tmp_path / "again.voice")
    assert again["bundle_id"] == told["bundle_id"]
    fixity = json.loads(call("verify", "wide", "--home", tmp_path, "--json").stdout)["runtimes"]["torch"]["layers"][0]
    assert fixity["name"] == "fixity" and fixity["verdict"] == "passed"
    (tmp_path / "voices" / "wide" / "weights" / "gpt.safetensors").write_bytes(save(by_hand))
    fixity = json.loads(call("verify", "wide", "--home", tmp_path, "--json").stdout)["runtimes"]["torch"]["layers"][0]
    assert fixity["verdict"] == "failed"
