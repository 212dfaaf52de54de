"""Everything that `nvidia-riva-client` asks of Riva's speech synthesis: `riva_client.py ADDRESS FOLDER TEXT`."""

import json
import sys
import time

import grpc
import riva.client
from riva.client.proto import riva_tts_pb2
from riva.client.proto.riva_audio_pb2 import AudioEncoding

ADDRESS, FOLDER, TEXT = sys.argv[1:4]
SEEDED = {"custom_configuration": {"seed": "7"}, "sample_rate_hz": 24000}
ENCODINGS = {
    "pcm": AudioEncoding.LINEAR_PCM,
    "flac": AudioEncoding.FLAC,
    "opus": AudioEncoding.OGGOPUS,
    "mulaw": AudioEncoding.MULAW,
    "alaw": AudioEncoding.ALAW,
}


def refusal(ask):
    try:
        list(ask())
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    return None


def main():
    service = riva.client.SpeechSynthesisService(riva.client.Auth(uri=ADDRESS, use_ssl=False))
    told = {"pieces": {}}
    for name, encoding in ENCODINGS.items():
        began = time.monotonic()
        with open(f"{FOLDER}/riva.{name}", "wb") as file:
            pieces = []
            for response in service.synthesize_online(TEXT, encoding=encoding, **SEEDED):
                pieces.append(time.monotonic() - began)
                file.write(response.audio)
        told["pieces"][name] = pieces
    whole = service.synthesize(TEXT, voice_name="", **SEEDED)
    with open(f"{FOLDER}/whole.pcm", "wb") as file:
        file.write(whole.audio)
    with open(f"{FOLDER}/parts.pcm", "wb") as file:
        for response in service.synthesize_online([TEXT, TEXT], **SEEDED):
            file.write(response.audio)
    timed = service.synthesize(TEXT, enable_word_time_offsets=True, **SEEDED)
    told["words"] = [[word.word, word.start_time, word.end_time] for word in timed.meta.words]
    config = service.stub.GetRivaSynthesisConfig(riva_tts_pb2.RivaSynthesisConfigRequest())
    told["config"] = [dict(one.parameters) for one in config.model_config]
    told["refusals"] = {
        "voice": refusal(lambda: service.synthesize_online(TEXT, voice_name="bob")),
        "text": refusal(lambda: service.synthesize_online("")),
        "setting": refusal(lambda: service.synthesize_online(TEXT, custom_configuration={"speed": "2"})),
    }
    cancelled = service.synthesize_online(TEXT * 10)
    next(cancelled)
    cancelled.cancel()
    print(json.dumps(told))


main()
