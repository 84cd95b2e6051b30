"""Makes schema-1/ada.voice: run once, by the code of commit 51bf1ea, and never again.

A tiny voice as it was written before there was a schema 2, in the bundle that `lifecycle archive` made of it that day.
Its dictionary holds the words of its golden sentences alone, so that the file stays small; it is a voice like any other
for all that. Kept as the record of how the file came to be; today's code would write another one.

    git worktree add /tmp/then 51bf1ea && cp THIS_FILE /tmp/then/ && cd /tmp/then && python make_schema_1.py HOME OUT
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from core_model.features.speaker_statistics import speaker_statistics
from core_model.golden import decode_sentences, judge, record_golden
from core_model.gpt import GPTDims
from core_model.sovits.dims import HiFiGANDims
from core_model.synthesis import TorchRuntime
from core_model.text.front_end import write_data
from core_model.voice import Prompt, Voice
from lifecycle.cli import main
from tests import tiny_voice
from tests.written_voice import write_voice

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
TEXTS = ("Seven grey whales swam past the old light house.", "My lazy dog jumps over a quiet fox.")
GPT = GPTDims(semantic_tokens=65, width=8, heads=2, layers=1, word_features=0)
SOVITS = replace(
    tiny_voice.SOVITS,
    semantic_codes=64,
    code_width=8,
    hidden=8,
    feedforward=8,
    code_layers=1,
    phoneme_layers=1,
    fused_layers=1,
    fusion_width=8,
    style=8,
    style_width=8,
    latent=4,
    flow_wavenet_layers=1,
    posterior_layers=1,
    decoder=HiFiGANDims(16, (10, 8, 2, 2), (16, 16, 4, 4), (3,), ((1,),)),
)


def few_words(text: Path) -> None:
    """Leave in text/ what the golden sentences need, and a network for unknown words of two units."""
    wanted = {word.lower() for text in TEXTS for word in re.findall(r"[A-Za-z]+", text)}
    path = text / "en.cmudict.dict"
    lines = [line for line in path.read_text().splitlines() if line.split(" ")[0].split("(")[0] in wanted]
    path.write_text("\n".join(lines) + "\n")
    network = text / "en.unknown_words.safetensors"
    rng = np.random.Generator(np.random.Philox(key=7))
    few = {}
    for name, array in load_file(network).items():
        output = "embedding" in name or name.startswith("output")  # one row for each letter or phoneme
        rows = array.shape[0] if output else 3 * 2  # of each gate
        few[name] = rng.standard_normal((rows, 2)[: array.ndim]).astype(np.float16)
    save_file(few, network)
    index = json.loads((text / "index.json").read_text())
    for name in (path.name, network.name):
        content = (text / name).read_bytes()
        index["files"][name] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (text / "index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")


def record(voice: Voice) -> None:
    golden = record_golden(voice, TorchRuntime(voice, threads=1), now=NOW, machine={}, texts={"en": TEXTS})
    stock = []
    for seed in (101, 102):
        other = tiny_voice._in_memory(voice, GPT, SOVITS, seed)
        said = np.concatenate(decode_sentences(voice, other, golden))
        stock.append(speaker_statistics(said, voice.description.sample_rate))
    speech = np.array(golden.identity.statistics, np.float32)
    replace(golden, identity=judge(speech, None, stock)).write(voice.golden_directory)


def prompt() -> Prompt:
    rng = np.random.Generator(np.random.Philox(key=3))
    style = rng.standard_normal((1, SOVITS.style, 1)).astype(np.float32)
    return Prompt(rng.integers(0, 64, 12), rng.integers(10, 300, 9), style)


def make(home: Path, out: Path) -> None:
    def fill(made: Path) -> None:
        write_data(made / "text", ("en",))
        few_words(made / "text")
        record(Voice.open(made))
        golden = json.loads((made / "golden" / "golden.json").read_text())
        assert golden.pop("steps") is None  # as the first voices were: there was no such field
        (made / "golden" / "golden.json").write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n")
        facts = json.loads((made / "prompts" / "default.json").read_text())
        assert facts.pop("references") == 1
        (made / "prompts" / "default.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")

    description = tiny_voice._description("ada", GPT, SOVITS, quantizer=True)
    weights = tiny_voice.tiny_weights(GPT, SOVITS, 3)
    voice = write_voice(home / "voices" / "ada", description, weights=weights, prompts={"default": prompt()}, fill=fill)
    print(voice.directory)
    words = ["archive", "ada", "--home", home, "--public", "--redundancy", 0, "-o", out / "ada.voice", "--json"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    print(result.output)
    assert result.exit_code == 0
    (out / "maker.pub").write_bytes((home / "keys" / "signing.pub").read_bytes())


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
