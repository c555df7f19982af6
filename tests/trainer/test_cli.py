"""`recollect-train` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gguf
import pytest

from assistant.agents.generation import ModelTraits
from assistant.llm.files.manifest import read_manifest, verify
from trainer.cli import _changed, main
from trainer.data.wordings import Split, Wordings
from trainer.pretrain import new_model, starter_config
from trainer.provenance import Provenance
from trainer.publish import export, publish
from trainer.schedule import Schedule
from trainer.tokenizer import train_tokenizer


def test_help_imports_no_torch() -> None:
    code = """
import sys, trainer.cli
try:
    trainer.cli.main(["--help"])
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "starter" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_a_setting_changes_the_schedule_with_its_type() -> None:
    schedule = _changed(Schedule(), ["steps=10", "muon_rate=0.5"])

    assert (schedule.steps, schedule.muon_rate) == (10, 0.5)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [("stepz=1", "give KEY=VALUE, with a key among"), ("steps", "give KEY=VALUE"), ("steps=many", "steps takes int")],
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_runs(
    setting: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=sentence):
        main(["starter", "--run", str(tmp_path / "run"), "--set", setting])
    assert list(tmp_path.iterdir()) == []


def test_a_published_model_is_found_by_the_app_and_measured_by_lives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, built, models = tmp_path / "model", tmp_path / "built.gguf", tmp_path / "models"
    words = Wordings.load(Split.TRAIN)
    tokenizer = train_tokenizer((line for pool in words.say.values() for line in pool), 2048, 200)
    config = starter_config(2048, tokenizer.eos_token_id, tokenizer.pad_token_id)
    new_model(config, 0).save_pretrained(checkpoint)
    tokenizer.save_pretrained(checkpoint)

    export(checkpoint, built)
    publish(built, models, Provenance("recollect-train starter --seed 0", 0, "abc"), {"operations": 0.5})

    (model,) = read_manifest(models / "manifest.toml").models
    verify(model, checksum=True)
    assert (model.name, model.seed, model.commit, model.scores["operations"]) == ("recollect-starter", 0, "abc", 0.5)
    assert gguf.GGUFReader(model.path).fields["general.name"].contents() == "recollect-starter"

    # An untrained model writes until it is cut off, and with second thoughts it would do so five times.
    monkeypatch.setattr("trainer.publish.traits", lambda: ModelTraits(8, trained=True, answer_tokens=384))
    assert main(["lives", str(model.path), "--lives", "1", "--json"]) == 0
    totals = json.loads(capsys.readouterr().out)
    assert totals["answers"] == 0.0, "a model that was not trained answers nothing"


def test_a_run_keeps_the_commit_that_it_began_with(tmp_path: Path) -> None:
    begun = Provenance.begin(tmp_path / "run", "recollect-train starter --seed 3", 3)

    assert begun.commit
    note = tmp_path / "run" / "begun.json"
    note.write_text(note.read_text().replace(begun.commit, "0123456789ab"))
    again = Provenance.begin(tmp_path / "run", "recollect-train starter --seed 4", 4)
    assert again == Provenance.of(tmp_path / "run") == Provenance("recollect-train starter --seed 4", 4, "0123456789ab")


def test_a_folder_without_a_run_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="No run began in"):
        main(["publish", str(tmp_path)])
