"""The queue of messages that the Memory Manager has yet to read."""

from __future__ import annotations

from assistant.memory import jobs
from assistant.memory.bank.opened import OpenedBank
from assistant.memory.records import Job


class Queueing(OpenedBank):
    """The part of the MemoryBank for what is yet to be read."""

    def next_job(self) -> Job | None:
        """The oldest job that waits, now ours; None if none does, or while another is being done in any process."""
        with self._database.write() as connection:
            return jobs.take(connection, self._owner)

    def finish_job(self, job_id: int) -> None:
        """Marks a job of ours as done."""
        with self._database.write() as connection:
            jobs.finish(connection, job_id, self._owner)

    def fail_job(self, job_id: int, error: str) -> None:
        """Puts a job of ours back; after the third failure it is held, with a row in the journal for review."""
        with self._database.write() as connection:
            jobs.fail(connection, job_id, self._owner, error)

    def release_job(self, job_id: int) -> None:
        """Puts a job of ours back as if it had not been tried."""
        with self._database.write() as connection:
            jobs.release(connection, job_id, self._owner)

    def pending_jobs(self) -> int:
        """How many jobs are not done, the one being done among them."""
        with self._database.read() as connection:
            return jobs.count(connection)
