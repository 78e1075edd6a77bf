"""The cluster's endpoints: a TCP proxy whose every link can be cut, hung or slowed."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aurora_otel.lab.link import Link

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Mapping

    from aurora_otel.lab.filters import Filter

    # From an endpoint to the instance that its name leads to now, and that one's address.
    Resolve = Callable[[str], tuple[str, tuple[str, int]]]
_CALL_TIMEOUT = 10.0


@dataclass(slots=True)
class Rule:
    """What happens to the links of an endpoint or of an instance."""

    cut: bool = False
    hung: bool = False
    delay: float = 0.0
    filter: Callable[[], Filter] | None = None


class Gateway:
    """Proxies the endpoints, on a thread of its own that no blocking call can hold up.

    A link stays with the instance where it landed. Where a method takes a `place`, it is an
    endpoint (`writer`, `reader`, `custom`) or the identifier of an instance; the latter means the
    links that landed on it, and no connection that was opened at the instance's own address.

    Args:
        listeners: a listening socket for each endpoint, and, where servers need the gateway to
            speak Aurora's SQL, for each instance.
        resolve: where a new link goes.
        places: all names that rules may be made for.
        silence: makes what swallows all that follows a login.
        surface: makes, for each link, what translates Aurora's SQL, if something has to.
    """

    def __init__(
        self,
        listeners: Mapping[str, socket.socket],
        resolve: Resolve,
        places: tuple[str, ...],
        silence: Callable[[], Filter],
        surface: Callable[[], Filter] | None = None,
    ) -> None:
        self._listeners = listeners
        self._resolve = resolve
        self._places = places
        self._silence = silence
        self._surface = surface
        self._rules = {place: Rule() for place in places}
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._owner = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="lab-gateway", daemon=True)
        self._thread.start()
        _alive.add(self)

    def cut(self, place: str) -> None:
        """Reset the links of `place`, and every new one as soon as it is opened."""
        self._apply(place, lambda rule: setattr(rule, "cut", True))

    def hang(self, place: str) -> None:
        """Let links of `place`, old and new, stay open while no byte and no farewell passes."""
        self._apply(place, lambda rule: setattr(rule, "hung", True))

    def slow(self, place: str, seconds: float) -> None:
        """Delay each chunk on links of `place` by so many seconds.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"seconds must not be negative; got {seconds!r}")
        self._apply(place, lambda rule: setattr(rule, "delay", seconds))

    def filter(self, place: str, make: Callable[[], Filter] | None) -> None:
        """Show the bytes of each new link of `place` to a filter of its own; None ends that."""
        self._apply(place, lambda rule: setattr(rule, "filter", make))

    def silence_after_login(self, place: str) -> None:
        """Let new links of `place` log in, and never hear of the server again."""
        self.filter(place, self._silence)

    def restore(self) -> None:
        """Lift every rule. Hung links go on; those whose bytes a filter saw are reset."""

        def lift() -> None:
            for rule in self._rules.values():
                rule.cut, rule.hung, rule.delay, rule.filter = False, False, 0.0, None
            for link in tuple(self._links):
                if link.filter is not None:
                    link.reset()
            self._changed.set()

        self._call(lift)

    def links(self, place: str) -> int:
        """Count the open links of an endpoint or an instance."""
        self._check(place)
        return sum(1 for link in tuple(self._links) if place in link.places)

    def close(self) -> None:
        """End every link and the thread; does nothing in a forked child."""
        if os.getpid() != self._owner or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_TIMEOUT)

    def forget(self) -> None:
        """Give up, in a forked child, the parent's sockets: they would keep its ports taken."""
        for listener in self._listeners.values():
            listener.close()
        for link in tuple(self._links):
            link.close()

    def _apply(self, place: str, change: Callable[[Rule], None]) -> None:
        self._check(place)

        def apply() -> None:
            change(self._rules[place])
            self._changed.set()
            if self._rules[place].cut:
                for link in tuple(self._links):
                    if place in link.places:
                        link.reset()

        self._call(apply)

    def _check(self, place: str) -> None:
        if place not in self._places:
            raise ValueError(f"place must be one of {', '.join(self._places)}; got {place!r}")

    def _call(self, action: Callable[[], None]) -> None:
        """Run `action` on the gateway's thread; it is in force when this returns."""

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(_CALL_TIMEOUT)

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        for endpoint, listener in self._listeners.items():
            listener.settimeout(0)
            self._spawn(self._accept(endpoint, listener))
        try:
            loop.run_forever()
        finally:
            for task in self._tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
            for listener in self._listeners.values():
                listener.close()
            loop.close()

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, endpoint: str, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = await self._loop.sock_accept(listener)
            except OSError:  # out of descriptors, or a client that is gone already
                await asyncio.sleep(0.01)
                continue
            self._spawn(self._serve(endpoint, client))

    async def _serve(self, endpoint: str, client: socket.socket) -> None:
        instance, address = self._resolve(endpoint)
        places = () if endpoint == instance else (endpoint, instance)
        rules = tuple(self._rules[place] for place in places)
        link = Link(places, client, lambda: self._pass(rules))
        self._links.add(link)
        try:
            if any(rule.cut for rule in rules):
                link.reset()
            else:
                await self._pass(rules)
                make = next((rule.filter for rule in rules if rule.filter), None)
                surface = self._surface() if self._surface else None
                await link.run(address, make() if make else None, surface)
        except OSError:  # a side that was reset takes the other one with it
            pass
        finally:
            self._links.discard(link)
            link.close()

    async def _pass(self, rules: tuple[Rule, ...]) -> None:
        """Wait while one of the rules says that nothing passes, or not yet."""
        while any(rule.hung for rule in rules):
            self._changed.clear()
            await self._changed.wait()
        if delay := max((rule.delay for rule in rules), default=0.0):
            await asyncio.sleep(delay)


_alive: weakref.WeakSet[Gateway] = weakref.WeakSet()


def _after_fork() -> None:
    for gateway in tuple(_alive):
        gateway.forget()


os.register_at_fork(after_in_child=_after_fork)
