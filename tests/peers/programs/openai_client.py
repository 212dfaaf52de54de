"""Everything that the `openai` package asks of a speech server: `openai_client.py URL FOLDER TEXT` prints JSON."""

import asyncio
import json
import sys
import time

import openai

URL, FOLDER, TEXT = sys.argv[1:4]
FORMATS = ("mp3", "opus", "flac", "wav", "pcm")


def refusal(ask):
    try:
        ask()
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code, "param": error.param, "code": error.code}
    return None


def main():
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="sk-none", max_retries=0)
    speech = client.audio.speech
    told = {"pieces": {}}
    for name in FORMATS:
        began = time.monotonic()
        with speech.with_streaming_response.create(
            input=TEXT, model="tts-1", voice="alloy", response_format=name, extra_body={"seed": 7}
        ) as response:
            pieces = []
            with open(f"{FOLDER}/streamed.{name}", "wb") as file:
                for piece in response.iter_bytes():
                    pieces.append(time.monotonic() - began)
                    file.write(piece)
        told["pieces"][name] = pieces
    speech.create(input=TEXT, model="tts-1", voice={"id": "alloy"}, extra_body={"seed": 7}).write_to_file(
        f"{FOLDER}/whole.mp3"
    )
    events = speech.create(
        input=TEXT, model="tts-1", voice="nova", response_format="pcm", stream_format="sse", extra_body={"seed": 7}
    )
    told["events"] = [json.loads(line[6:]) for line in events.text.split("\n\n") if line]
    told["models"] = [model.id for model in client.models.list()]
    told["refusals"] = {
        "voice": refusal(lambda: speech.create(input=TEXT, model="tts-1", voice="bob")),
        "input": refusal(lambda: speech.create(input="", model="tts-1", voice="alloy")),
        "format": refusal(lambda: speech.create(input=TEXT, model="tts-1", voice="alloy", response_format="aac")),
        "speed": refusal(lambda: speech.create(input=TEXT, model="tts-1", voice="alloy", speed=4)),
    }
    told["async"] = asyncio.run(in_a_loop())
    print(json.dumps(told))


async def in_a_loop():
    """Four at once, and one that is left in the middle."""
    client = openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="sk-none", max_retries=2)

    async def say():
        async with client.audio.speech.with_streaming_response.create(
            input=TEXT, model="tts-1", voice="alloy", response_format="pcm", extra_body={"seed": 7}
        ) as response:
            return len(await response.read())

    lengths = await asyncio.gather(*(say() for _ in range(3)))
    async with client.audio.speech.with_streaming_response.create(
        input=TEXT * 10, model="tts-1", voice="alloy", response_format="pcm"
    ) as response:
        async for _ in response.iter_bytes():
            break
    return lengths


main()
