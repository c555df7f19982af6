from __future__ import annotations

import pickle

from assistant.errors import (
    DatabaseTooNew,
    EngineCrashed,
    EngineError,
    InputError,
    InterruptedByUser,
    ModelFileError,
    NotFoundError,
    RecollectError,
    StorageError,
)


def test_an_error_reads_as_what_happened_and_what_to_do() -> None:
    assert str(InputError("The message is empty.", "Write something.")) == "The message is empty. Write something."
    assert str(InputError("There is nothing to undo.")) == "There is nothing to undo."


def test_each_kind_of_error_has_its_exit_code() -> None:
    kinds = [RecollectError, InputError, NotFoundError, StorageError, EngineError, InterruptedByUser]
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5, 130]
    assert [kind.exit_code for kind in (DatabaseTooNew, ModelFileError, EngineCrashed)] == [4, 5, 5]


def test_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(NotFoundError("There is no memory 3.", "Look again.")))
    assert (type(error), error.message, error.hint) == (NotFoundError, "There is no memory 3.", "Look again.")
