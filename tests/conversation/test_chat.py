"""One turn of a chat, on a real bank and with models that follow a script."""

from __future__ import annotations

import threading

import pytest

from assistant.agents.answer import AnswerAgent
from assistant.agents.generation import ChatMessage, Completion, FinishReason, ModelTraits, Role
from assistant.conversation import chat as chat_module
from assistant.conversation.chat import AnswerDone, AnswerText, Chat, MemoriesFound, MessageSaved, save_message
from assistant.errors import EngineCrashed, InputError, NotFoundError
from assistant.memory.bank import MemoryBank, MessageState
from assistant.memory.operations import OperationStatus
from tests.scripted import Breaks, FakeEmbedder, ScriptedGenerator, cites

TWO_DOGS = "User has two dogs named Buddy and Scout."
CRASH = EngineCrashed("The model process ended unexpectedly (signal 11).", "See engine.log.")


def chat_of(bank, *answers, **options):
    return Chat(bank, AnswerAgent(ScriptedGenerator(answer=answers)), **options)


def test_the_agent_is_offered_the_memories_that_have_to_do_with_the_message_first(bank):
    bank.add("User lives in Oslo.")
    dogs = bank.add(TWO_DOGS)
    bank.add("User likes dogs.")
    generator = ScriptedGenerator(answer=[cites(2, answer="Two, Buddy and Scout.")])
    turn = Chat(bank, AnswerAgent(generator)).send("How many dogs do I have?", conversation_id=None)
    assert generator.calls[0].question == (
        f"Memories:\nUser likes dogs. [1]\n{TWO_DOGS} [2]\nUser lives in Oslo. [3]\nNow: User: How many dogs do I have?"
    )
    assert turn.message.text == "How many dogs do I have?"
    assert turn.reply.text == "Two, Buddy and Scout."
    assert turn.reply.state is MessageState.COMPLETE
    assert turn.citations == (dogs,)
    assert [(c.memory_id, c.text) for c in bank.citations(turn.reply.id)] == [(dogs.id, TWO_DOGS)]
    assert bank.messages(turn.message.conversation_id, limit=10) == [turn.message, turn.reply]


def test_the_events_of_a_turn_come_in_their_order(bank):
    bank.add(TWO_DOGS)
    events = []
    turn = chat_of(bank, cites(1, answer="Two dogs.")).send(
        "How many dogs do I have?", conversation_id=None, on_event=events.append
    )
    [memory] = bank.memories()
    assert events == [
        MessageSaved(turn.message),
        MemoriesFound((memory,), "text"),
        AnswerText("Two"),
        AnswerText(" dogs."),
        AnswerDone(turn),
    ]


def test_the_message_is_in_the_file_with_its_job_before_a_model_is_asked(bank, path):
    seen = []

    def look(call):
        with MemoryBank.open(path) as other:
            [conversation] = other.conversations()
            seen.extend((m.text, m.state) for m in other.messages(conversation.id, limit=9))
            seen.append(other.pending_jobs())
        return "Memories: none\nAnswer: Hello."

    chat_of(bank, look).send("Hello there.", conversation_id=None)
    assert seen == [("Hello there.", MessageState.COMPLETE), 1]


def test_a_new_conversation_is_named_by_the_first_line_and_an_old_one_goes_on(bank):
    chat = chat_of(bank, "Memories: none\nAnswer: Hi.", "Memories: none\nAnswer: Fine.")
    first = chat.send("Hello there.\nIt's me.", conversation_id=None)
    second = chat.send("How are you?", conversation_id=first.message.conversation_id)
    assert [(c.id, c.title) for c in bank.conversations()] == [(first.message.conversation_id, "Hello there.")]
    assert second.message.conversation_id == first.message.conversation_id


def shown_to(generator):
    """The messages of the history that each call showed, without the replies."""
    return [[message.text for message in call.prompt[1:-1:2]] for call in generator.calls]


def test_a_model_that_was_trained_on_two_turns_sees_as_many_and_begins_anew_only_where_there_would_be_more(bank):
    generator = ScriptedGenerator(answer=[f"Memories: none\nAnswer: Reply {i}." for i in range(6)])
    chat = Chat(bank, AnswerAgent(generator, ModelTraits(history_turns=2)))
    conversation = bank.new_conversation("")
    turns = [chat.send(f"Message {i}.", conversation_id=conversation.id) for i in range(6)]
    assert shown_to(generator) == [
        [],
        ["Message 0."],
        ["Message 0.", "Message 1."],
        ["Message 2."],
        ["Message 2.", "Message 3."],
        ["Message 4."],
    ]
    ids = [turn.message.id for turn in turns]
    assert [turn.seen_from for turn in turns] == [None, None, None, ids[2], ids[2], ids[4]]
    assert bank.conversation(conversation.id).seen_from == ids[4]
    assert generator.calls[4].prompt[1:-1] == (
        ChatMessage(Role.USER, "Message 2."),
        ChatMessage(Role.ASSISTANT, "Reply 2."),
        ChatMessage(Role.USER, "Message 3."),
        ChatMessage(Role.ASSISTANT, "Reply 3."),
    )


def test_no_more_memories_are_offered_than_the_model_was_trained_for(bank):
    for i in range(5):
        bank.add(f"User has a dog named Dog{i}.")
    generator = ScriptedGenerator(answer=["Memories: none\nAnswer: Five."])
    Chat(bank, AnswerAgent(generator, ModelTraits(3))).send("How many dogs do I have?", conversation_id=None)
    assert generator.calls[0].question.count("]\n") == 3


@pytest.mark.parametrize("text", ["", " \n", "\x00", "x" * 100_001])
def test_what_cannot_be_a_message_is_refused_and_nothing_is_saved(bank, text):
    with pytest.raises(InputError):
        chat_of(bank).send(text, conversation_id=None)
    assert bank.conversations() == []
    assert bank.pending_jobs() == 0


def test_an_engine_that_dies_at_once_leaves_the_message_and_its_job(bank):
    with pytest.raises(EngineCrashed):
        chat_of(bank, Breaks("", CRASH)).send("Hello there.", conversation_id=None)
    [conversation] = bank.conversations()
    assert [m.text for m in bank.messages(conversation.id, limit=9)] == ["Hello there."]
    assert bank.pending_jobs() == 1


def test_an_engine_that_dies_while_answering_leaves_what_was_said_as_partial(bank):
    with pytest.raises(EngineCrashed):
        chat_of(bank, Breaks("Memories: none\nAnswer: One two", CRASH)).send("Count.", conversation_id=None)
    [conversation] = bank.conversations()
    assert [(m.text.strip(), m.state) for m in bank.messages(conversation.id, limit=9)] == [
        ("Count.", MessageState.COMPLETE),
        ("One two", MessageState.PARTIAL),
    ]


def test_a_listener_that_fails_loses_nothing_of_what_was_said(bank):
    def fail(event):
        if isinstance(event, AnswerText) and "two" in event.text:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        chat_of(bank, "Memories: none\nAnswer: One two three").send("Count.", conversation_id=None, on_event=fail)
    [conversation] = bank.conversations()
    assert bank.messages(conversation.id, limit=9)[1].text.strip() == "One two"


def test_a_growing_reply_is_saved_at_its_first_word_and_then_every_half_second(bank, path, monkeypatch):
    clock = iter([0.0, 0.3, 0.6, 0.6, 0.7, 0.8, 0.9])
    monkeypatch.setattr(chat_module.time, "monotonic", lambda: next(clock))
    saved = []

    def look(event):
        if isinstance(event, AnswerText):
            with MemoryBank.open(path) as other:
                reply = other.messages(conversation.id, limit=9)[-1]
                saved.append((reply.text.strip(), reply.state))

    conversation = bank.new_conversation("")
    chat_of(bank, "Memories: none\nAnswer: a b c d").send("Go.", conversation_id=conversation.id, on_event=look)
    # At "a" saved (0.0); "b" comes after 0.3 seconds, "c" after 0.6 and is saved at 0.6; "d" 0.1 later.
    assert saved == [
        ("a", MessageState.PARTIAL),
        ("a", MessageState.PARTIAL),
        ("a b c", MessageState.PARTIAL),
        ("a b c", MessageState.PARTIAL),
    ]


def test_a_stopped_reply_keeps_what_was_said_and_what_it_cites(bank):
    memory = bank.add(TWO_DOGS)
    cancel = threading.Event()

    def stop(event):
        if isinstance(event, AnswerText) and "Buddy" in event.text:
            cancel.set()

    turn = chat_of(bank, cites(1, answer="Two, Buddy and Scout.")).send(
        "How many dogs do I have?", conversation_id=None, on_event=stop, cancel=cancel
    )
    assert (turn.reply.text, turn.reply.state) == ("Two, Buddy", MessageState.STOPPED)
    assert turn.citations == (memory,)
    assert turn.malformed is None


def test_a_reply_stopped_before_its_first_word_is_empty_and_not_for_review(bank):
    cancel = threading.Event()
    cancel.set()
    turn = chat_of(bank, "Memories: none\nAnswer: Hello.").send("Hello there.", conversation_id=None, cancel=cancel)
    assert (turn.reply.text, turn.reply.state) == ("", MessageState.STOPPED)
    assert turn.malformed is None
    assert bank.operations() == []


def test_a_reply_stopped_while_it_names_memories_does_not_show_that_line(bank):
    bank.add(TWO_DOGS)
    stopped = Completion("Memories:\nUser has", FinishReason.CANCELLED)
    turn = chat_of(bank, stopped).send("How many dogs do I have?", conversation_id=None)
    assert (turn.reply.text, turn.reply.state, turn.citations) == ("", MessageState.STOPPED, ())


def test_a_reply_without_form_is_shown_as_it_is_and_kept_for_review(bank):
    turn = chat_of(bank, "Two dogs.").send("How many dogs do I have?", conversation_id=None)
    assert turn.reply.text == "Two dogs."
    assert turn.malformed is not None
    [held] = bank.operations()
    assert held.status is OperationStatus.HELD
    assert held.completion == "Two dogs."
    assert held.reason == "answer: the reply does not quote its memories and then answer"
    assert held.source_message_id == turn.reply.id


def test_a_reply_cannot_steer_the_terminal(bank):
    events = []
    turn = chat_of(bank, "Memories: none\nAnswer: one\x9b2J\n\ttwo").send(
        "Hello there.", conversation_id=None, on_event=events.append
    )
    assert turn.reply.text == "one2J\n\ttwo"
    assert "".join(event.text for event in events if isinstance(event, AnswerText)) == "one2J\n\ttwo"


def test_where_the_model_begins_to_read_follows_from_what_it_had_no_room_for(bank):
    dropped = [0, 0, 2, 4, 0]
    said = [Completion(f"Memories: none\nAnswer: {i}.", FinishReason.STOP, dropped=n) for i, n in enumerate(dropped)]
    generator = ScriptedGenerator(answer=said)
    conversation = bank.new_conversation("")
    chat = Chat(bank, AnswerAgent(generator))
    turns = [chat.send(f"Message {i}.", conversation_id=conversation.id) for i in range(5)]
    assert [len(shown) for shown in shown_to(generator)] == [0, 1, 2, 3, 4]
    ids = [turn.message.id for turn in turns]
    assert [turn.seen_from for turn in turns] == [None, None, ids[1], ids[2], None]
    assert bank.conversation(conversation.id).seen_from is None


def test_a_model_may_have_no_room_for_any_history(bank):
    said = [Completion("Memories: none\nAnswer: a.", FinishReason.STOP, dropped=n) for n in (0, 2)]
    chat = Chat(bank, AnswerAgent(ScriptedGenerator(answer=said)))
    first = chat.send("Message 0.", conversation_id=None)
    second = chat.send("Message 1.", conversation_id=first.message.conversation_id)
    assert second.seen_from == second.message.id


def test_of_an_endless_conversation_the_model_is_given_the_end_from_the_same_message_on(bank):
    conversation = bank.new_conversation("")
    for i in range(250):
        bank.add_message(conversation.id, "user", f"m{i}")
        bank.add_message(conversation.id, "assistant", f"a{i}")
    generator = ScriptedGenerator(default_answer="Memories: none\nAnswer: Yes.")
    chat = Chat(bank, AnswerAgent(generator))
    turns = [chat.send("And now?", conversation_id=conversation.id) for _ in range(3)]
    # 502 messages: of the last 401, numbered 100 and up, those from 200 on.
    assert [shown[0] for shown in shown_to(generator)] == ["m100", "m100", "m100"]
    assert {turn.seen_from for turn in turns} == {201}


def test_messages_without_a_reply_are_no_part_of_the_history(bank):
    stopped = threading.Event()
    stopped.set()
    generator = ScriptedGenerator(default_answer="Memories: none\nAnswer: Yes.")
    chat = Chat(bank, AnswerAgent(generator))
    conversation = bank.new_conversation("")
    chat.send("Answered.", conversation_id=conversation.id)
    save_message(bank, "The engine died.", conversation.id)
    chat.send("Stopped before a word.", conversation_id=conversation.id, cancel=stopped)
    chat.send("And now?", conversation_id=conversation.id)
    assert generator.calls[2].prompt[1:-1] == (
        ChatMessage(Role.USER, "Answered."),
        ChatMessage(Role.ASSISTANT, "Yes."),
    )


def test_a_saved_message_can_be_answered_later(bank):
    message = save_message(bank, "Hello there.", None)
    turn = chat_of(bank, "Memories: none\nAnswer: Hi.").reply(message)
    assert (turn.message, turn.reply.text) == (message, "Hi.")
    assert bank.pending_jobs() == 1


def test_with_an_embedder_search_is_by_meaning_too_and_says_so(path):
    with MemoryBank.open(path, FakeEmbedder()) as bank:
        bank.add(TWO_DOGS)
        bank.index_pending()
        events = []
        chat_of(bank, cites(1, answer="Two.")).send("Which dogs?", conversation_id=None, on_event=events.append)
    assert events[1].search_mode == "text and meaning"


def test_an_answered_message_can_be_answered_again_and_both_answers_are_kept(bank):
    chat = chat_of(bank, *(f"Memories: none\nAnswer: {answer}." for answer in ("One", "Two", "Three")))
    first = chat.send("Count.", conversation_id=None)
    again = chat.reply(first.message)
    conversation = first.message.conversation_id
    assert bank.messages(conversation, limit=9) == [first.message, again.reply]
    assert bank.siblings(again.reply.id) == [first.reply.id, again.reply.id]
    assert again.reply.parent_id == first.reply.parent_id == first.message.id
    assert bank.pending_jobs() == 1


def test_a_message_said_anew_is_answered_from_what_was_said_before_it(bank):
    generator = ScriptedGenerator(answer=[f"Memories: none\nAnswer: Reply {i}." for i in range(5)])
    chat = Chat(bank, AnswerAgent(generator))
    first = chat.send("Message 0.", conversation_id=None)
    conversation = first.message.conversation_id
    second = chat.send("Mesage 1.", conversation_id=conversation)
    chat.send("Message 2.", conversation_id=conversation)
    edited = save_message(bank, " Message 1.", None, instead_of=second.message)
    turn = chat.reply(edited)
    assert (edited.text, edited.conversation_id, edited.parent_id) == ("Message 1.", conversation, first.reply.id)
    chat.send("Message 3.", conversation_id=conversation)
    assert shown_to(generator) == [
        [],
        ["Message 0."],
        ["Message 0.", "Mesage 1."],
        ["Message 0."],
        ["Message 0.", "Message 1."],
    ]
    assert [m.text for m in bank.messages(conversation, limit=4)] == [
        "Message 1.",
        "Reply 3.",
        "Message 3.",
        "Reply 4.",
    ]
    bank.show_branch(second.message.id)
    assert [m.text for m in bank.messages(conversation, limit=2)] == ["Message 2.", "Reply 2."]
    assert turn.seen_from is None


def test_a_reply_stays_with_its_message_while_another_branch_is_looked_at(bank):
    chat = chat_of(bank, "Memories: none\nAnswer: Hello.", "Memories: none\nAnswer: One two three")
    first = chat.send("Hello there.", conversation_id=None)
    conversation = first.message.conversation_id
    edited = save_message(bank, "Hello you.", conversation, instead_of=first.message)

    def look_elsewhere(event):
        if isinstance(event, MemoriesFound):
            bank.show_branch(first.message.id)

    turn = chat.reply(edited, on_event=look_elsewhere)
    assert [m.text for m in bank.messages(conversation, limit=9)] == ["Hello there.", "Hello."]
    bank.show_branch(edited.id)
    assert bank.messages(conversation, limit=9) == [edited, turn.reply]


def test_what_is_typed_on_while_a_reply_is_written_follows_that_reply(bank):
    saved = []

    def say_more(event):
        if isinstance(event, AnswerText) and "two" in event.text:
            saved.append(save_message(bank, "And four?", event_conversation))

    event_conversation = bank.new_conversation("").id
    turn = chat_of(bank, "Memories: none\nAnswer: One two three").send(
        "Count.", conversation_id=event_conversation, on_event=say_more
    )
    assert bank.messages(event_conversation, limit=9) == [turn.message, turn.reply, *saved]


def test_a_conversation_that_is_removed_while_it_is_answered_is_an_error_that_says_so(bank):
    def remove(event):
        if isinstance(event, AnswerText) and "two" in event.text:
            bank.remove_conversation(1)

    with pytest.raises(NotFoundError, match=r"There is no (conversation 1|message 2)\."):
        chat_of(bank, "Memories: none\nAnswer: One two three").send("Count.", conversation_id=None, on_event=remove)
    assert bank.conversations() == []


def test_in_a_pause_what_is_said_is_answered_and_never_read(bank):
    bank.pause()
    turn = chat_of(bank, "Memories: none\nAnswer: Hi.").send("Hello there.", conversation_id=None)
    bank.resume()
    assert (turn.reply.text, bank.pending_jobs()) == ("Hi.", 0)
