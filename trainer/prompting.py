"""Prompts in the tokens of a transformers model, as the app would write them for the same model in llama.cpp.

Promises the app's own prompts: control tokens by id from the chat template alone, everything else as plain text. Knows
nothing of weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from assistant.agents.generation import ChatMessage
from assistant.llm.prompting import build
from assistant.llm.templates import CHATML, ChatTemplate, TemplateError
from trainer.batches import UNLIMITED
from trainer.errors import TrainingError
from trainer.tokenizer import TURN_END, TURN_START

ENDS = frozenset(
    {
        "<|im_end|>",
        "<|endoftext|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end_of_text|>",
        "<|end|>",
        "<end_of_turn>",
        "<|return|>",
        "<|endofturn|>",
    }
)
"""Control tokens that end a completion in llama.cpp by their names, whatever the file calls its end."""


class Prompting:
    """Turns prompts into tokens and tokens into text. A `prompting.Vocabulary`, so that the app's own code writes.

    `ends` are the tokens that end a completion, `pad` is one that fills up rows. Raises TrainingError if the model has
    no chat template that can be used.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._plain.encode_special_tokens = True  # "<|im_end|>" in a message is text.
        added = tokenizer.added_tokens_decoder
        self.specials: dict[str, int] = {token.content: number for number, token in added.items()}
        self.controls = frozenset(number for number, token in added.items() if token.special)
        self.strips = frozenset(number for number, token in added.items() if token.rstrip)
        self.ends = self._ends()
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self.ends)
        begin = tokenizer.bos_token_id
        self.opening: tuple[int, ...] = (begin,) if begin is not None and tokenizer("").input_ids[:1] == [begin] else ()
        """What every prompt begins with, whether the template says so or not."""
        self._template = self._read_template()

    def tokenize(self, text: str) -> list[int]:
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        return ids

    def tokens(self, prompt: Sequence[ChatMessage]) -> tuple[int, ...]:
        """All of `prompt`, up to where the assistant speaks."""
        written = build(self._template, prompt, self, budget=UNLIMITED).tokens
        return written if written[: len(self.opening)] == self.opening else (*self.opening, *written)

    def completion(self, text: str) -> tuple[int, ...]:
        """The tokens of a whole completion, with its end."""
        end = self._tokenizer.eos_token_id
        return (*self.tokenize(text), end if end is not None else min(self.ends))

    def text(self, tokens: Sequence[int]) -> str:
        """What `tokens` say, without the end. A control token before that says its name, which no form allows."""
        said = tokens[:-1] if tokens and tokens[-1] in self.ends else tokens
        return str(self._tokenizer.decode(list(said), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _ends(self) -> frozenset[int]:
        named = {number for text, number in self.specials.items() if text in ENDS}
        ends = frozenset(named if self._tokenizer.eos_token_id is None else named | {self._tokenizer.eos_token_id})
        if not ends:
            raise TrainingError("The model's tokenizer has no token that ends a completion.", "Give it an eos_token.")
        return ends

    def _read_template(self) -> ChatTemplate:
        source = self._tokenizer.chat_template
        if isinstance(source, dict):
            source = source.get("default")
        if not source:
            if TURN_START not in self.specials or TURN_END not in self.specials:
                raise TrainingError(
                    "The model has no chat template: it is no model for a conversation.", "Choose one that has."
                )
            source = CHATML
        try:
            return ChatTemplate(source, bos=self._tokenizer.bos_token or "", eos=self._tokenizer.eos_token or "")
        except TemplateError as error:
            raise TrainingError(
                f"The model's chat template cannot be used ({error}).", "Choose another model."
            ) from error
