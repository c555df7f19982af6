from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import DiskFull, EngineError, InputError, InterruptedByUser, ModelFileError, NotWritable
from assistant.llm.files import download as module
from assistant.llm.files import partial as partial_file
from assistant.llm.files.download import RESERVE, Downloaded, Progress, download, token_for
from assistant.llm.files.manifest import ModelFile
from tests.llm.files.bad_server import BadServer

NO_WAITS = (0.0, 0.0, 0.0)
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@pytest.fixture(scope="module")
def data(tiny: ModelFile) -> bytes:
    return tiny.path.read_bytes()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(data: bytes) -> Iterator[BadServer]:
    with BadServer(data) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "model.gguf"


def fetch(server: BadServer, target: Path, **options: Any) -> Downloaded:
    return download(server.url(), target, **({"waits": NO_WAITS} | options))


def partial(target: Path) -> Path:
    return target.with_name("model.gguf.partial")


def files(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stop_after(server: BadServer, target: Path, count: int) -> None:
    """Leaves the first `count` bytes, as a call does whose connection breaks."""
    server.break_off_after = [count]
    with pytest.raises(EngineError):
        fetch(server, target, waits=())
    server.requests.clear()


def test_a_file_is_there_whole_with_the_hash_that_was_computed(server: BadServer, target: Path, data: bytes) -> None:
    assert fetch(server, target) == Downloaded(target, len(data), sha(data))
    assert target.read_bytes() == data
    assert files(target) == ["model.gguf"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_nothing_has_the_name_of_the_file_before_it_is_whole(server: BadServer, target: Path) -> None:
    stop_after(server, target, 100_000)
    assert files(target) == ["model.gguf.partial", "model.gguf.partial.json"]
    assert partial(target).stat().st_size == 100_000
    for path in target.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_progress_says_how_far_it_is_and_how_fast(server: BadServer, target: Path, data: bytes) -> None:
    server.seconds_a_piece = 0.01
    seen: list[Progress] = []
    fetch(server, target, on_progress=seen.append)
    assert seen[0].total == seen[-1].total == seen[-1].done == len(data)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert 0 < seen[-1].bytes_per_second < 16_384 / 0.01


def test_a_connection_that_breaks_off_is_taken_up_again_where_it_stopped(
    server: BadServer, target: Path, data: bytes
) -> None:
    server.break_off_after = [100_000, 50_000, 1]
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == [None, "bytes=100000-", "bytes=150000-", "bytes=150001-"]
    assert server.asked("if-range") == [None, '"first"', '"first"', '"first"']


def test_a_connection_that_always_breaks_off_ends_with_how_to_go_on(server: BadServer, target: Path) -> None:
    server.break_off_after = [100_000, 1, 1, 1, 1]
    with pytest.raises(EngineError) as caught:
        fetch(server, target)
    assert str(caught.value) == (
        "The connection to 127.0.0.1 broke off after 100 kB. The same command goes on where it stopped."
    )
    assert partial(target).stat().st_size == 100_003


def test_tries_are_counted_anew_when_there_is_progress(
    server: BadServer, target: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROGRESS", 50_000)
    server.break_off_after = [50_000] * 6
    assert fetch(server, target, waits=(0.0, 0.0)).size == len(data)
    assert len(server.requests) == 7


def test_the_waits_grow(server: BadServer, target: Path) -> None:
    server.break_off_after = [10, 10, 10]
    begun = time.monotonic()
    fetch(server, target, waits=(0.05, 0.1, 0.2))
    assert 0.35 <= time.monotonic() - begun < 2
    assert module.WAITS == (1.0, 2.0, 4.0, 8.0, 15.0)


def test_a_later_call_goes_on_where_the_first_stopped(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    assert fetch(server, target) == Downloaded(target, len(data), sha(data))
    assert server.asked("range") == ["bytes=100000-"]
    assert files(target) == ["model.gguf"]


def test_a_date_stands_in_for_a_missing_or_weak_etag(server: BadServer, target: Path, data: bytes) -> None:
    server.etag, server.modified = 'W/"first"', "Mon, 02 Nov 2026 10:00:00 GMT"
    stop_after(server, target, 100_000)
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("if-range") == ["Mon, 02 Nov 2026 10:00:00 GMT"]


def test_without_anything_that_proves_it_the_same_file_it_begins_anew(
    server: BadServer, target: Path, data: bytes
) -> None:
    server.etag = None
    stop_after(server, target, 100_000)
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == [None]


def test_a_known_hash_is_proof_enough(server: BadServer, target: Path, data: bytes) -> None:
    server.etag = None
    stop_after(server, target, 100_000)
    assert fetch(server, target, sha256=sha(data)).size == len(data)
    assert server.asked("range") == ["bytes=100000-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    changed = data[:-1] + b"!"
    server.data, server.etag = changed, '"second"'
    assert fetch(server, target).sha256 == sha(changed)
    assert server.asked("range") == ["bytes=100000-"]


def test_a_changed_file_is_noticed_even_if_the_server_does_not_look_at_if_range(
    server: BadServer, target: Path, data: bytes
) -> None:
    stop_after(server, target, 100_000)
    changed = data[:-1] + b"!"
    server.data, server.etag, server.ignores_if_range = changed, '"second"', True
    assert fetch(server, target).sha256 == sha(changed)
    assert server.asked("range") == ["bytes=100000-", None]


def test_another_address_with_the_same_name_is_fetched_anew(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    assert download(server.url("/other.gguf"), target, waits=NO_WAITS).sha256 == sha(data)
    assert server.asked("range") == [None]


def test_a_server_that_ignores_ranges_sends_it_all_again(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    server.ignores_ranges = True
    assert fetch(server, target).sha256 == sha(data)


def test_a_server_that_refuses_the_range_sends_it_all_again(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    server.refuses_ranges = True
    assert fetch(server, target, waits=()).sha256 == sha(data)
    assert server.asked("range") == ["bytes=100000-", None]


def test_a_range_that_begins_elsewhere_is_not_taken(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    server.range_shift = 7
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == ["bytes=100000-", None]


@pytest.mark.parametrize("difference", [-1000, 1000])
def test_a_range_of_a_file_of_another_length_is_not_taken(
    server: BadServer, target: Path, data: bytes, difference: int
) -> None:
    stop_after(server, target, 100_000)
    server.range_total = len(data) + difference
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == ["bytes=100000-", None]


def test_notes_that_cannot_be_read_mean_beginning_anew(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    target.with_name("model.gguf.partial.json").write_text('{"address": ')
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == [None]


def test_a_whole_partial_file_needs_no_server(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    partial(target).write_bytes(data)
    assert fetch(server, target, sha256=sha(data)).size == len(data)
    assert server.requests == []
    assert files(target) == ["model.gguf"]


def test_a_partial_file_with_other_bytes_is_found_by_the_hash(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    partial(target).write_bytes(bytes(100_000))
    with pytest.raises(ModelFileError, match="is not the one expected"):
        fetch(server, target, sha256=sha(data))
    assert fetch(server, target, sha256=sha(data)).size == len(data)


def test_wrong_bytes_are_not_kept(server: BadServer, target: Path, data: bytes) -> None:
    server.data = data[:-1] + b"!"
    with pytest.raises(ModelFileError) as caught:
        fetch(server, target, sha256=sha(data))
    assert str(caught.value) == (
        f"The file at 127.0.0.1 is not the one expected: its SHA-256 is {sha(server.data)[:12]}…, "
        f"not {sha(data)[:12]}…. Try again. If it happens again, the publisher has replaced the file."
    )
    assert files(target) == []


def test_a_hash_may_be_written_in_capitals(server: BadServer, target: Path, data: bytes) -> None:
    assert fetch(server, target, sha256=sha(data).upper()).sha256 == sha(data)


def test_a_file_of_another_size_is_refused_before_it_is_fetched(server: BadServer, target: Path, data: bytes) -> None:
    with pytest.raises(ModelFileError) as caught:
        fetch(server, target, size=len(data) - 1)
    assert caught.value.message == (f"The file at 127.0.0.1 has {len(data)} bytes, and {len(data) - 1} were expected.")
    assert partial(target).stat().st_size == 0


def test_a_server_that_announces_too_little_cuts_the_file_off(server: BadServer, target: Path, data: bytes) -> None:
    server.announce_more = -1000
    with pytest.raises(ModelFileError) as caught:
        fetch(server, target)
    assert caught.value.message == (
        f"The model file model.gguf is cut off: it has {len(data) - 1000} of {len(data)} bytes."
    )
    assert files(target) == []


def test_a_server_that_announces_too_much_ends_with_an_error(server: BadServer, target: Path, data: bytes) -> None:
    server.announce_more = 1000
    with pytest.raises(EngineError, match="broke off after"):
        fetch(server, target)
    assert not target.exists()


def test_a_body_longer_than_the_size_is_refused(server: BadServer, target: Path, data: bytes) -> None:
    server.chunked = True
    with pytest.raises(ModelFileError) as caught:
        fetch(server, target, size=len(data) - 1)
    assert caught.value.message == f"127.0.0.1 sent more than the {len(data) - 1} bytes that it announced."
    assert files(target) == []


def test_a_body_shorter_than_the_size_is_refused(server: BadServer, target: Path, data: bytes) -> None:
    server.chunked = True
    with pytest.raises(ModelFileError, match=f"has {len(data)} bytes, and {len(data) + 1} were expected"):
        fetch(server, target, size=len(data) + 1)
    assert files(target) == []


def test_a_server_may_leave_the_length_open(server: BadServer, target: Path, data: bytes) -> None:
    server.chunked = True
    seen: list[Progress] = []
    assert fetch(server, target, on_progress=seen.append).sha256 == sha(data)
    assert (seen[0].total, seen[-1].total) == (None, len(data))


def test_a_web_page_in_place_of_the_file_is_told_and_not_kept(server: BadServer, target: Path) -> None:
    server.page = PAGE
    with pytest.raises(ModelFileError) as caught:
        fetch(server, target)
    assert str(caught.value) == ("127.0.0.1 sent a web page in place of a GGUF file. Check the address of the model.")
    assert partial(target).read_bytes() == b""


@pytest.mark.parametrize("page", [b"", b"GG", b"PK\x03\x04" * 100])
def test_anything_else_in_place_of_the_file_is_told(server: BadServer, target: Path, page: bytes) -> None:
    server.page = page
    with pytest.raises(ModelFileError, match="sent something else in place of a GGUF file"):
        fetch(server, target)
    assert not target.exists()


def test_the_first_four_bytes_may_come_one_after_the_other(server: BadServer, target: Path, data: bytes) -> None:
    server.first_piece, server.seconds_a_piece = 2, 0.02
    assert fetch(server, target).sha256 == sha(data)


def test_a_web_page_does_not_cost_what_was_fetched_before(server: BadServer, target: Path, data: bytes) -> None:
    stop_after(server, target, 100_000)
    server.page = PAGE
    with pytest.raises(ModelFileError, match="sent a web page"):
        fetch(server, target)
    server.page = None
    server.requests.clear()
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == ["bytes=100000-"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "127.0.0.1 asks who you are (status 401). Accept the model's licence there, then set HF_TOKEN."),
        (
            403,
            "127.0.0.1 does not let you have this file (status 403). "
            "Accept the model's licence there, or check your token.",
        ),
        (
            404,
            "127.0.0.1 has no such file (status 404). Check the address: the publisher may have moved it.",
        ),
        (
            429,
            "127.0.0.1 has had too many requests (status 429). "
            "Try again later. The same command goes on where it stopped.",
        ),
        (
            503,
            "127.0.0.1 has a fault of its own (status 503). "
            "Try again later. The same command goes on where it stopped.",
        ),
        (
            204,
            "127.0.0.1 gave an answer that makes no sense here (status 204). Check the address of the model.",
        ),
    ],
)
def test_a_refusal_says_what_to_do(server: BadServer, target: Path, status: int, said: str) -> None:
    stop_after(server, target, 100_000)
    server.status = status
    with pytest.raises(EngineError) as caught:
        fetch(server, target)
    assert str(caught.value) == said
    assert partial(target).stat().st_size == 100_000


def test_a_host_that_cannot_be_reached_is_told_at_once(server: BadServer, target: Path) -> None:
    with pytest.raises(EngineError) as caught:
        download("http://127.0.0.1:9/model.gguf", target, waits=(60.0,))
    assert str(caught.value) == (
        "127.0.0.1 cannot be reached. Check the network. The same command goes on where it stopped."
    )


def test_the_hash_that_the_hub_states_beside_its_redirect_is_checked(
    server: BadServer, target: Path, data: bytes
) -> None:
    server.redirect_to = server.url(host="localhost")
    server.stated_hash = sha(data)
    assert download(server.url("/there"), target, waits=NO_WAITS) == Downloaded(target, len(data), sha(data))
    server.data = data[:-1] + b"!"
    with pytest.raises(ModelFileError, match="is not the one expected"):
        download(server.url("/there"), target, waits=NO_WAITS)


def test_the_hub_having_another_file_than_expected_is_told_before_it_is_fetched(
    server: BadServer, target: Path, data: bytes
) -> None:
    server.redirect_to = server.url(host="localhost")
    server.stated_hash = "0" * 64
    with pytest.raises(ModelFileError, match="its SHA-256 is 000000000000…, not"):
        download(server.url("/there"), target, sha256=sha(data), waits=NO_WAITS)
    assert server.asked("path") == ["/there"]


def test_a_redirect_to_a_relative_address_is_followed(server: BadServer, target: Path, data: bytes) -> None:
    server.redirect_to = "/model.gguf"
    assert download(server.url("/there"), target, waits=NO_WAITS).size == len(data)


def test_redirects_have_an_end(server: BadServer, target: Path) -> None:
    server.redirect_to = server.url("/there")
    with pytest.raises(EngineError) as caught:
        download(server.url("/there"), target, waits=NO_WAITS)
    assert str(caught.value) == "127.0.0.1 redirects more than 10 times. Check the address."
    assert len(server.requests) == 11


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("ftp://127.0.0.1/model.gguf", "An address that begins with ftp:// cannot be used."),
        ("file:///etc/passwd", "An address that begins with file:// cannot be used."),
        ("http://192.0.2.1/model.gguf", "192.0.2.1 would send the model unprotected, and its SHA-256 is not known."),
        ("http://127.0.0.1:port/", "127.0.0.1 redirects to an address that cannot be read."),
    ],
)
def test_a_redirect_leads_nowhere_that_an_address_may_not(
    server: BadServer, target: Path, location: str, said: str
) -> None:
    server.redirect_to = location
    with pytest.raises((InputError, EngineError)) as caught:
        download(server.url("/there"), target, waits=NO_WAITS)
    assert caught.value.message == said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/model.gguf", "An address that begins with ftp:// cannot be used."),
        ("model.gguf", "An address that begins with nothing:// cannot be used."),
        ("http://example.org/x.gguf", "example.org would send the model unprotected, and its SHA-256 is not known."),
        ("https://example.org:port/x.gguf", "The address of the model cannot be read."),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(target: Path, url: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        download(url, target)
    assert caught.value.message == said
    assert not target.parent.exists()


def test_a_token_goes_to_its_own_host_alone(server: BadServer, target: Path) -> None:
    server.redirect_to = server.url(host="localhost")
    download(server.url("/there"), target, token="hf_secret", waits=NO_WAITS)
    assert server.asked("path") == ["/there", "/model.gguf"]
    assert server.asked("authorization") == ["Bearer hf_secret", None]


def test_nothing_that_lets_somebody_in_is_written_or_shown(server: BadServer, target: Path) -> None:
    url = server.url().replace("http://", "http://name:password@") + "?signature=signed"
    server.break_off_after = [100_000]
    with pytest.raises(EngineError) as caught:
        download(url, target, token="hf_secret", waits=())
    kept = target.with_name("model.gguf.partial.json").read_text()
    assert json.loads(kept)["address"] == server.url()
    for secret in ("hf_secret", "name", "password", "signed"):
        assert secret not in kept
        assert secret not in str(caught.value)


def test_a_token_that_is_none_is_refused_without_being_shown(target: Path) -> None:
    with pytest.raises(InputError) as caught:
        download("https://example.org/model.gguf", target, token="hf_secret\n")
    assert str(caught.value) == "The token cannot be used: it has spaces or other special characters."


def test_the_token_of_the_environment_is_meant_for_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert token_for("https://huggingface.co/a/b/resolve/main/c.gguf") == "hf_secret"
    assert token_for("http://huggingface.co/c.gguf") is None
    assert token_for("https://huggingface.co.example.org/c.gguf") is None
    assert token_for("https://example.org/huggingface.co/c.gguf") is None
    monkeypatch.setenv("HF_TOKEN", "")
    assert token_for("https://huggingface.co/c.gguf") is None


def test_a_hash_that_is_none_is_refused(target: Path) -> None:
    with pytest.raises(InputError, match="'abc' is not a SHA-256"):
        download("https://example.org/model.gguf", target, sha256="abc")


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    server: BadServer, target: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = len(data) + RESERVE - 1
    usage = shutil.disk_usage(target.parent.parent)._replace(free=free)
    monkeypatch.setattr("assistant.llm.files.resources.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DiskFull) as caught:
        fetch(server, target, size=len(data))
    assert str(caught.value) == (
        f"The disk has {free / 1e6:.1f} MB left, and the download needs {(free + 1) / 1e6:.1f} MB. "
        "Free some space. The same command goes on where it stopped."
    )
    assert server.requests == []
    with pytest.raises(DiskFull):
        fetch(server, target)
    assert partial(target).stat().st_size == 0
    monkeypatch.setattr("assistant.llm.files.resources.shutil.disk_usage", lambda _: usage._replace(free=free + 1))
    assert fetch(server, target, size=len(data)).size == len(data)


def test_what_is_there_already_needs_no_room(
    server: BadServer, target: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(server, target, 100_000)
    usage = shutil.disk_usage(target.parent)._replace(free=len(data) - 100_000 + RESERVE)
    monkeypatch.setattr("assistant.llm.files.resources.shutil.disk_usage", lambda _: usage)
    assert fetch(server, target, size=len(data)).size == len(data)


def child(server: BadServer, target: Path, before: str = "") -> subprocess.Popen[str]:
    """Another process that downloads the same file."""
    program = f"""
import sys
from pathlib import Path
from assistant.errors import RecollectError
from assistant.llm.files.download import download
{before}
try:
    download({server.url()!r}, Path({str(target)!r}), waits=())
except RecollectError as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
"""
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=Path.cwd())


def wait_for_bytes(target: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while not partial(target).exists() or partial(target).stat().st_size < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_disk_that_fills_up_keeps_what_there_is(server: BadServer, target: Path, data: bytes) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    _, said = child(server, target, limit).communicate(timeout=60)
    assert said == (
        "DiskFull: The disk is full after 200 kB of the download. "
        "Free some space. The same command goes on where it stopped.\n"
    )
    assert partial(target).stat().st_size == 200_000
    server.requests.clear()
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == ["bytes=200000-"]


def test_a_killed_download_is_taken_up_by_the_same_call(server: BadServer, target: Path, data: bytes) -> None:
    server.stalls_after = 250_000
    process = child(server, target)
    wait_for_bytes(target, 250_000)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    server.stalls_after = None
    server.requests.clear()
    assert fetch(server, target) == Downloaded(target, len(data), sha(data))
    assert server.asked("range") == ["bytes=250000-"]


def test_a_second_process_is_refused_while_the_first_downloads(server: BadServer, target: Path) -> None:
    server.stalls_after = 100_000
    process = child(server, target)
    wait_for_bytes(target, 100_000)
    with pytest.raises(InputError) as caught:
        fetch(server, target)
    process.kill()
    process.communicate(timeout=60)
    assert str(caught.value) == "model.gguf is already being downloaded. Wait for it to end."
    assert partial(target).stat().st_size == 100_000


def test_a_second_process_is_refused_where_files_cannot_be_locked(
    server: BadServer, target: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_file, "fcntl", None)
    target.parent.mkdir()
    lock = target.with_name("model.gguf.partial.lock")
    lock.touch()
    with pytest.raises(InputError) as caught:
        fetch(server, target)
    assert caught.value.hint == f"Wait for it to end. If there is none, delete {lock}."
    lock.unlink()
    assert fetch(server, target).sha256 == sha(data)
    assert files(target) == ["model.gguf"]


def test_who_waited_for_the_lock_never_writes_into_the_finished_file(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir()
    partial(target).write_bytes(b"whole")
    really_open = os.open

    def open_just_before_the_other_ends(path: Path, *options: int) -> int:
        descriptor = really_open(path, *options)
        if not target.exists():
            partial(target).rename(target)
        return descriptor

    monkeypatch.setattr(os, "open", open_just_before_the_other_ends)
    descriptor = partial_file._open_locked(partial(target))
    os.write(descriptor, b"new")
    os.close(descriptor)
    assert target.read_bytes() == b"whole"
    assert partial(target).read_bytes() == b"new"


def test_cancelling_keeps_what_there_is(server: BadServer, target: Path, data: bytes) -> None:
    server.seconds_a_piece = 0.02
    cancel = threading.Event()
    with pytest.raises(InterruptedByUser) as caught:
        fetch(server, target, cancel=cancel, on_progress=lambda progress: progress.done > 60_000 and cancel.set())
    assert str(caught.value) == "The download was stopped. The same command goes on where it stopped."
    kept = partial(target).stat().st_size
    assert 60_000 < kept < len(data)
    server.requests.clear()
    assert fetch(server, target).sha256 == sha(data)
    assert server.asked("range") == [f"bytes={kept}-"]


def test_cancelling_does_not_wait_for_a_server_that_sends_nothing(server: BadServer, target: Path) -> None:
    server.stalls_after = 100_000
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    begun = time.monotonic()
    with pytest.raises(InterruptedByUser):
        fetch(server, target, cancel=cancel)
    assert time.monotonic() - begun < 3
    assert partial(target).stat().st_size == 100_000


def test_cancelling_ends_the_waiting_between_two_tries(server: BadServer, target: Path) -> None:
    server.break_off_after = [10]
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    begun = time.monotonic()
    with pytest.raises(InterruptedByUser):
        fetch(server, target, cancel=cancel, waits=(60.0,))
    assert time.monotonic() - begun < 3


def test_a_folder_that_cannot_be_written_is_told(server: BadServer, target: Path) -> None:
    target.parent.mkdir()
    partial(target).mkdir()
    with pytest.raises(NotWritable, match=r"model\.gguf\.partial cannot be written \(Is a directory\)"):
        fetch(server, target)


def test_importing_it_loads_no_http_client() -> None:
    program = "import sys, assistant.llm.files.download; print('httpx2' in sys.modules, 'numpy' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "False False\n"
