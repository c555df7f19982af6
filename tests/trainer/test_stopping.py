"""Being asked to stop: once to save first, twice to be gone."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from trainer.stopping import asked_to_stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_request_is_noted_and_the_second_is_obeyed(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), asked_to_stop() as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked()
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_beside_the_main_thread_nothing_is_noted() -> None:
    seen: list[bool] = []

    def work() -> None:
        with asked_to_stop() as asked:
            seen.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
