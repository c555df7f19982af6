"""Downloading models: asked first, seen on its way, stopped, gone on with, also after the app was closed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.commands import fetching
from assistant.llm.files import resources
from assistant.paths import Paths
from assistant.tui.modeling.downloads import State
from tests.llm.families import QWEN2, tiny_family
from tests.llm.files.bad_server import BadServer
from tests.tui.driving import screen_text, sees, until
from tests.tui.models_driving import app_with_shelf, in_models, offer, offer_only, point_at

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_family(tmp_path_factory.mktemp("models") / "tiny.gguf", QWEN2).path.read_bytes()


@pytest.fixture
def server(model: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[BadServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetching, "WAITS", ())
    with BadServer(model) as running:
        yield running


@pytest.fixture
def offered(server: BadServer, model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(model).hexdigest()
    offer_only(
        monkeypatch,
        *(offer(name, server.url(f"/{name}.gguf"), len(model), digest) for name in ("tiny-one", "tiny-two")),
    )


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def partial(data: Path, name: str = "tiny-one") -> Path:
    return Paths(data).models / f"{name}.gguf.partial"


@pytest.mark.usefixtures("offered")
async def test_nothing_is_contacted_before_a_question_was_answered(tmp_path: Path, server: BadServer) -> None:
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "tiny-one")
        await sees(pilot, "Nothing is contacted before you download something")
        await pilot.press("g")
        await sees(pilot, "come from 127.0.0.1. It is contacted now")
        await sees(pilot, "Licence: Apache-2.0.")
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert server.requests == []
        await pilot.press("enter", "enter")
        await sees(pilot, "tiny-one is here. u lets both agents use it.")
        await sees(pilot, "▸   tiny-one")
        assert [request["path"] for request in server.requests] == ["/tiny-one.gguf"]
    assert (Paths(tmp_path).models / "tiny-one.gguf").read_bytes() == server.data


@pytest.mark.usefixtures("offered")
async def test_a_download_is_seen_on_its_way_and_another_waits_for_its_turn(tmp_path: Path, server: BadServer) -> None:
    server.stalls_after = 200_000
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "tiny-one")
        await pilot.press("g", "y")
        await sees(pilot, "↓ tiny-one")
        await point_at(pilot, "tiny-two")
        await pilot.press("g", "y")
        await sees(pilot, "· tiny-two             waits for its turn")
        await sees(pilot, "%, 1 more waits")
        await until(pilot, lambda: re.search(r"↓ tiny-one +█+░+ +[0-9]+ %  ", screen_text(pilot)) is not None)
        await sees(pilot, "nothing came for ")
        assert len(server.requests) == 1
        await pilot.press("p")  # One that waits leaves the queue.
        await sees(pilot, "‖ tiny-two             stopped · r goes on")


@pytest.mark.usefixtures("offered")
async def test_speed_and_time_left_are_shown_while_it_comes(tmp_path: Path, server: BadServer) -> None:
    server.seconds_a_piece = 0.2
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "tiny-one")
        await pilot.press("g", "y")
        shown = re.compile(r"↓ tiny-one             █+░+ +[0-9]+ %  [0-9]+ kB/s  [0-9]+ s left")
        await until(pilot, lambda: shown.search(screen_text(pilot)) is not None)


@pytest.mark.usefixtures("offered")
async def test_a_stopped_download_keeps_what_came_and_goes_on(tmp_path: Path, server: BadServer) -> None:
    server.stalls_after = 200_000
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "tiny-one")
        await pilot.press("g", "y")
        await until(pilot, lambda: size_of(partial(tmp_path)) == 200_000)
        await pilot.press("p")
        await sees(pilot, "███████░░░░░░░░░  42 %  stopped · r goes on")
        assert partial(tmp_path).stat().st_size == 200_000
        server.stalls_after = None
        await pilot.press("r")  # It was agreed to before.
        await sees(pilot, "tiny-one is here.")
    assert server.asked("range") == [None, "bytes=200000-"]


@pytest.mark.usefixtures("offered")
async def test_after_a_restart_a_download_is_gone_on_with(tmp_path: Path, server: BadServer) -> None:
    server.stalls_after = 200_000
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "tiny-one")
        await pilot.press("g", "y")
        await until(pilot, lambda: size_of(partial(tmp_path)) == 200_000)
        await pilot.press("ctrl+q")
    server.stalls_after = None
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await sees(pilot, "‖ tiny-one")
        await sees(pilot, "42 % here, r goes on")
        await point_at(pilot, "tiny-one")
        await sees(pilot, "200 kB of 473 kB are here; r goes on, x drops them")
        await pilot.press("r", "y")
        await sees(pilot, "tiny-one is here.")
    assert server.asked("range") == [None, "bytes=200000-"]


@pytest.mark.usefixtures("offered")
async def test_what_was_begun_can_be_dropped(tmp_path: Path, server: BadServer) -> None:
    server.break_off_after = [100_000]
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "tiny-one")
        await pilot.press("g", "y")
        await sees(pilot, "ended with an error")
        await pilot.press("x", "y")
        await until(pilot, lambda: not partial(tmp_path).exists())
        await sees(pilot, "▸   tiny-one")


@pytest.mark.usefixtures("offered")
async def test_wrong_bytes_are_told_and_never_taken(tmp_path: Path, server: BadServer, model: bytes) -> None:
    server.data = model[:-4] + b"oops"
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        screen = await in_models(pilot)
        await point_at(pilot, "tiny-one")
        await pilot.press("g", "y")
        await sees(pilot, "✗ The file at 127.0.0.1 is not the one expected: its SHA-256 is")
        await sees(pilot, "✗ tiny-one             ended with an error · r tries again")
        found = screen.downloads.of(server.url("/tiny-one.gguf"))
        assert found is not None
        assert found.state is State.FAILED
    assert not (Paths(tmp_path).models / "tiny-one.gguf").exists()


async def test_too_little_disk_is_told_before_anything_is_asked(
    tmp_path: Path, server: BadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "free_disk", lambda _: 1_000_000_000)
    offer_only(monkeypatch, offer("huge", server.url("/huge.gguf"), 2_000_000_000))
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "huge")
        await sees(pilot, "1.0 GB are free: too little")
        await pilot.press("g")
        await sees(pilot, "✗ The disk has 1.0 GB left, and huge needs 2.1 GB. Free some space,")
        assert server.requests == []


async def test_too_little_memory_is_told_and_left_to_the_user(
    tmp_path: Path, server: BadServer, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "available_memory", lambda: 250_000_000)
    offer_only(monkeypatch, offer("tiny-one", server.url("/tiny-one.gguf"), len(model)))
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await sees(pilot, "301 MB  too large  Apache-2.0")
        await point_at(pilot, "tiny-one")
        await pilot.press("g")
        await sees(pilot, "Memory: it needs 301 MB, 250 MB are free: too large.")
        await pilot.press("y")
        await sees(pilot, "tiny-one is here.")


@pytest.mark.usefixtures("offered")
async def test_the_filter_narrows_the_list_and_escape_ends_it(tmp_path: Path) -> None:
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await sees(pilot, "tiny-two")
        await pilot.press("/", *"apache two")
        await until(pilot, lambda: "tiny-one" not in screen_text(pilot))
        assert "On this machine" not in screen_text(pilot)
        await pilot.press("enter", "g")
        await sees(pilot, "Download tiny-two?")
        await pilot.press("n", "escape")
        await sees(pilot, "tiny-one")
        await sees(pilot, "On this machine")


async def test_an_address_is_added_by_the_form_and_downloaded(
    tmp_path: Path, server: BadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_only(monkeypatch)
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await pilot.press("plus", *server.url("/found.gguf"))
        await sees(pilot, "You are asked once more before anything is contacted.")
        await pilot.press("enter")
        await sees(pilot, "Nobody knows yet how many bytes come from 127.0.0.1.")
        assert server.requests == []
        await pilot.press("y")
        await sees(pilot, "found is here. u lets both agents use it.")
