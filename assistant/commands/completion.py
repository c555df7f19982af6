"""`recollect completion`: a script that lets a shell complete commands, options and what they take.

Promises that all of it comes from the parser, so that it knows what the command line does and nothing else, and that a
key pressed in the shell starts no program. Knows nothing of what the commands do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.commands import output
from assistant.commands.arguments import build_parser


@dataclass(frozen=True, slots=True)
class Taken:
    """What an option or an argument takes: one of some words, each with what it means, or a file, or anything."""

    words: tuple[tuple[str, str], ...] = ()
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """An option in all its spellings; one that takes nothing has no `value`."""

    names: tuple[str, ...]
    about: str
    value: Taken | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one is once some commands were written, as "/memory/list", and what may follow there."""

    at: str
    options: tuple[Option, ...]
    arguments: tuple[Taken, ...]


def run(args: argparse.Namespace) -> None:
    """Prints the script for a shell."""
    script = {"bash": bash, "zsh": zsh, "fish": fish}[args.shell](tuple(places(build_parser())))
    if args.json:
        output.print_json({"shell": args.shell, "script": script})
    else:
        output.print_data(script, end="")


def places(parser: argparse.ArgumentParser, at: str = "") -> Iterator[Place]:
    """Every place of the command line. argparse has no other way to ask than its private list of actions."""
    options, arguments, deeper = [], [], dict[str, argparse.ArgumentParser]()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            abouts = {choice.dest: choice.help or "" for choice in action._choices_actions}
            arguments.append(Taken(tuple((name, abouts.get(name, "")) for name in action.choices)))
            deeper = action.choices
        elif action.option_strings:
            value = _taken(action) if action.nargs != 0 else None
            options.append(Option(tuple(action.option_strings), action.help or "", value))
        else:
            arguments.append(_taken(action))
    yield Place(at, tuple(options), tuple(arguments))
    for name, below in deeper.items():
        yield from places(below, f"{at}/{name}")


def _taken(action: argparse.Action) -> Taken:
    is_file = action.type is Path or "FILE" in str(action.metavar or "")
    return Taken(tuple((str(choice), "") for choice in action.choices or ()), is_file)


Told = Iterator[tuple[str, Taken]]
"""What may stand where, for one table of a script."""


def bash(places: tuple[Place, ...]) -> str:
    """For bash 3.2 and later, as it is on every Mac."""

    def said(taken: Taken) -> str:
        return "files=1" if taken.is_file else f'words="{" ".join(word for word, _ in taken.words)}"'

    return f"""\
# Completion of recollect for bash, made by `recollect completion bash`.
_recollect() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} at="" number=0 awaits="" words="" files="" word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if [[ -n $awaits ]]; then
            [[ $word == "=" ]] || awaits=""
            continue
        fi
        case "$at/$word" in
            {_or(_commands(places))}) at=$at/$word number=0; continue ;;
        esac
        case "$at $word" in
            {_or(_awaiting(places))}) awaits=$word; continue ;;
        esac
        [[ $word == -* ]] || number=$((number + 1))
    done
    [[ $current == "=" ]] && current=""
    if [[ -n $awaits ]]; then
        case "$at $awaits" in
{_cases(places, _values, said, "")}
        esac
    elif [[ $current == -* ]]; then
        case "$at" in
{_cases(places, _option_words, said, "")}
        esac
    else
        case "$at $number" in
{_cases(places, _numbered, said, "")}
        esac
    fi
    local IFS=$' \\t\\n'
    if [[ -n $files ]]; then
        IFS=$'\\n'
        COMPREPLY=($(compgen -f -- "$current"))
        compopt -o filenames 2>/dev/null
    else
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    fi
}}
complete -F _recollect recollect
"""


def zsh(places: tuple[Place, ...]) -> str:
    """For zsh, to be read at its start or put into a folder of its fpath as _recollect."""

    def said(taken: Taken) -> str:
        told = (_quoted(f"{word}:{about}" if about else word) for word, about in taken.words)
        return "_files; return" if taken.is_file else f"said=({' '.join(told)})"

    return f"""\
#compdef recollect
# Completion of recollect for zsh, made by `recollect completion zsh`.
_recollect() {{
    local at="" number=0 awaits="" word i
    local -a said kind
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        if [[ -n $awaits ]]; then
            awaits=""
            continue
        fi
        case "$at/$word" in
            ({_or(_commands(places))}) at=$at/$word number=0; continue ;;
        esac
        case "$at $word" in
            ({_or(_awaiting(places))}) awaits=$word; continue ;;
        esac
        [[ $word == -* ]] || number=$((number + 1))
    done
    if [[ $PREFIX == --*=* ]]; then
        awaits=${{PREFIX%%=*}}
        compset -P '*='
    fi
    if [[ -n $awaits ]]; then
        case "$at $awaits" in
{_cases(places, _values, said, "(")}
        esac
    elif [[ $PREFIX == -* ]]; then
        kind=(-o)
        case "$at" in
{_cases(places, _option_words, said, "(")}
        esac
    else
        case "$at $number" in
{_cases(places, _numbered, said, "(")}
        esac
    fi
    (( $#said )) && _describe $kind recollect said
}}
if [[ $funcstack[1] == _recollect ]]; then
    _recollect "$@"
else
    compdef _recollect recollect
fi
"""


def fish(places: tuple[Place, ...]) -> str:
    """For fish 3, to be read at its start or put into its folder of completions as recollect.fish."""
    lines = []
    for place in places:
        for option in place.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            takes = _fish_value(option.value) if option.value is not None else ""
            about = f" -d {_fish_quoted(option.about)}" if option.about else ""
            lines.append(f"complete -c recollect -n '__recollect_at \"{place.at}\"' {names}{takes}{about}")
        for number, argument in enumerate(place.arguments):
            where = f"complete -c recollect -n '__recollect_at \"{place.at}\" {number}'"
            if argument.is_file:
                lines.append(f"{where} -F")
            for word, about in argument.words:
                lines.append(f"{where} -a {word}" + (f" -d {_fish_quoted(about)}" if about else ""))
    told = "\n".join(lines)
    return f"""\
# Completion of recollect for fish, made by `recollect completion fish`.
function __recollect_place
    set -l at ''
    set -l number 0
    set -l awaits 0
    for word in (commandline -opc)[2..-1]
        if test $awaits = 1
            set awaits 0
        else if contains -- "$at/$word" {" ".join(_commands(places))}
            set at "$at/$word"
            set number 0
        else if contains -- "$at $word" {" ".join(map(_fish_quoted, _awaiting(places)))}
            set awaits 1
        else if not string match -q -- '-*' $word
            set number (math $number + 1)
        end
    end
    echo "$at $number"
end
function __recollect_at
    if set -q argv[2]
        test (__recollect_place) = "$argv[1] $argv[2]"
    else
        string match -q -- "$argv[1] *" (__recollect_place)
    end
end
complete -c recollect -f
{told}
"""


def _commands(places: tuple[Place, ...]) -> list[str]:
    return [place.at for place in places if place.at]


def _awaiting(places: tuple[Place, ...]) -> list[str]:
    """Options that take something, each behind its place."""
    return [f"{place.at} {name}" for place in places for o in place.options if o.value is not None for name in o.names]


def _values(place: Place) -> Told:
    for option in place.options:
        for name in option.names if option.value is not None else ():
            yield f"{place.at} {name}", option.value or Taken()


def _option_words(place: Place) -> Told:
    yield place.at, Taken(tuple((name, option.about) for option in place.options for name in option.names))


def _numbered(place: Place) -> Told:
    for number, argument in enumerate(place.arguments):
        yield f"{place.at} {number}", argument


def _cases(places: tuple[Place, ...], told: Callable[[Place], Told], said: Callable[[Taken], str], before: str) -> str:
    """A table of a script: what is said where something may stand. `before` opens a pattern."""
    rows = ((where, taken) for place in places for where, taken in told(place) if taken.words or taken.is_file)
    return "\n".join(f'            {before}"{where}") {said(taken)} ;;' for where, taken in rows)


def _or(words: list[str]) -> str:
    return "|".join(f'"{word}"' for word in words)


def _quoted(text: str) -> str:
    """For zsh, where a colon parts a word from what it means: none of our words has one."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_value(taken: Taken) -> str:
    if taken.is_file:
        return " -r -F"
    return f" -x -a {_fish_quoted(' '.join(word for word, _ in taken.words))}" if taken.words else " -x"
