"""Results: dated, signed, read back only as they were signed; and the way of them into a bundle's history."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.bundle import pack
from archive.custody import Act
from archive.signing import Signer
from compat_tests.findings import measured, not_run
from compat_tests.goldens import Tolerances
from lifecycle.errors import OutputExistsError, ResultsError
from lifecycle.forecast_rules import read_rules
from lifecycle.inspecting import inspect
from lifecycle.matrix.cells import Cell
from lifecycle.matrix.history import told_of
from lifecycle.matrix.results import NAMESPACE, Results, read_results, require_writable, results_beside, write_results
from lifecycle.matrix.rows import Row
from lifecycle.refreshing import refresh
from lifecycle.store import Store
from lifecycle.trusting import own_signer, read_trust

NOW = datetime(2045, 11, 21, 12, 0, tzinfo=UTC)
ROW = Row("torchscript", "torch", "2.13.0", "3.11", "native", 1, ("torch==2.13.0",))
LAYERS = (
    not_run("fixity", "No manifest."),
    measured("tokens", "Logits differ.", 2.5e-05, 1e-3, "logits"),
    measured("waveform", "Samples differ.", 0.5, 5e-5, "of the peak"),
)
RESULTS = Results(
    when=NOW,
    toolkit="lifecycle 0.1.0",
    matrix="fast",
    voice="ada",
    bundle_id="ab" * 32,
    recorded="2026-11-21, torch 2.13.0",
    tolerances=Tolerances(1e-3, 5e-5, 40.0, "by hand"),
    machine={"system": "Linux", "architecture": "riscv64"},
    cells=(
        Cell(ROW, "drifted", "waveform: Samples differ.", "torchscript 2.13.0", "3.11.7", 13, LAYERS, 20.4, 5.1),
        Cell(replace(ROW, python="3.99"), "not run", "There is no python3.99 here."),
    ),
)


@pytest.fixture
def signer() -> Signer:
    return Signer.generate(os.urandom, "ada")


def test_what_was_written_is_read_back(tmp_path: Path, signer: Signer) -> None:
    path = write_results(RESULTS, tmp_path, "ada.voice", signer)
    assert path.name == "ada.voice.20451121T120000Z.matrix.json"
    found = read_results(path)
    assert found.key == signer.public.fingerprint
    assert found.document["counts"] == {"passed": 0, "drifted": 1, "refused": 0, "not run": 1}
    first, second = found.document["cells"]  # type: ignore[misc]
    assert first["figures"] == {"tokens": "2.5e-05", "waveform": "0.5"} and first["layer"] == "waveform"
    assert first["layers"] == {"fixity": "not run", "tokens": "passed", "waveform": "failed"}
    assert first["python"] == "3.11.7" and first["stand_ins"] == 13 and first["lock_sha256"] != second["lock_sha256"]
    assert second["verdict"] == "not run" and second["told"] == "There is no python3.99 here."
    assert found.document["when"] == "2045-11-21T12:00:00Z"
    with pytest.raises(OutputExistsError):
        write_results(RESULTS, tmp_path, "ada.voice", signer)


def test_openssh_verifies_them(tmp_path: Path, signer: Signer) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    path = write_results(RESULTS, tmp_path, "ada.voice", signer)
    (tmp_path / "signers").write_text(f"ada {signer.public.line}")
    command = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "signers"), "-I", "ada", "-n", NAMESPACE]
    with path.open("rb") as data:
        done = subprocess.run([*command, "-s", f"{path}.sig"], stdin=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_was_changed_or_left_without_its_signature_is_refused(tmp_path: Path, signer: Signer) -> None:
    path = write_results(RESULTS, tmp_path, "ada.voice", signer)
    signature = path.with_name(path.name + ".sig")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"verdict":"drifted"', b'"verdict":"passed"'))
    with pytest.raises(ResultsError, match="was changed after it was signed"):
        read_results(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(ResultsError, match="JSON"):
        read_results(path)
    path.write_bytes(whole)
    signature.write_text("-----BEGIN SSH SIGNATURE-----\n")
    with pytest.raises(ResultsError):
        read_results(path)
    signature.unlink()
    with pytest.raises(ResultsError, match=r"\.sig is missing"):
        read_results(path)


def test_a_place_that_cannot_be_written_to_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_writable(tmp_path / "new")
    assert (tmp_path / "new").is_dir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests may run as root, who may do anything
    with pytest.raises(PermissionError):
        require_writable(tmp_path / "new")


def test_refresh_takes_the_results_beside_a_bundle_into_its_history(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    act = Act(own_signer(store, os.urandom), NOW, "lifecycle 0.1.0")
    bundle = tmp_path / "ada.voice"
    (tmp_path / "voice.json").write_text("{}")
    packed = pack(bundle, {"voice.json": tmp_path / "voice.json"}, public=True, redundancy=0, act=act)
    mine = replace(RESULTS, bundle_id=packed.bundle_id)
    write_results(mine, tmp_path, "ada.voice", act.signer)
    write_results(replace(RESULTS, when=NOW.replace(year=2046)), tmp_path, "ada.voice", act.signer)
    stranger = Signer.generate(os.urandom, "stranger")
    write_results(replace(mine, when=NOW.replace(year=2047)), tmp_path, "ada.voice", stranger)
    assert len(results_beside(bundle)) == 3
    trust = read_trust((), store, NOW)
    done = refresh(bundle, tmp_path / "b.voice", (), act, trust=trust, permit=lambda _: "", public=True, redundancy=0)
    assert [record.what for record in done.custody] == ["archived", "verified", "refreshed"]
    verified = done.custody[1]
    assert told_of(verified.results) == "2045-11-21T12:00:00Z: 1 drifted, 1 not run on the matrix fast"
    assert verified.results is not None and set(verified.results) == {"document", "signature"}
    assert any("is of another bundle" in told for told in done.left_out)
    assert any("whom you do not trust" in told for told in done.left_out) and len(done.left_out) == 2
    # A second time nothing is taken twice, though the results lie beside the new bundle too.
    write_results(mine, tmp_path, "b.voice", act.signer)
    again = refresh(
        tmp_path / "b.voice", tmp_path / "c.voice", (), act, trust=trust, permit=lambda _: "", public=True, redundancy=0
    )
    assert [record.what for record in again.custody] == ["archived", "verified", "refreshed", "refreshed"]
    seen = inspect(tmp_path / "c.voice", (), trust=trust, rules=read_rules())
    assert not seen.custody_problem and seen.custody == again.custody


@pytest.mark.parametrize("results", [None, 3, {}, {"document": 4}, {"document": {"counts": []}}])
def test_a_strangers_results_may_be_of_any_form(results: object) -> None:
    assert told_of(results) == "results that this toolkit cannot read"
