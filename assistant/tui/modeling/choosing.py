"""Choosing the models of the agents, measuring how fast they are, and checking their files.

Promises that a model that does not load can be left for the former one with one key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from assistant.agents.generation import Agent
from assistant.agents.speed import MeasuredSpeed
from assistant.errors import EngineError, InputError, InterruptedByUser
from assistant.memory import times
from assistant.tui.modeling.acts import Busy, ModelActs
from assistant.tui.modeling.shelf import InstalledModel
from assistant.tui.widgets.models import text

_AGENTS = {"both": tuple(Agent), "manager": (Agent.MANAGER,), "answer": (Agent.ANSWER,)}


class ModelChoosing(ModelActs):
    """What one does with models that are here."""

    def action_use(self, who: str) -> None:
        if isinstance(model := self.models.model, InstalledModel):
            self._begin(self._use(model, _AGENTS[who]))

    async def _use(self, model: InstalledModel, asked: tuple[Agent, ...]) -> None:
        agents = tuple(agent for agent in asked if agent in model.agents)
        if not agents:
            raise InputError(
                f"{model.name} is not for the {text.AGENT_NAMES[asked[0]]}.", "Choose another for that one."
            )
        if self.stock.pinned:
            raise InputError(
                "RECOLLECT_MODEL names the model of both agents.", "Start Recollect without it to choose one here."
            )
        if set(agents) <= set(model.used_by) and self.trouble is None:
            self.say(f"{model.name} serves {text.who(agents)} already.")
        elif await self._is_agreed(model, agents):
            former = {agent: each.name for each in self.stock.installed for agent in each.used_by}
            await self._choose_models(dict.fromkeys(agents, model.name))
            self.former = {agent: name for agent, name in former.items() if agent in agents}

    async def _is_agreed(self, model: InstalledModel, agents: tuple[Agent, ...]) -> bool:
        """Asks where there is something to think about."""
        lines = []
        if model.server and not model.is_private:
            lines.append(
                f"What {text.who(agents)} {'are' if len(agents) > 1 else 'is'} asked goes to {model.server}: "
                "messages, and memories on offer."
            )
        if text.is_too_large(model.memory, self.stock.memory):
            lines.append(f"It {text.memory(model.memory, self.stock.memory)} for this machine.")
        return not lines or await self._ask(f"Use {model.name}?", lines, "Use it")

    async def _choose_models(self, chosen: Mapping[Agent, str]) -> None:
        """Has the agents use those models, and loads them once the answer at hand has ended."""
        shelf = self._the_shelf()
        for name in dict.fromkeys(chosen.values()):
            agents = tuple(agent for agent in Agent if chosen.get(agent) == name)
            await self.backstage.away(lambda name=name, agents=agents: shelf.use(name, agents))  # type: ignore[misc]
        self.backstage.change_models(" and ".join(dict.fromkeys(chosen.values())))
        await self.arrive()

    def action_choose_former(self) -> None:
        if self.former:
            chosen, self.former = self.former, {}
            self._begin(self._choose_models(chosen))
        else:
            self.say("Nothing else was chosen before.")

    @property
    def former_names(self) -> str:
        return " and ".join(dict.fromkeys(self.former.values()))

    def action_measure(self) -> None:
        model = self.models.model
        if isinstance(model, InstalledModel) and not model.used_by:
            self.say("Only models in use can be measured: u lets both agents use this one.")
        else:
            self._begin(self._busy_with("Measuring the speed", self._measure))

    async def _measure(self, busy: Busy) -> None:
        shelf = self._the_shelf()
        for model in [model for model in self.stock.installed if model.used_by]:
            # With adapters, the agents work on different weights.
            for agents in [(agent,) for agent in model.used_by] if model.adapters else [model.used_by]:
                busy.what = f"Measuring how fast {model.name} is"
                speed = await asyncio.wrap_future(self.backstage.model.measure(agents[0], busy.cancel))
                if speed is None:
                    raise InterruptedByUser("Measuring was stopped.")
                measured = MeasuredSpeed(model.name, agents, times.now(), speed)
                await self.backstage.away(lambda measured=measured: shelf.keep_speed(measured))  # type: ignore[misc]
                self.say(f"{model.name} {speed.words}.")
        await self.arrive()

    def action_verify(self) -> None:
        if isinstance(model := self.models.model, InstalledModel):
            self._begin(self._busy_with(f"Reading {model.name}", lambda busy: self._verify(model, busy)))

    async def _verify(self, model: InstalledModel, busy: Busy) -> None:
        shelf = self._the_shelf()
        self.damage.pop(model.name, None)
        try:
            known = await self.backstage.away(lambda: shelf.verify(model.name, busy.follow, busy.cancel))
        except EngineError as error:
            self.damage[model.name] = str(error)
            self.show()
            raise
        self.show()
        self.say(f"{model.name} is {'whole' if known else 'readable; nobody knows what its checksum should be'}.")
