"""`recollect ask`: one turn of the chat without a screen."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence

from assistant.commands import output
from assistant.commands.opening import Models, OpenModels, cancel_on_interrupt, data_folder, open_bank
from assistant.commands.reading import read_text
from assistant.commands.showing import operation_json, operation_line, shortened
from assistant.conversation.chat import AnswerText, Chat, Event, Turn, save_message
from assistant.conversation.queue import ManagerQueue, Receipt
from assistant.errors import EngineError, InterruptedByUser
from assistant.memory.bank import MemoryBank, Message
from assistant.memory.operations import OperationStatus


def run(args: argparse.Namespace, open_models: OpenModels) -> None:
    """Saves the message, answers it and, with --wait, has the manager read it."""
    text = read_text(args.text)
    paths = data_folder()
    with open_bank(paths) as bank:
        conversation = None if args.new else bank.latest_conversation()
        # Saved before there is a model: whatever becomes of that, what was said is not lost.
        message = save_message(bank, text, conversation.id if conversation else None)
        with open_models(paths) as models, cancel_on_interrupt() as cancel:
            bank.embedder = models.embedder
            models.wait_until_ready()
            turn, receipt = _take_turn(args, bank, models, message, cancel)
        _show(args, turn, receipt)
        if cancel.is_set():
            raise InterruptedByUser("Stopped.", "What was said until then is saved.")


def _take_turn(
    args: argparse.Namespace, bank: MemoryBank, models: Models, message: Message, cancel: threading.Event
) -> tuple[Turn, Receipt]:
    queue = ManagerQueue(bank, models.manager())
    try:
        _tell_of_held(queue.run_pending(cancel=cancel, before_message_id=message.id))
    except EngineError as error:
        # Earlier messages stay in the queue; if the engine is really gone, the answer says so next.
        output.print_note(f"Earlier messages could not be read yet: {error}")
    if cancel.is_set():
        raise InterruptedByUser("Stopped before answering.", "The message is saved.")
    chat = Chat(bank, models.answer_agent())
    turn = chat.reply(message, on_event=_ignore if args.json else _stream, cancel=cancel)
    if not args.wait or cancel.is_set():
        return turn, Receipt(message.id, ())
    return turn, queue.wait_for(message.id, cancel=cancel)


def _tell_of_held(receipts: Sequence[Receipt]) -> None:
    """Earlier messages are read without anybody waiting, but what the user has to decide on is said."""
    for operation in (o for receipt in receipts for o in receipt.operations):
        if operation.status is OperationStatus.HELD:
            output.print_note(operation_line(operation))


def _ignore(_: Event) -> None:
    return None


def _stream(event: Event) -> None:
    if isinstance(event, AnswerText):
        output.print_data(event.text, end="")


def _show(args: argparse.Namespace, turn: Turn, receipt: Receipt) -> None:
    if args.json:
        output.print_json(
            {
                "answer": turn.reply.text,
                "citations": [{"memory_id": memory.id, "text": memory.text} for memory in turn.citations],
                "operations": [operation_json(operation) for operation in receipt.operations],
                "conversation_id": turn.message.conversation_id,
                "message_id": turn.message.id,
                "tokens": {
                    "prompt": turn.completion.prompt_tokens,
                    "read": turn.completion.read_tokens,
                    "thinking": turn.completion.thinking_tokens,
                    "written": turn.completion.completion_tokens,
                },
            }
        )
        return
    # A reply without form has not been streamed; it is shown as it is.
    output.print_data(turn.reply.text if turn.malformed else "")
    for memory in turn.citations:
        output.print_note(f"from memory {memory.id}: {shortened(memory.text)}")
    for operation in receipt.operations:
        output.print_note(operation_line(operation))
