"""`recollect models`, with real files, and with a server on loopback that is not always kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant import cli
from assistant.agents.generation import Completion, FinishReason
from assistant.commands import fetching, opening
from assistant.llm.files import download
from assistant.llm.files.manifest import models_folder
from assistant.llm.files.speeds import read_speeds
from assistant.paths import Paths
from tests.llm.families import GEMMA3, QWEN2, tiny_family
from tests.llm.files.bad_server import BadServer
from tests.llm.tiny_adapter import tiny_adapter
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine

Run = Callable[..., tuple[int, str, str]]
SHIPPED = models_folder() / "recollect-starter.gguf"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def recollect(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["models", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return recollect


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_family(tmp_path_factory.mktemp("models") / "tiny-qwen.gguf", QWEN2).path


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_family(tmp_path_factory.mktemp("models") / "tiny-gemma.gguf", GEMMA3).path


def listed(run: Run) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in json.loads(run("list", "--json")[1])}


def test_the_list_says_what_each_model_takes_and_who_uses_it(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    assert out.startswith("manager, answer   recollect-starter  11.2 MB, needs ")
    row = listed(run)["recollect-starter"]
    assert (row["size"], row["licence"], row["used_by"]) == (
        SHIPPED.stat().st_size,
        "Apache-2.0",
        ["manager", "answer"],
    )
    assert row["memory_needed"] > 300_000_000  # type: ignore[operator]


def test_the_catalogue_says_size_licence_and_memory(run: Run) -> None:
    code, out, _ = run("list", "--available", "--json")
    offers = json.loads(out)
    assert code == 0
    assert {offer["family"] for offer in offers} == {"Qwen", "Llama", "Gemma", "Mistral", "Phi", "SmolLM"}
    for offer in offers:
        assert offer["memory_needed"] > offer["size"] > 0
        assert offer["licence"]


def test_a_file_at_hand_is_added_chosen_verified_and_removed_and_stays_where_it_is(run: Run, qwen: Path) -> None:
    assert run("add", str(qwen), "--context", "512")[:2] == (
        0,
        "tiny-qwen is in the list; `recollect models use tiny-qwen` chooses it.\n",
    )
    assert run("use", "tiny-qwen", "--agent", "answer")[:2] == (0, "The answer agent uses tiny-qwen.\n")
    rows = listed(run)
    assert (rows["tiny-qwen"]["used_by"], rows["recollect-starter"]["used_by"]) == (["answer"], ["manager"])
    assert rows["tiny-qwen"]["context"] == 512
    assert run("verify")[:2] == (0, "tiny-qwen is whole.\nrecollect-starter is whole.\n")
    assert run("remove", "tiny-qwen")[:2] == (0, "tiny-qwen is off the list.\n")
    assert qwen.exists()
    assert listed(run)["recollect-starter"]["used_by"] == ["manager", "answer"]


def test_damage_is_found_by_verify(run: Run, qwen: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(qwen.read_bytes())
    run("add", str(copy))
    copy.write_bytes(qwen.read_bytes()[:-1] + b"\x01")
    code, _, err = run("verify", "copy")
    assert code == 5
    assert err.startswith(f"recollect: The model file {copy} is damaged: its SHA-256 is another.\n")


def test_a_base_may_be_added_with_an_adapter_for_each_agent(run: Run, gemma: Path, qwen: Path, tmp_path: Path) -> None:
    from assistant.llm.files.manifest import ModelFile

    manager, answer = (tiny_adapter(tmp_path / f"{n}.gguf", ModelFile("base", qwen), seed=n).path for n in (1, 2))
    adapters = ["--adapter", f"manager={manager}", "--adapter", f"answer={answer}"]
    assert run("add", str(qwen), "--name", "pair", *adapters)[0] == 0
    assert listed(run)["pair"]["adapters"] == {"manager": str(manager), "answer": str(answer)}
    run("use", "pair")
    manager.write_bytes(manager.read_bytes()[:-1])
    assert "has" in run("list")[2], "an adapter that is cut off is told"


def test_an_adapter_for_another_base_is_refused(run: Run, qwen: Path, tmp_path: Path) -> None:
    from assistant.llm.files.manifest import ModelFile

    adapter = tiny_adapter(tmp_path / "a.gguf", ModelFile("base", SHIPPED)).path
    code, _, err = run("add", str(qwen), "--adapter", f"manager={adapter}")
    assert code == 5
    assert err.splitlines()[-2].startswith(f"recollect: The adapter {adapter} does not belong to tiny-qwen.gguf. ")
    assert "tiny-qwen" not in listed(run)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "/none.gguf"], 5, "The model file /none.gguf is missing."),
        (["add", __file__], 5, f"{__file__} is not a GGUF file."),
        (["add", "http://localhost:1/v1"], 2, "Of a server it must be known what it calls the model."),
        (["add", "http://example.org/v1", "--model", "m"], 5, "http://example.org"),
        (["use", "nobody"], 2, "There is no model named nobody."),
        (["remove", "recollect-starter"], 2, "recollect-starter came with Recollect and cannot be removed."),
        (["pull", "nothing"], 2, "The catalogue has no model named nothing."),
        (["pull", "https://example.org/model.bin"], 2, "The address does not end with the name of a GGUF file."),
        (["pull", "http://example.org/model.gguf"], 2, ""),
        (["add", str(SHIPPED), "--name", "../x"], 2, "A model cannot be called '../x'."),
        (["add", str(SHIPPED), "--adapter", "cook=x"], 2, "'cook=x' does not name an adapter."),
    ],
)
def test_what_cannot_be_done_is_told(run: Run, arguments: list[str], code: int, said: str) -> None:
    ended, out, err = run(*arguments)
    assert (ended, out) == (code, "")
    assert said in err


def test_a_server_is_added_without_being_asked_anything(run: Run, data: Path) -> None:
    told = run("add", "http://127.0.0.1:1/v1/", "--model", "qwen3:4b", "--key-variable", "KEY", "--structure", "schema")
    assert told[:2] == (0, "qwen3-4b is in the list; `recollect models use qwen3-4b` chooses it.\n")
    _, out, err = run("use", "qwen3-4b")
    assert out == "Both agents use qwen3-4b.\n"
    assert err == "What it is asked goes to http://127.0.0.1:1/v1: messages, and memories on offer.\n"
    assert "qwen3:4b at http://127.0.0.1:1/v1" in run("list")[1]
    assert "KEY" in (data / "models" / "manifest.toml").read_text()


def test_a_model_is_pulled_from_an_address_and_removed_with_its_file(run: Run, qwen: Path, data: Path) -> None:
    with BadServer(qwen.read_bytes()) as server:
        digest = hashlib.sha256(qwen.read_bytes()).hexdigest()
        code, out, err = run("pull", server.url("/model.gguf"), "--sha256", digest, "--name", "pulled")
    assert (code, out) == (0, "pulled is in the list; `recollect models use pulled` chooses it.\n")
    assert "[########################]" in err
    assert (data / "models" / "model.gguf").read_bytes() == qwen.read_bytes()
    assert run("verify", "pulled")[:2] == (0, "pulled is whole.\n")
    assert run("remove", "pulled")[1] == "pulled is off the list and deleted.\n"
    assert not (data / "models" / "model.gguf").exists()


def test_a_pull_that_broke_off_goes_on_with_the_same_command(
    run: Run, qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WAITS", ())
    with BadServer(qwen.read_bytes()) as server:
        server.break_off_after = [20_000] * 50
        code, _, err = run("pull", server.url("/model.gguf"))
        assert code == 5
        assert "The same command goes on where it stopped." in err
        server.break_off_after = []
        assert run("pull", server.url("/model.gguf"))[0] == 0
        assert "bytes=" in str(server.asked("range")[-1])


def test_wrong_bytes_are_never_taken_into_the_list(run: Run, qwen: Path, data: Path) -> None:
    with BadServer(qwen.read_bytes()[:-4] + b"oops") as server:
        code, _, err = run("pull", server.url("/model.gguf"), "--sha256", hashlib.sha256(qwen.read_bytes()).hexdigest())
    assert code == 5
    assert "SHA-256" in err
    assert not (data / "models" / "model.gguf").exists()
    assert "model" not in listed(run)


def test_a_model_that_needs_more_memory_than_there_is_is_not_fetched(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "available_memory", lambda: 500_000_000)
    code, _, err = run("pull", "smollm2-135m")
    assert code == 2
    assert err.splitlines()[0] == "recollect: smollm2-135m needs about 783 MB of memory, and 500 MB are free."


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    run: Run, qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "free_disk", lambda folder: 1000)
    with BadServer(qwen.read_bytes()) as server:
        code, _, err = run("pull", server.url("/model.gguf"))
    assert code == 4
    assert err.startswith("recollect: The disk has 1 kB left, and the download needs ")
    assert server.asked("range") == [None]


def test_the_speed_of_a_model_is_printed_and_kept_until_the_model_goes(
    run: Run, data: Path, qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Engines(ScriptedEngine):
        def __enter__(self) -> Engines:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    done = Completion("so it went", FinishReason.LENGTH, prompt_tokens=200, completion_tokens=64)
    script = ScriptedGenerator(default_answer=done, default_manager=done)
    monkeypatch.setattr(opening, "start_engines", lambda paths: Engines(script))
    run("add", str(qwen))
    run("use", "tiny-qwen", "--agent", "answer")
    code, out, err = run("speed")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()] == [
        ["manager", "recollect-starter", "reads"],
        ["answer", "tiny-qwen", "reads"],
    ]
    assert "Measuring tiny-qwen" in err
    assert [(row["model"], row["agents"]) for row in json.loads(run("speed", "--json")[1])] == [
        ("recollect-starter", ["manager"]),
        ("tiny-qwen", ["answer"]),
    ]
    assert [each.model for each in read_speeds(Paths(data))] == ["recollect-starter", "tiny-qwen"]
    run("remove", "tiny-qwen")
    assert [each.model for each in read_speeds(Paths(data))] == ["recollect-starter"]


@pytest.mark.slow
def test_the_model_that_came_along_has_a_speed(run: Run) -> None:
    code, out, _ = run("speed", "--json")
    [row] = json.loads(out)
    assert code == 0
    assert (row["model"], row["agents"]) == ("recollect-starter", ["manager", "answer"])
    assert row["speed"]["reading"] > 20
    assert row["speed"]["writing"] > 5
