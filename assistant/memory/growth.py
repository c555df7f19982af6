"""How the memories came to be what they are: what each day added, changed and ended.

Reads the journal, so that what was purged counts on the days that it was there. Days are the user's own, as they were
where each row was written. Runs inside its caller's transaction.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import apsw

from assistant.memory.records import Growth

_PER_DAY = """
SELECT day, total(is_active > was_active), total(is_active AND was_active), total(is_active < was_active) FROM (
    SELECT substr(created_at, 1, 10) AS day, action <> 'DELETE' AS is_active,
        lag(action <> 'DELETE', 1, 0) OVER (PARTITION BY memory_id ORDER BY id) AS was_active
    FROM operation WHERE status = 'applied' AND action <> 'NOOP' AND memory_id IS NOT NULL
) GROUP BY day ORDER BY day
"""


def growth(connection: apsw.Connection) -> list[Growth]:
    """The days on which something changed, oldest first."""
    found: list[Growth] = []
    active = 0
    rows: Any = connection.execute(_PER_DAY)
    for day, added, changed, ended in rows:
        active += int(added) - int(ended)
        found.append(Growth(date.fromisoformat(day), active, int(added), int(changed), int(ended)))
    return found
