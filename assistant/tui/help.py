"""What each mode tells of its keys and marks. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.tui.modes import Mode


@dataclass(frozen=True, slots=True)
class Help:
    """The keys of a mode with what they do, and what there is to say beside."""

    keys: tuple[tuple[str, str], ...]
    about: str


EVERYWHERE = (
    ("F2 to F6", "Chat, Memory, Models, Training, Settings"),
    ("Ctrl+P", "all commands"),
    ("Ctrl+T", "light or dark"),
    ("F8", "what went wrong since the start"),
    ("Ctrl+Q", "quit; everything is saved"),
)
"""The keys of all modes."""
HELP = {
    Mode.CHAT: Help(
        (
            ("Enter", "send"),
            ("Shift+Enter, Ctrl+J", "new line"),
            ("/", "commands: /remember, /forget, /why and others"),
            ("Esc", "stop the answer; what was said is kept"),
            ("Ctrl+B", "all conversations: find, rename, remove"),
            ("Ctrl+N", "new conversation; what is remembered stays"),
            ("Up, Down", "from the box, go to a message; then"),
            ("  c, b", "copy it, copy its code"),
            ("  r, e", "answer again, or say it differently"),
            ("  left, right", "what else was said in its place"),
            ("  m, w", "the memories it used, and why"),
            ("Ctrl+O", "show the memories that the last answer used"),
            ("Ctrl+Z, Ctrl+Y", "undo typing, then memories; redo"),
            ("Tab, Shift+Tab", "go to undo and other links"),
            ("Page Up, Page Down", "scroll"),
        ),
        "Each message is saved before it is answered. Afterwards it is read once more for facts worth keeping; "
        "what was kept, changed or let go stands under the answer. Everything stays on this machine.",
    ),
    Mode.MEMORY: Help(
        (
            ("/", "filter; Enter searches by meaning too"),
            ("0 to 6, v", "one kind or all; with those that ended"),
            ("s, S, a click above", "sort by another column, the other way round"),
            ("d", "what was known on a day; Esc returns"),
            ("Enter", "details: versions, where it came from"),
            ("o", "the message it came from, in the Chat"),
            ("a, e", "add one; edit one, as a new version"),
            ("p, n", "pin; never use: known, but never on offer"),
            ("f, w, l", "forget; wrong; outdated, held until today"),
            ("Space, m", "select several; merge them into one"),
            ("x", "purge: wipe the text for good"),
            ("u or Ctrl+Z, Ctrl+Y", "undo, redo"),
            ("i, t, Esc", "inbox, timeline, back to the memories"),
            ("y, e, d, r", "inbox: accept, edit, decline, read again"),
            ("j, k, Home, End", "move; Page Up and Page Down by pages"),
        ),
        "▸ at hand   ✓ selected   ♦ pinned   ⊘ never used\n"
        "[-gone-] and {+new+} show what changed between two versions; »« what a memory rests on.",
    ),
    Mode.MODELS: Help(
        (
            ("u, m, a", "use for both agents, the manager, the answers"),
            ("Ctrl+Z", "the former choice again"),
            ("g", "download, once you agree to the host"),
            ("p, r", "pause a download; go on, also after a restart"),
            ("s", "measure how fast it is here; Esc stops"),
            ("+", "add a file at hand, or a server"),
            ("v", "compare the checksum"),
            ("x", "remove; what was downloaded is deleted"),
            ("/", "filter the list"),
        ),
        "The Memory Manager reads what you say for facts, the Answer Agent answers. Nothing is contacted before you "
        "download something or choose a server.",
    ),
    Mode.TRAINING: Help(
        (
            ("d, r", "the conversations; the runs"),
            ("Space", "learn from a conversation, or not"),
            ("h, H", "hide a word from training; the hidden ones"),
            ("v", "what is taken out, or what is left"),
            ("n", "begin a run"),
            ("s, c", "stop it, and go on later"),
            ("m, l", "another curve; the log"),
            ("a, b", "adopt what came of it; roll back"),
        ),
        "A run is a process of its own: it goes on when the app is closed, and is found again.",
    ),
    Mode.SETTINGS: Help(
        (
            ("Enter, Space", "change what is at hand"),
            ("left, right", "through the choices"),
            ("d, Backspace", "the default again"),
            ("Tab, Shift+Tab", "from section to section"),
            ("h, m", "check everything; make the indexes anew"),
            ("l", "the end of the log"),
            ("i, e, b", "import, export, back up"),
            ("Esc", "stop an import; the same file goes on later"),
        ),
        "Beside each value stands where it comes from: the default, the settings file, or the environment, which goes "
        "before the file.",
    ),
}
