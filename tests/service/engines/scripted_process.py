"""A scripted engine server as `service.engines.processes` starts one: its address and its end come from the parent."""

from __future__ import annotations

import asyncio
import os

from service import process_end
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.in_process import InProcess
from tests.fakes import Script, ScriptedEngine


async def main() -> None:
    if os.environ.get("GAPLESS_MODEL") == "none":
        process_end.end_now(process_end.CANNOT_START)
    process_end.end_with_parent()
    server = EngineServer(ServiceConfig(address=os.environ["GAPLESS_ADDRESS"], version="test"))
    await server.start(InProcess(ScriptedEngine({"anna": Script(token_s=0.01)}, has_alignment=True)))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
