"""`recollect conversations`: what was said, found again, renamed, written out and removed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from assistant.commands import output
from assistant.commands.opening import data_folder, open_bank
from assistant.commands.reading import confirm, read_text
from assistant.commands.showing import message_json, shortened
from assistant.conversation import writing_out
from assistant.conversation.inputs import title_of
from assistant.errors import InterruptedByUser
from assistant.memory.bank import MemoryBank
from assistant.memory.records import Conversation, ConversationSummary, Found

EVERYTHING = 2**31 - 1


def run(args: argparse.Namespace) -> None:
    """Runs the command that `conversations_command` names."""
    with open_bank(data_folder()) as bank:
        _RUN[args.conversations_command](args, bank)


def _list(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Prints the conversations, the one last written in first."""
    found = bank.recent_conversations(args.limit)
    if args.json:
        output.print_json([_summary_json(summary) for summary in found])
        return
    for summary in found:
        output.print_data(_summary_line(summary))
    if not found:
        output.print_note("Nothing was said yet.")


def _show(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Prints the shown branch of a conversation."""
    conversation = bank.conversation(args.id)
    if not args.json:
        output.print_data(writing_out.as_markdown(bank, conversation.id), end="")
        return
    messages = bank.messages(conversation.id, EVERYTHING)
    places = bank.sibling_places([message.id for message in messages])
    said = []
    for message in messages:
        place, count = places.get(message.id, (1, 1))
        said.append({**message_json(message), "state": message.state, "version": place, "versions": count})
    output.print_json({**_json(conversation), "messages": said})


def _search(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Prints the conversations in which something fits, best first, each with a line of it."""
    found = bank.find_in_conversations(read_text(args.text), args.limit)
    if args.json:
        output.print_json([_found_json(one) for one in found])
        return
    for one in found:
        output.print_data(f"{one.conversation.id:>5}  {_title(one.conversation)}: {_marked(one)}")
    if not found:
        output.print_note("No conversation fits.")


def _rename(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Gives a conversation another title."""
    title = title_of(read_text(args.title))
    bank.rename_conversation(args.id, title)
    _tell(args, bank, f"Conversation {args.id} is called {title} now.")


def _remove(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Removes a conversation for good, which cannot be undone and so is asked about."""
    conversation = bank.conversation(args.id)
    also = " and what is remembered of it alone" if args.with_memories else ""
    if not args.yes and not confirm(f"Remove conversation {args.id}, {_title(conversation)},{also} for good?"):
        raise InterruptedByUser("Nothing was removed.")
    memories = bank.remove_conversation(args.id, with_memories=args.with_memories)
    if args.json:
        output.print_json({"removed": args.id, "memories": memories})
        return
    gone = f", and {len(memories)} memories with it" if args.with_memories else ""
    output.print_note(f"Conversation {args.id} is removed{gone}.")


def _export(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Writes a conversation as Markdown to a file that did not exist, or to standard output."""
    text = writing_out.as_markdown(bank, args.id)
    if args.file is not None:
        writing_out.write(text, args.file)
        if args.json:
            output.print_json({"file": str(args.file)})
        else:
            output.print_note(f"{args.file} holds conversation {args.id}.")
    elif args.json:
        output.print_json({"markdown": text})
    else:
        output.print_data(text, end="")


def _exclude(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Lets nothing be learned from a conversation."""
    bank.exclude_conversation(args.id, True)
    _tell(args, bank, f"Nothing is learned from conversation {args.id} from now on. What was learned from it stays.")


def _include(args: argparse.Namespace, bank: MemoryBank) -> None:
    """Lets something be learned from a conversation again."""
    bank.exclude_conversation(args.id, False)
    _tell(args, bank, f"What is said in conversation {args.id} from now on is remembered again.")


def _tell(args: argparse.Namespace, bank: MemoryBank, note: str) -> None:
    """Prints a conversation as it is now: as data for scripts, or as a note for people."""
    if args.json:
        output.print_json(_json(bank.conversation(args.id)))
    else:
        output.print_note(note)


def _json(conversation: Conversation) -> dict[str, Any]:
    """The keys that scripts rely on; more may come, none go."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": conversation.created_at,
        "sample": conversation.is_sample,
        "excluded": conversation.excluded,
    }


def _summary_json(summary: ConversationSummary) -> dict[str, Any]:
    return {
        **_json(summary.conversation),
        "messages": summary.message_count,
        "last_at": summary.last_at,
        "opening": summary.opening,
        "imported": summary.is_imported,
    }


def _found_json(found: Found) -> dict[str, Any]:
    return {
        **_json(found.conversation),
        "message": message_json(found.message) if found.message is not None else None,
        "excerpt": found.excerpt,
        "spans": found.spans,
        "score": found.score,
    }


def _title(conversation: Conversation) -> str:
    return shortened(conversation.title) or "(no title)"


def _summary_line(summary: ConversationSummary) -> str:
    """A conversation as one line of a list."""
    conversation = summary.conversation
    marks = {"imported": summary.is_imported, "sample": conversation.is_sample, "excluded": conversation.excluded}
    count = summary.message_count
    notes = [f"{count} {'message' if count == 1 else 'messages'}", *(mark for mark, is_set in marks.items() if is_set)]
    when = f"{summary.last_at.astimezone():%Y-%m-%d %H:%M}"
    return f"{conversation.id:>5}  {when}  {_title(conversation)}  ({', '.join(notes)})"


def _marked(found: Found) -> str:
    """The line that fits, with what matches in brackets: a terminal may show no bold, and a file none at all."""
    line, at = "", 0
    for begin, end in found.spans:
        line += f"{found.excerpt[at:begin]}[{found.excerpt[begin:end]}]"
        at = end
    return line + found.excerpt[at:]


_RUN: dict[str, Callable[[argparse.Namespace, MemoryBank], None]] = {
    "list": _list,
    "show": _show,
    "search": _search,
    "rename": _rename,
    "remove": _remove,
    "export": _export,
    "exclude": _exclude,
    "include": _include,
}
