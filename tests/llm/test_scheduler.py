from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from assistant.llm.scheduler import Job, Scheduler


class AllDone(Exception):
    """Ends a scheduler, which works for good."""


def job(job_id: int, priority: int, steps: int, log: list[str], at_step: Callable[[int], None] | None = None) -> Job:
    def work() -> Iterator[None]:
        for step in range(steps):
            log.append(f"{job_id}.{step}")
            if at_step is not None:
                at_step(step)
            yield

    return Job(job_id, priority, work())


def last_job(job_id: int) -> Job:
    def work() -> Iterator[None]:
        raise AllDone
        yield

    return Job(job_id, 99, work())


def run(scheduler: Scheduler) -> None:
    scheduler.add(last_job(1000))
    with pytest.raises(AllDone):
        scheduler.run()


def test_jobs_of_one_priority_are_done_one_after_the_other() -> None:
    scheduler, log = Scheduler(), list[str]()
    scheduler.add(job(1, 0, 2, log))
    scheduler.add(job(2, 0, 2, log))
    run(scheduler)
    assert log == ["1.0", "1.1", "2.0", "2.1"]


def test_of_equals_the_first_that_came_is_finished_first_whatever_their_numbers() -> None:
    scheduler, log = Scheduler(), list[str]()
    scheduler.add(job(2, 0, 3, log, lambda step: scheduler.add(job(1, 0, 1, log)) if step == 0 else None))
    run(scheduler)
    assert log == ["2.0", "2.1", "2.2", "1.0"]


def test_a_more_urgent_job_interrupts_one_at_work() -> None:
    scheduler, log = Scheduler(), list[str]()

    def interrupt(step: int) -> None:
        if step == 1:
            scheduler.add(job(2, 0, 2, log))

    scheduler.add(job(1, 2, 3, log, interrupt))
    run(scheduler)
    assert log == ["1.0", "1.1", "2.0", "2.1", "1.2"]


def test_a_cancelled_job_is_next_so_that_it_can_say_so() -> None:
    scheduler, log = Scheduler(), list[str]()
    scheduler.add(job(1, 0, 3, log, lambda step: scheduler.cancel(2) if step == 0 else None))
    scheduler.add(job(2, 2, 1, log))
    run(scheduler)
    assert log == ["1.0", "2.0", "1.1", "1.2"]


def test_cancelling_what_is_over_does_nothing() -> None:
    scheduler, log = Scheduler(), list[str]()
    scheduler.add(job(1, 0, 1, log))
    scheduler.add(job(2, 0, 1, log, lambda _: scheduler.cancel(1)))
    run(scheduler)
    assert log == ["1.0", "2.0"]
