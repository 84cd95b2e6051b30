"""The ONNX runtime: says what torch says, needs no torch, and tells nobody."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core_model.continuation import prefix_mask
from core_model.errors import RuntimeMissingError, VoiceError
from core_model.player import Player
from core_model.sampling import SamplingOptions
from core_model.speaking import SpeakingOptions
from core_model.synthesis import synthesize
from core_model.voice import Floats, Voice

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Tea is hot, they say. On 3 May, Dr. Lee drank it cold!"
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["tiny_voice", "tiny_quantizer_voice"])
def voice(request: pytest.FixtureRequest) -> Voice:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def ratio_db(signal: Floats, other: Floats) -> float:
    noise = np.square(signal - other, dtype=np.float64).sum()
    return float(10 * np.log10(np.square(signal, dtype=np.float64).sum() / max(noise, 1e-30)))


@pytest.mark.parametrize("speed", [1.0, 1.3, 0.8])
def test_same_text_and_seed_same_tokens_and_nearly_the_same_samples(voice: Voice, speed: float) -> None:
    """The promise of `speak`: 40 dB. On tiny networks it is 120, so 90 is asked for: 40 would hide a wrong layer."""
    options = SpeakingOptions(seed=7, speed=speed, sampling=SamplingOptions(limit=150))
    torch_speech = synthesize(voice, TEXT, options=options)
    onnx_speech = Player(voice, threads=1).synthesize(TEXT, options=options)
    assert len(torch_speech.sentences) == 2
    for one, other in zip(torch_speech.sentences, onnx_speech.sentences, strict=True):
        assert len(set(one.tokens.tolist())) > 10  # a token repeated would prove nothing
        np.testing.assert_array_equal(one.tokens, other.tokens)
        assert one.stopped == other.stopped
    assert np.square(torch_speech.waveform).mean() > 1e-8
    assert ratio_db(torch_speech.waveform, onnx_speech.waveform) > 90


def test_the_prefix_mask_is_the_networks_own() -> None:
    from core_model.gpt import prefix_mask as of_gpt

    for phonemes, tokens in ((1, 0), (3, 0), (4, 3), (2, 1)):
        np.testing.assert_array_equal(prefix_mask(phonemes, tokens), of_gpt(phonemes, tokens).numpy())


WITHOUT_TORCH = """
import sys
from pathlib import Path

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchaudio", "onnx", "onnxscript"):
            raise ModuleNotFoundError(f"{name} is absent here", name=name)

sys.meta_path.insert(0, NoTorch())
from core_model.player import Player
from core_model.sampling import SamplingOptions
from core_model.speaking import SpeakingOptions
from core_model.voice import Voice
from lifecycle.verifying import verify

voice = Voice.open(Path(sys.argv[1]))
speech = Player(voice, threads=1).synthesize("Tea is hot.", options=SpeakingOptions(sampling=SamplingOptions(limit=99)))
assert speech.waveform.any()
assert verify(voice, Player).passed
assert "torch" not in sys.modules
print(speech.sentences[0].tokens.tolist())
"""


def test_speaks_and_verifies_where_torch_cannot_be_imported(tiny_voice: Voice) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, str(tiny_voice.directory)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    options = SpeakingOptions(sampling=SamplingOptions(limit=99))
    expected = synthesize(tiny_voice, "Tea is hot.", options=options).sentences[0].tokens.tolist()
    assert run.stdout.strip() == str(expected)


def test_a_voice_without_exports_is_refused_by_name(tiny_voice: Voice, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_voice.directory, tmp_path / "ada")
    shutil.rmtree(copy / "exports")
    with pytest.raises(RuntimeMissingError, match="onnx export"):
        Player(Voice.open(copy))


@pytest.mark.parametrize("content", [b"", b"not a graph", None], ids=["empty", "text", "cut"])
def test_a_graph_that_cannot_be_read_is_refused(tiny_voice: Voice, tmp_path: Path, content: bytes | None) -> None:
    copy = shutil.copytree(tiny_voice.directory, tmp_path / "ada")
    path = copy / "exports" / "onnx" / "gpt.onnx"
    path.write_bytes(path.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(VoiceError, match=r"exports/onnx/gpt\.onnx"):
        Player(Voice.open(copy))
