"""What goes on behind all screens: the bank in a thread of its own, the model in another, and the way to both.

Promises that no method here waits but the coroutines, and that those leave the UI loop free. Knows nothing of screens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from assistant.paths import Paths
from assistant.tui.at_hand import AtHand, MakeEngine, OpenBank
from assistant.tui.lane import Lane
from assistant.tui.model_work import ModelWork

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank
    from assistant.training.adopting import RunModels
    from assistant.tui.modeling.shelf import ModelShelf

Result = TypeVar("Result")

CLOSE_SECONDS = 3.0
"""How long `close` waits for each thread. The engine ends a stopped generation within one second."""


class Backstage:
    """The bank, the model and the data folder, for screens to work with from the UI loop."""

    def __init__(
        self,
        make_engine: MakeEngine,
        open_bank: OpenBank,
        paths: Paths,
        shelf: ModelShelf | None = None,
        run_models: RunModels | None = None,
    ) -> None:
        self.paths = paths
        self.shelf = shelf
        self.run_models = run_models
        self.at_hand = AtHand(make_engine, open_bank)
        self.model = ModelWork(self.at_hand)
        self.quick = Lane("bank", self.at_hand.post_bug)

    async def bank(self, work: Callable[[MemoryBank], Result]) -> Result:
        """What `work` makes of the bank, in the bank's thread; raises what it raises.

        Each piece of work keeps others waiting, so it must be quick: tenths of a second at most.
        """
        return await asyncio.wrap_future(self.quick.ask(lambda: work(self.at_hand.bank)))

    async def away(self, work: Callable[[], Result]) -> Result:
        """What slow `work` without the bank comes to, in a thread of its own; raises what it raises."""
        return await asyncio.to_thread(work)

    def change_models(self, names: str = "the models") -> None:
        """Has the models loaded that are chosen by now, called `names`, once the answer at hand has ended."""
        self.model.change_models(names)

    def close(self) -> None:
        """Ends all work, then closes model and bank. It waits, so call it away from the UI loop."""
        self.quick.close(drop=False)  # A message that was sent is saved, even if it was the last thing done.
        self.model.close()
        self.quick.join(CLOSE_SECONDS)
        if self.at_hand.loaded:  # Else there is nothing to finish, and only closing the engine ends the wait for it.
            self.model.join(CLOSE_SECONDS)
        self.at_hand.closing = True
        self.at_hand.close_engine()
        self.model.join(CLOSE_SECONDS)
        self.at_hand.close_bank()
