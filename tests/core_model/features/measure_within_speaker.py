"""Prints the constants of core_model/features/speaker_statistics.py, measured on engine voices. Not a test; minutes.

    python tests/core_model/features/measure_within_speaker.py DIRECTORY

Speech is generated into DIRECTORY and left there. Needs flite, espeak-ng and festival. Each voice says five groups of
four sentences, about ten seconds a group. A constant is the root mean square, over voices, of the standard deviation of
a statistic over one voice's groups.
"""

import multiprocessing
import sys
from pathlib import Path

import numpy as np
import soundfile

from core_model.features import speaker_statistics as module
from core_model.nano.speech import SPEAKERS, Speaker, generate

GROUPS, SENTENCES = 5, 4


def main(directory: Path) -> None:
    texts = [path.read_text().strip() for path in sorted(Path("examples").glob("*.txt"))]
    texts += [f"{a.rstrip('.')} and {b[0].lower()}{b[1:]}" for a, b in zip(texts, texts[5:], strict=False)]
    texts = texts[: GROUPS * SENTENCES]
    # espeak-ng knows its variants for en-us only: all en-gb ones are one and the same voice.
    distinct = [s for s in SPEAKERS if s.warp in (1.0, 0.86, 1.27) and not s.voice.startswith("en-gb")]
    speakers = distinct[::2] + [Speaker("flite", "slt")]
    table = []
    for speaker in speakers:
        # A fresh process each: espeak-ng hangs when it is set up twice in one.
        process = multiprocessing.get_context("spawn").Process(target=generate, args=(directory, speaker, texts, 60.0))
        process.start()
        process.join()
        files = sorted((directory / speaker.name).glob("*.flac"))[: len(texts)]
        spoken = [soundfile.read(file, dtype="float32")[0] for file in files]
        groups = [np.concatenate(spoken[i::GROUPS]) for i in range(GROUPS)]
        table.append(np.stack([module.speaker_statistics(group, 16_000) for group in groups]).astype(np.float64))
    values = np.stack(table)  # (voices, groups, statistics)
    within = np.sqrt((values.std(axis=1, ddof=1) ** 2).mean(axis=0))
    print(np.array2string(within, precision=3, separator=", ", max_line_width=110))
    module.WITHIN_SPEAKER = within
    own = [module.distance(v[i], v[j]) for v in values for i in range(GROUPS) for j in range(i)]
    other = [module.distance(a[i], b[i]) for k, a in enumerate(values) for b in values[:k] for i in range(GROUPS)]
    print(f"{len(values)} voices; same voice: median {np.median(own):.2f}, 95% {np.percentile(own, 95):.2f};", end=" ")
    print(f"others: 1% {np.percentile(other, 1):.2f}, median {np.median(other):.2f}, least {min(other):.2f}")
    wrong = np.mean(np.array(other) < np.percentile(own, 95))
    print(f"other voices nearer than 95 % of the voice itself: {100 * wrong:.2f} %")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
