"""`recollect models speed`: how fast the models that are in use read and write on this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from assistant.agents.generation import Agent
from assistant.agents.speed import MeasuredSpeed, measure
from assistant.commands import opening, output
from assistant.errors import InterruptedByUser
from assistant.llm.files.installed import chosen_models
from assistant.llm.files.manifest import ModelFile
from assistant.llm.files.speeds import keep_speed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assistant.llm.files.manifest import Model


def run(args: argparse.Namespace) -> None:
    """Measures, keeps and prints it. Raises EngineError, and InterruptedByUser after Ctrl-C."""
    paths = opening.data_folder()
    chosen = chosen_models(paths)
    measured = []
    with opening.cancel_on_interrupt() as cancel, opening.start_engines(paths) as engines:
        engines.ready(opening.LOAD_SECONDS)
        for agents in served_alike(chosen):
            model = chosen[agents[0]].name
            output.print_note(f"Measuring {model} …")
            speed = measure(engines, agents[0], cancel)
            if speed is None:
                raise InterruptedByUser("Measuring was stopped.", "What was measured before it is kept.")
            measured.append(MeasuredSpeed(model, agents, datetime.now().astimezone(), speed))
            keep_speed(paths, measured[-1])
    if args.json:
        output.print_json([asdict(each) for each in measured])
        return
    width = max(len(each.model) for each in measured)
    for each in measured:
        output.print_data(f"{', '.join(each.agents):16}  {each.model:{width}}  {each.speed.words}")


def served_alike(chosen: Mapping[Agent, Model]) -> list[tuple[Agent, ...]]:
    """The agents, those together that the same weights without adapters serve: they need one measurement."""
    manager, answer = chosen[Agent.MANAGER], chosen[Agent.ANSWER]
    if manager == answer and not (isinstance(answer, ModelFile) and answer.adapters):
        return [(Agent.MANAGER, Agent.ANSWER)]
    return [(Agent.MANAGER,), (Agent.ANSWER,)]
