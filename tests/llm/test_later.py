from __future__ import annotations

import threading

import pytest

from assistant.llm.later import Later


def test_what_is_put_off_is_done_in_its_order_and_settle_waits_for_it() -> None:
    later, done, go = Later(), list[int](), threading.Event()
    later.put(go.wait)
    for number in range(100):
        later.put(lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == []
    go.set()
    later.settle()
    assert done == list(range(100))


def test_a_failure_is_raised_by_settle_once_and_what_follows_it_is_left_out() -> None:
    later, done = Later(), list[int]()
    later.put(lambda: 1 // 0)
    later.put(lambda: done.append(1))
    with pytest.raises(ZeroDivisionError):
        later.settle()
    assert done == []
    later.put(lambda: done.append(2))
    later.settle()
    assert done == [2]
