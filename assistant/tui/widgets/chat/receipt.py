"""What a message changed in memory: one line an operation, each with its undo; what was held can be kept."""

from __future__ import annotations

from textual.content import Content

from assistant.memory.operations import Action, OperationStatus
from assistant.memory.records import Operation
from assistant.tui.shown import content
from assistant.tui.widgets.action_line import ActionLine

UNDO, REDO, EDIT, KEEP, DECLINE = "undo", "redo", "edit", "do it", "don't"


class Receipt(ActionLine):
    """One operation, and whether it stands. `turn_id` is the id of the message that it came from."""

    def __init__(self, turn_id: int, operation: Operation) -> None:
        self.turn_id = turn_id
        self.operation = operation
        self._undone = operation.undone
        self._undo_id: int | None = None
        super().__init__(self._content(), *self._offered())
        self._mark()

    @property
    def can_be_kept(self) -> bool:
        """Whether it is an operation that was held, and that the user may have carried out."""
        operation = self.operation
        is_held = operation.status is OperationStatus.HELD and operation.action is not Action.NOOP
        return is_held and not operation.settled

    def follow_acceptance(self, operation_id: int, operation: Operation) -> bool:
        """Becomes the receipt of `operation` if that carried out this one. Says whether it did."""
        if operation_id != self.operation.id:
            return False
        self.operation = operation
        self._show()
        return True

    def follow_edit(self, operation: Operation) -> None:
        """Becomes the receipt of `operation`, by which the user put it differently."""
        self.operation, self._undone, self._undo_id = operation, False, None
        self._show()

    @property
    def undoes(self) -> int:
        """The row of the journal that the line's action undoes: the operation, or the undo of it."""
        return self.operation.id if self._undo_id is None else self._undo_id

    def follow(self, operation_id: int | None, undo: Operation) -> bool:
        """Takes note that `undo` has undone that row, if it is one of this line's. Says whether it was."""
        if operation_id == self.operation.id:
            self._undone, self._undo_id = True, undo.id
        elif operation_id is not None and operation_id == self._undo_id:
            self._undone, self._undo_id = False, None
        else:
            return False
        self._show()
        return True

    def _show(self) -> None:
        self.show(self._content(), *self._offered())
        self._mark()

    def _mark(self) -> None:
        self.set_class(self._undone, "-undone")
        self.set_class(self.operation.status is not OperationStatus.APPLIED, "-not-applied")

    def _offered(self) -> tuple[str, ...]:
        """What can be done about it."""
        if self.can_be_kept:
            return (KEEP, DECLINE)
        if self.operation.status is not OperationStatus.APPLIED:
            return ()
        if not self._undone:
            return (UNDO, EDIT) if self.operation.text is not None else (UNDO,)
        return (REDO,) if self._undo_id is not None else ()

    def _content(self) -> Content:
        if self._undone:
            return describe_undone(self.operation.text, self.operation.text_before)
        return describe(self.operation)


_VERBS = {Action.ADD: "remember", Action.UPDATE: "update", Action.DELETE: "let go"}
_DONE = {Action.ADD: "remembered", Action.UPDATE: "updated", Action.DELETE: "let go"}


def is_worth_telling(operation: Operation) -> bool:
    """Whether an operation says anything to the user: not if it found nothing to do, or another row settled it."""
    found_nothing = operation.action is Action.NOOP and operation.status is OperationStatus.APPLIED
    return not found_nothing and not operation.settled


def describe(operation: Operation) -> Content:
    """An operation in words, as "remembered: …"."""
    text = content(operation.text or "")
    before = content(operation.text_before or "")
    match operation.status, operation.action:
        case OperationStatus.HELD, Action.NOOP:
            return _labelled("kept for review", content(operation.reason or (operation.completion or "")))
        case OperationStatus.HELD, action:
            return _labelled(f"held ({operation.reason}), {_VERBS[action]}", _change(operation))
        case OperationStatus.REJECTED, _:
            return _labelled("not remembered", Content.assemble(text or before, " (", content(operation.reason), ")"))
        case _, Action.NOOP:
            return Content("nothing to remember")
        case _, action:
            return _labelled(_DONE[action], _change(operation))


def _change(operation: Operation) -> Content:
    """What the operation makes of which memory."""
    text, before = content(operation.text or ""), content(operation.text_before or "")
    if operation.action is Action.UPDATE:
        return Content.assemble(before, " → ", text.stylize("$foreground"))
    return before if operation.action is Action.DELETE and before else text


def describe_undone(was: str | None, now: str | None) -> Content:
    """An undo in words: what a memory said, and what it says again. None stands for no memory."""
    if was is None:
        return _labelled("brought back", content(now or ""))
    if now is None:
        return _labelled("taken back", content(was))
    return _labelled("changed back", Content.assemble(content(was), " → ", content(now)))


def _labelled(label: str, text: Content) -> Content:
    return Content.assemble((f"{label}: ", "bold"), text)
