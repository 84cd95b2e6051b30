"""Convert: from a recording and a voice of this machine to a wav in that voice.

Knows the order of the steps; what is computed, core_model.converting knows. Needs torch. The recording is read and left
where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core_model.converting import Conversion, convert
from core_model.listening import Listener
from core_model.pretrained import Pretrained
from core_model.speaking import SpeakingOptions, Speech
from core_model.utterances import prompt_utterance
from core_model.voice import Voice
from lifecycle.errors import OutputExistsError
from lifecycle.speaking import write_wav


def convert_file(
    voice: Voice,
    recording: Path,
    output: Path,
    pretrained: Pretrained,
    options: SpeakingOptions,
    *,
    transcript: str | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Conversion:
    """Write *recording*, spoken by *voice*, to *output*: whole, or not at all.

    PromptError, PretrainedError, AudioError, TextError, VoiceError and their kinds. *transcript*: what is said in the
    recording, in *options.language*.
    """
    if output.exists() and output.samefile(recording):
        raise OutputExistsError(output)  # it may be the only one, and what was said would be gone
    listener = Listener(voice, pretrained)
    language = options.language or voice.description.languages[0]
    said = None if transcript is None else prompt_utterance(voice, transcript, language)
    conversion = convert(voice, listener, recording, options, said, tell)
    write_wav(output, Speech(conversion.waveform, conversion.sample_rate, ()))
    return conversion
