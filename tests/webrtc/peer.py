"""A browser's part by aiortc, told what to do line by line: JSON in, JSON out.

    {"do": "offer", "codec": "opus" | "PCMU", "plays": "in.raw"}  ->  {"sdp": "..."}
    {"do": "answer", "sdp": "..."}                                ->  {"state": "connected"}
    {"do": "heard", "to": "out.raw"}                              ->  {"samples": n}
    {"do": "close"}                                               ->  {}

Sound in files is 16 bit at 8 kHz, mono.
"""

import asyncio
import fractions
import json
import sys
import time

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

RATE = 8000
FRAME = 160


class Microphone(MediaStreamTrack):
    """Plays a file, then silence, 20 ms at a time."""

    kind = "audio"

    def __init__(self, path):
        super().__init__()
        with open(path, "rb") as file:
            self.sound = file.read()
        self.n = 0
        self.began = None

    async def recv(self):
        if self.began is None:
            self.began = time.monotonic()
        due = self.began + self.n * FRAME / RATE
        await asyncio.sleep(max(0, due - time.monotonic()))
        piece = self.sound[self.n * FRAME * 2 : (self.n + 1) * FRAME * 2].ljust(FRAME * 2, b"\0")
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(piece)
        frame.pts = self.n * FRAME
        frame.sample_rate = RATE
        frame.time_base = fractions.Fraction(1, RATE)
        self.n += 1
        return frame


class Page:
    def __init__(self):
        self.heard = bytearray()
        self.connection = RTCPeerConnection()
        self.connection.on("track", lambda track: asyncio.ensure_future(self.listen(track)))

    async def listen(self, track):
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        while True:
            try:
                frame = await track.recv()
            except Exception:  # The track has ended.
                return
            for out in resampler.resample(frame):
                self.heard += bytes(out.planes[0])[: out.samples * 2]

    async def offer(self, codec, plays):
        transceiver = self.connection.addTransceiver(Microphone(plays), direction="sendrecv")
        known = RTCRtpSender.getCapabilities("audio").codecs
        transceiver.setCodecPreferences([c for c in known if c.mimeType.lower() == "audio/" + codec.lower()])
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return {"sdp": self.connection.localDescription.sdp}

    async def answer(self, sdp):
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
        while self.connection.connectionState not in ("connected", "failed", "closed"):
            await asyncio.sleep(0.02)
        return {"state": self.connection.connectionState}


async def main():
    page, loop = Page(), asyncio.get_event_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            break
        asked = json.loads(line)
        if asked["do"] == "offer":
            said = await page.offer(asked["codec"], asked["plays"])
        elif asked["do"] == "answer":
            said = await page.answer(asked["sdp"])
        elif asked["do"] == "heard":
            with open(asked["to"], "wb") as file:
                file.write(page.heard)
            said = {"samples": len(page.heard) // 2}
        else:
            await page.connection.close()
            said = {}
        print(json.dumps(said), flush=True)


asyncio.run(main())
