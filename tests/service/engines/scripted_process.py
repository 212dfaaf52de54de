"""A scripted engine server as `service.engines.processes` and Ray's actors start one: its address and its end come from
the parent, and SIGTERM drains it."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial

from service import process_end
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.in_process import InProcess
from service.engines.processes import leave_socket
from service.loop import on_this_loop
from tests.fakes import Script, ScriptedEngine


async def main() -> None:
    if os.environ.get("GAPLESS_MODEL") == "none":
        sys.stderr.write("gapless: there is no such model\n")
        process_end.end_now(process_end.CANNOT_START)
    process_end.end_with_parent(partial(leave_socket, os.environ["GAPLESS_ADDRESS"]))
    await asyncio.sleep(float(os.environ.get("SCRIPTED_LOADING_S", "0")))
    stop = asyncio.Event()
    process_end.Signals(on_this_loop(stop.set))
    server = EngineServer(ServiceConfig(address=os.environ["GAPLESS_ADDRESS"], version="test"))
    token_s, places = float(os.environ.get("SCRIPTED_TOKEN_S", "0.01")), int(os.environ.get("SCRIPTED_PLACES", "16"))
    engine = ScriptedEngine({"anna": Script(token_s=token_s)}, max_utterances=places, has_alignment=True)
    await server.start(InProcess(engine))
    sys.stdout.write(f"gapless: serving scripted (voices anna) on 127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    await stop.wait()
    await server.stop(0.2)
    engine.close()


if __name__ == "__main__":
    asyncio.run(main())
    process_end.end_now(process_end.STOPPED)
