"""Bringing models here and letting them go: downloading, adding, removing, each with the questions it needs.

Promises that nothing is contacted and nothing is deleted before it was named and agreed to.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from assistant.errors import InputError
from assistant.tui.modeling.acts import Busy, ModelActs
from assistant.tui.modeling.downloads import Download, State
from assistant.tui.modeling.shelf import Addition, InstalledModel, OfferedModel, Wanted
from assistant.tui.screens.models_form import ModelForm
from assistant.tui.widgets.models import text


class ModelBringing(ModelActs):
    """What makes the list longer or shorter."""

    def action_download(self) -> None:
        if isinstance(offer := self.models.model, OfferedModel):
            self._begin(self._download(offer))

    action_go_on = action_download

    async def _download(self, offer: OfferedModel, wanted: Wanted | None = None) -> None:
        known = self.downloads.of(offer.url)
        if known is not None and known.is_at_work:
            self.say(f"{offer.name} is being downloaded already.")
            return
        if known is not None and wanted is None:
            wanted = known.wanted
        if known is None and not await self._is_download_agreed(offer):
            return
        # What needs too much memory was agreed to with all else.
        self.downloads.put(offer, wanted or Wanted(offer.name if offer.in_catalogue else offer.url, force=True))
        self.show()
        self.run_worker(self.downloads.run(), group="downloads")
        self.draw_frames()

    async def _is_download_agreed(self, offer: OfferedModel) -> bool:
        there = self.stock
        if there.disk is not None and offer.disk > there.disk:
            raise InputError(
                f"The disk has {text.size(there.disk)} left, and {offer.name} needs {text.size(offer.disk)}.",
                "Free some space, or take a smaller model.",
            )
        rest = text.size(offer.size - (offer.begun or 0)) if offer.size else "Nobody knows yet how many bytes"
        return await self._ask(
            f"Download {offer.name}?",
            [
                f"{rest} come from {offer.host}. It is contacted now, and so is the storage that it points to.",
                f"Memory: it {text.memory(offer.memory, there.memory)}." if offer.memory else "",
                f"Disk: {text.size(there.disk)} are free." if there.disk is not None else "",
                f"Licence: {offer.licence}." if offer.licence else "",
            ],
            "Download",
        )

    async def follow_download(self, download: Download) -> None:
        """Shows that a download began or ended."""
        if download.state is State.RUNNING:
            self.models.draw_again(download.offer)
            return
        pointed = self.models.model
        is_pointed_at = isinstance(pointed, OfferedModel) and pointed.url == download.offer.url
        if download.state is State.DONE:
            self.say(f"{download.called} is here. u lets both agents use it.")
        elif download.error is not None:
            self.report(download.error)
        await self._told(self.arrive())
        if is_pointed_at:
            self.models.point_at(download.called)

    def action_pause(self) -> None:
        offer = self.models.model
        if isinstance(offer, OfferedModel) and (download := self.downloads.of(offer.url)) is not None:
            self.downloads.stop(download)
            self.show()

    def action_add(self) -> None:
        self._begin(self._add())

    async def _add(self) -> None:
        match await self.app.push_screen_wait(ModelForm()):
            case Addition() as addition:
                name = addition.name or addition.model or Path(addition.source).stem
                await self._busy_with(f"Adding {name}", lambda busy: self._take_in(addition, busy))
            case Wanted() as wanted:
                await self._download(_offer_at(wanted), wanted)

    async def _take_in(self, addition: Addition, busy: Busy) -> None:
        shelf = self._the_shelf()
        name = await self.backstage.away(lambda: shelf.add(addition, busy.follow, busy.cancel))
        await self.arrive()
        self.models.point_at(name)
        self.say(f"{name} is in the list. u lets {text.who(addition.agents)} use it.")

    def action_remove(self) -> None:
        match self.models.model:
            case InstalledModel() as model:
                self._begin(self._remove(model))
            case OfferedModel() as offer:
                self._begin(self._discard(offer))

    async def _remove(self, model: InstalledModel) -> None:
        shelf = self._the_shelf()
        ours = bool(model.path) and Path(model.path).parent == self.backstage.paths.models
        lines = [
            f"Its file of {text.size(model.size)} is deleted." if ours else "",
            f"Its file stays where it is: {model.path}" if model.path and not ours else "",
            f"{_capital(text.who(model.used_by))} will use what came with Recollect." if model.used_by else "",
        ]
        if not await self._ask(f"Take {model.name} off the list?", lines, "Remove", careful=True):
            return
        deleted = await self.backstage.away(lambda: shelf.remove(model.name))
        self.say(f"{model.name} is off the list{' and deleted' if deleted else ''}.")
        await self.arrive()
        if model.used_by:
            self.former = {}
            used = dict.fromkeys(each.name for each in self.stock.installed if each.used_by)
            self.backstage.change_models(" and ".join(used))

    async def _discard(self, offer: OfferedModel) -> None:
        shelf = self._the_shelf()
        lines = [f"{text.size(offer.begun)} that are here are deleted."]
        if await self._ask(f"Drop the download of {offer.name}?", lines, "Drop it", careful=True):
            await self.backstage.away(lambda: shelf.discard(offer.url))
            self.downloads.forget(offer.url)
            await self.arrive()


def _capital(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _offer_at(wanted: Wanted) -> OfferedModel:
    """What can be said of an address before it is asked. What lets somebody in is not shown."""
    parts = urlsplit(wanted.what)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    name = wanted.name or parts.path.rpartition("/")[2].removesuffix(".gguf")
    return OfferedModel(name, shown, parts.hostname or "", in_catalogue=False)
