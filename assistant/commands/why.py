"""`recollect why`: where an answer comes from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from assistant.commands import output
from assistant.commands.opening import data_folder, open_bank
from assistant.commands.showing import message_json
from assistant.conversation.reasons import lines, reasons
from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import MemoryBank, Message, MessageRole

if TYPE_CHECKING:
    from assistant.commands.opening import OpenModels

LOOKED_THROUGH = 20


def run(args: argparse.Namespace, open_models: OpenModels) -> None:
    """Prints what the answer rests on: the one with that number, or the last one of the last conversation."""
    paths = data_folder()
    with open_models(paths) as models, open_bank(paths) as bank:
        reply = _reply(bank, args.message)
        if models.embedder is not None:  # Found as the answer's memories were: by meaning as well.
            models.wait_until_ready()
            bank.embedder = models.embedder
        asked, found = reasons(bank, reply)
    if args.json:
        output.print_json(
            {
                "message": message_json(asked) if asked is not None else None,
                "answer": message_json(reply),
                "memories": [
                    {
                        "memory_id": reason.memory.id,
                        "text": reason.citation.text,
                        "rank": reason.citation.rank,
                        "text_now": reason.memory.text,
                        "status": reason.memory.status,
                        "source_message_id": reason.source.id if reason.source is not None else None,
                        "quote": reason.quote,
                        "found_as": reason.rank,
                    }
                    for reason in found
                ],
            }
        )
        return
    output.print_data(f"Asked: {asked.text if asked is not None else '?'}\nAnswer: {reply.text}\n")
    for reason in found:
        output.print_data("\n".join(lines(reason)))
    if not found:
        output.print_note(
            "It uses nothing that is remembered: only the conversation, and what the model knows by itself."
        )


def _reply(bank: MemoryBank, message_id: int | None) -> Message:
    if message_id is not None:
        message = bank.message(message_id)
        if message.role is not MessageRole.ASSISTANT:
            raise InputError(
                f"Message {message_id} is no answer.", "`recollect conversations show ID --json` has them."
            )
        return message
    last = bank.latest_conversation()
    said = bank.messages(last.id, LOOKED_THROUGH) if last is not None else []
    replies = [message for message in said if message.role is MessageRole.ASSISTANT]
    if not replies:
        raise NotFoundError("There is no answer yet.", "Ask something first: recollect ask TEXT")
    return replies[-1]
