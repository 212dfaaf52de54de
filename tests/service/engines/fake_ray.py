"""`service.engines.ray_driver` over a stand-in for Ray: actors are objects of its own process, and answer at once.

python -m tests.service.engines.fake_ray
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from service.engines import ray_driver


class RayError(Exception):
    pass


class ActorUnavailableError(RayError):
    pass


@dataclass(frozen=True)
class Answer:
    value: Any = None
    error: Exception | None = None


class Actor:
    def __init__(self, made: Any) -> None:
        self.made = made
        self.error: Exception | None = None

    def __getattr__(self, method: str) -> Any:
        def call(*arguments: Any) -> Answer:
            if self.error is not None:
                return Answer(error=self.error)
            return Answer(getattr(self.made, method)(*arguments))

        return SimpleNamespace(remote=call)


class FakeRay:
    exceptions = SimpleNamespace(RayError=RayError, ActorUnavailableError=ActorUnavailableError)

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self.killed: list[Actor] = []
        self.options: dict[str, Any] = {}

    def remote(self, **options: Any) -> Callable[[type], Any]:
        self.options = options

        def wrap(made: type) -> Any:
            def make(*arguments: Any) -> Actor:
                self.actors.append(Actor(made(*arguments)))
                return self.actors[-1]

            return SimpleNamespace(remote=make)

        return wrap

    def wait(self, answers: Sequence[Answer], **_: Any) -> tuple[Sequence[Answer], Sequence[Answer]]:
        return answers, []

    def get(self, answer: Answer) -> Any:
        if answer.error is not None:
            raise answer.error
        return answer.value

    def kill(self, actor: Actor) -> None:
        self.killed.append(actor)
        if (child := getattr(actor.made, "_child", None)) is not None:
            child.stdin.close()  # as when the actor's process ends

    def shutdown(self) -> None:
        pass


def joined(address: str) -> FakeRay:
    if address == "nowhere:1":
        raise ConnectionError("nobody is there\nTraceback\nand that is why")
    return FakeRay()


if __name__ == "__main__":
    ray_driver._joined = joined
    ray_driver.main()
