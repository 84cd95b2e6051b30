"""A pair of the sizes that people have: imported within 5 s and 1.2 GB, without torch, and given back to the bit.

The files come from ../shared/upstream/make_checkpoint.py, in GPT-SoVITS's own format; without it these tests skip.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from core_model.voice import Voice
from lifecycle.exporting import export_voice
from lifecycle.importing import ImportOptions, import_voice
from lifecycle.store import Store
from tests.core_model.upstream.crafted import require_shared

LIMIT_S, LIMIT_bytes = 5.0, 1.2e9
# Runs the verb with torch made unimportable; the last line says what it took. CPU seconds: the machine may be busy.
# VmHWM: the other measure of memory, ru_maxrss, begins at what the test process itself had.
PROGRAM = """
import json, resource, sys
sys.modules["torch"] = None
from lifecycle.cli import main
try:
    main(sys.argv[1:], prog_name="lifecycle")
except SystemExit as end:
    code = end.code
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"code": code, "seconds": used.ru_utime + used.ru_stime, "peak": peak * 1024}))
"""


@pytest.fixture(scope="session")
def upstream() -> ModuleType:
    """make_checkpoint.py, as a module."""
    path = require_shared("make_checkpoint.py")
    spec = importlib.util.spec_from_file_location("make_checkpoint", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def real(upstream: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Call it with a family: its file, made once."""
    directory = tmp_path_factory.mktemp("upstream")

    def make(family: str) -> Path:
        path = directory / f"{family}{'.ckpt' if family.startswith('gpt') else '.pth'}"
        if not path.exists():
            upstream.save(upstream.build(family), family, path)
        return path

    return make


def loaded(path: Path) -> OrderedDict:
    """What torch makes of *path* by the rules of FORMAT.md."""
    copy = path.with_suffix(".zip")
    copy.write_bytes(b"PK" + path.read_bytes()[2:])
    with torch.serialization.safe_globals([sys.modules["utils"].HParams]):
        found = torch.load(copy, weights_only=True)
    copy.unlink()
    return found


def plain(node: object) -> object:
    """A configuration with HParams and dicts told apart, in order."""
    if isinstance(node, dict):
        return ("dict", [(name, plain(value)) for name, value in node.items()])
    if hasattr(node, "__dict__"):
        return (type(node).__name__, [(name, plain(value)) for name, value in vars(node).items()])
    return node


def same(went: Path, came: Path) -> None:
    """Two files hold the same: types, keys, order, every byte of every tensor, configuration, info, head."""
    assert went.read_bytes()[:2] == came.read_bytes()[:2]
    after, before = loaded(went), loaded(came)
    assert list(after) == list(before) and type(after["weight"]) is type(before["weight"])
    assert list(after["weight"]) == list(before["weight"])
    for name, tensor in before["weight"].items():
        assert after["weight"][name].dtype == tensor.dtype
        assert after["weight"][name].numpy().tobytes() == tensor.numpy().tobytes(), name
    for part in before.keys() - {"weight"}:
        assert plain(after[part]) == plain(before[part])


def run(*arguments: object) -> dict[str, float]:
    """The verb in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    took: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert took["code"] == 0, done.stdout + done.stderr
    return took


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_pair_of_real_sizes(real: Callable[[str], Path], tmp_path: Path) -> None:
    pair = {"sovits": real("sovits_v2"), "gpt": real("gpt_s1longer-v2")}
    took = run("import", *pair.values(), "--name", "anna", "--home", tmp_path / "home")
    assert took["seconds"] <= LIMIT_S and took["peak"] <= LIMIT_bytes
    assert Voice.open(tmp_path / "home" / "voices" / "anna").description.family == "v2"
    took = run("export", "anna", "--to", "gpt-sovits", tmp_path / "out", "--home", tmp_path / "home")
    assert took["seconds"] <= LIMIT_S and took["peak"] <= LIMIT_bytes
    same(tmp_path / "out" / "anna.pth", pair["sovits"])
    same(tmp_path / "out" / "anna.ckpt", pair["gpt"])


def test_a_file_whose_head_was_written_over(real: Callable[[str], Path], tmp_path: Path) -> None:
    store, files = Store(tmp_path / "home"), [real("sovits_v2Pro"), real("gpt_s1longer-v2")]
    import_voice(store, "anna", files, ImportOptions(languages=("en",)))
    written = export_voice(store, "anna", tmp_path / "out").files["sovits"]
    assert written.read_bytes()[:4] == b"05\x03\x04"
    same(written, files[0])


@pytest.mark.slow
@pytest.mark.parametrize("family", ["v3", "v4"])
def test_a_lora_of_real_size_and_its_base(
    family: str, upstream: ModuleType, real: Callable[[str], Path], tmp_path: Path
) -> None:
    """770 MB of base; v3's vocoder is left to the small tests, its fixed filters are not in make_checkpoint.py."""
    lora, base = real(f"sovits_{family}_lora"), real(f"sovits_{family}")
    vocoder = tmp_path / "vocoder.pth"
    if family == "v4":
        vocoder = real("vocoder_v4")
    else:
        from core_model.upstream import companion_shapes
        from tests.core_model.upstream import crafted

        tensors = crafted.arrays(companion_shapes.vocoder_v3(weight_norm=True))
        generator = OrderedDict((name, torch.from_numpy(value)) for name, value in tensors.items())
        torch.save({"generator": generator}, vocoder)
    store = Store(tmp_path / "home")
    options = ImportOptions(base=base, vocoder=vocoder, languages=("en",))
    import_voice(store, "anna", [lora, real("gpt_s1longer-v2")], options)
    files = export_voice(store, "anna", tmp_path / "out", complete=True).files
    same(files["lora"], lora)
    same(files["sovits"], base)
