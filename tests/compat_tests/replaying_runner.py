"""A runner of compat_tests/RUNNER.md in the standard library alone, which says what the golden record says; or lies.

Written from RUNNER.md, to show that it is enough to write one. python replaying_runner.py LIE@VERB VERB: `none@none` is
an honest one, and each other LIE is told by one verb. The suite must tell them all apart.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TYPES = {"I64": ("<i8", 8), "F32": ("<f4", 4)}


def tensors(voice: Path) -> dict[str, tuple[str, list[int], bytes]]:
    data = (voice / "golden" / "golden.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, facts in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = facts["data_offsets"]
            found[name] = (TYPES[facts["dtype"]][0], facts["shape"], data[8 + length + begin : 8 + length + end])
    return found


def npy(kind: str, shape: list[int], values: bytes, order: bool = False, magic: bytes = b"\x93NUMPY\x01\x00") -> bytes:
    comma = "," if len(shape) == 1 else ""
    header = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({', '.join(map(str, shape))}{comma}), }}"
    header = header.ljust(-(-(len(header) + 11) // 64) * 64 - 11) + "\n"
    return magic + struct.pack("<H", len(header)) + header.encode("ascii") + values


def answer(verb: str, request: dict[str, Any]) -> dict[str, Any]:
    voice = Path(request["voice"])
    if verb == "describe":
        record = json.loads((voice / "golden" / "golden.json").read_bytes())
        verbs = ["describe", "phonemize", "tokens", "decode", "speak", "listen"]
        seen = " ".join(sorted(os.environ))
        return {"runner": "replaying", "runtime": record["runtime"], "machine": {"sees": seen}, "verbs": verbs}
    held, work, items = tensors(voice), Path(request["work"]), []
    identity = json.loads((voice / "golden" / "golden.json").read_bytes())["identity"]["statistics"]
    field = {"phonemize": "phonemes", "tokens": "logits", "decode": "waveform", "speak": "waveform"}.get(verb)
    for index, _ in enumerate(request["items"]):
        if field is None:
            content, field_name = npy("<f4", [58], struct.pack("<58f", *identity)), "statistics"
        else:
            content, field_name = npy(*held[f"{index}.{field}"]), field
        (work / f"{index}.npy").write_bytes(content)
        items.append({field_name: f"{index}.npy"})
        if verb == "speak":
            items[-1]["sample_rate"] = json.loads((voice / "voice.json").read_bytes())["sample_rate"]
    return {"items": items}


def lie(lie: str, told: dict[str, Any], work: Path) -> None:
    """Change the answer *told*, or end in another way than the protocol's."""
    items = told.get("items", [])
    first = work / "0.npy"
    if lie == "hang":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["PIDS"]).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    elif lie == "leave a child":  # which holds the pipes open
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["PIDS"]).write_text(str(child.pid))
    elif lie == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    elif lie == "flood the disk":
        with (work / "x.npy").open("wb") as file:
            while True:
                file.write(bytes(1 << 20))
    elif lie == "abort":
        os.kill(os.getpid(), signal.SIGABRT)
    elif lie == "exit 3":
        sys.stderr.write("out of\tpaper\n")
        sys.exit(3)
    elif lie == "exit 1":
        sys.exit(1)
    elif lie in ("refuse", "missing", "refuse with colours"):
        sentence = "\x1b[31mno\x1b[0m\nway" if "colours" in lie else "There is no paper."
        sys.stdout.write(json.dumps({"protocol": 1, "error": sentence, "missing": lie == "missing"}))
        sys.exit(1)
    elif lie == "say 2":
        told["protocol"] = 2
    elif lie == "say true":
        told["protocol"] = True
    elif lie in ("say nothing", "chatter", "list", "not a number", "deep"):
        said = {"chatter": "Loading ...\n" + json.dumps(told), "list": "[]", "not a number": '{"protocol": NaN}'}
        sys.stdout.write(said.get(lie, "[" * 100_000 if lie == "deep" else ""))
        sys.exit(0)
    elif lie == "one less":
        items.pop()
    elif lie == "one more":
        items.append(items[0])
    elif lie == "one twice":
        items[1] = items[0]
    elif lie == "another field":
        items[0]["comment"] = "fine"
    elif lie == "its input":
        items[0] = dict.fromkeys(items[0], "in.0.npy")
    elif lie in ("above", "absolute", "a number"):
        name = {"above": "../0.npy", "absolute": str(first), "a number": 7}[lie]
        items[0] = dict.fromkeys(items[0], name)
    elif lie == "nowhere":
        first.unlink()
    elif lie == "a link":
        first.rename(work / "there.npy")
        first.symlink_to("there.npy")
    elif lie == "a pipe":
        first.unlink()
        os.mkfifo(first)
    elif lie == "a directory":
        first.unlink()
        first.mkdir()
    else:
        first.write_bytes(FILES[lie](first.read_bytes()))


FILES = {
    "a pickle": lambda old: npy("|O", [1], b"\x80\x04K\x01."),
    "another type": lambda old: npy("<f8", [1], bytes(8)),
    "big-endian": lambda old: old.replace(b"<f4", b">f4", 1),
    "another dimension": lambda old: npy("<f4", [1, 1, 1], bytes(4)),
    "nothing in it": lambda old: npy("<f4", [0], b""),
    "in Fortran's order": lambda old: old.replace(b"False", b"True ", 1),
    "cut short": lambda old: old[:-4],
    "something behind": lambda old: old + b"more",
    "no npy": lambda old: b"RIFF",
    "version 9": lambda old: old.replace(b"NUMPY\x01", b"NUMPY\x09", 1),
    "a huge shape": lambda old: npy("<f4", [10**30], b""),
    "a negative shape": lambda old: npy("<f4", [-1], b""),
    "code for a header": lambda old: b"\x93NUMPY\x01\x00\x10\x00" + b"__import__('os')",
    "not finite": lambda old: old[:-4] + struct.pack("<f", float("nan")),
    "infinite": lambda old: old[:-4] + struct.pack("<f", float("-inf")),
}


def main() -> int:
    how, verb = sys.argv[1], sys.argv[2]
    what, _, at = how.partition("@")
    request = json.loads(sys.stdin.buffer.read())
    told = {"protocol": 1, **answer(verb, request)}
    if at == verb:
        lie(what, told, Path(request.get("work", ".")))
    sys.stdout.write(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
