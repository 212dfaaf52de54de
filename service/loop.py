"""The only file that crosses threads: what other threads have to say, to the asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import ParamSpec

Arguments = ParamSpec("Arguments")


def on_this_loop(call: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """For other threads: has the running loop call `call`. After the loop has closed nobody is left to tell."""
    loop = asyncio.get_running_loop()

    def tell(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: call(*args, **kwargs))

    return tell
