"""The queue of messages that the Memory Manager has yet to read."""

from __future__ import annotations

from assistant.memory import jobs, settings
from assistant.memory.bank.opened import OpenedBank
from assistant.memory.deciding import Mode
from assistant.memory.records import Job


class Queueing(OpenedBank):
    """The part of the MemoryBank for what is yet to be read."""

    def next_job(self) -> Job | None:
        """The oldest job that waits, now ours; None if none does, in a pause, or while another is being done."""
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

    def is_to_be_read(self, message_id: int) -> bool:
        """Whether the manager has yet to read the message, or is reading it, and there is no pause."""
        with self._database.read() as connection:
            return settings.mode(connection) is not Mode.OFF and jobs.waits(connection, message_id)

    @property
    def paused(self) -> bool:
        """Whether nothing is remembered for now. What is said meanwhile is never read; what was said before waits."""
        with self._database.read() as connection:
            return settings.mode(connection) is Mode.OFF

    def pause(self) -> None:
        """Remembers nothing from now on, until `resume`."""
        with self._database.write() as connection:
            settings.set_mode(connection, Mode.OFF)

    def resume(self) -> None:
        """Goes back to what became of proposals before the pause, if there is one."""
        with self._database.write() as connection:
            if settings.mode(connection) is Mode.OFF:
                settings.set_mode(connection, settings.mode_before(connection))
