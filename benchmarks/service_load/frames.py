"""A live camera as the page sends it: frames over a WebSocket at a steady rate, and the time until their hits."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Sequence

import websockets

JPEG = 1


async def _stream(
    port: int, path: str, frames: Sequence[bytes], *, rate: float, seconds: float
) -> tuple[list[float], int]:
    sent: dict[int, float] = {}
    latencies: list[float] = []
    async with websockets.connect(
        f"ws://127.0.0.1:{port}{path}", subprotocols=[websockets.Subprotocol("lookalike.v1")], max_size=2**24
    ) as socket:
        count = int(rate * seconds)

        async def receive() -> None:
            async for message in socket:
                reply = json.loads(message)
                if reply["type"] == "hits":
                    latencies.append((time.perf_counter() - sent[reply["seq"]]) * 1000)

        receiving = asyncio.create_task(receive())
        await socket.send(json.dumps({"type": "configure", "k": 10}))
        begun = time.perf_counter()
        for n in range(count):
            await asyncio.sleep(max(0.0, begun + n / rate - time.perf_counter()))
            sent[n + 1] = time.perf_counter()
            await socket.send(struct.pack("<IB3x", n + 1, JPEG) + frames[n % len(frames)])
        await asyncio.sleep(1.0)
        receiving.cancel()
    return latencies[len(latencies) // 10 :], count - len(latencies)


def stream(port: int, path: str, frames: Sequence[bytes], *, rate: float, seconds: float) -> tuple[list[float], int]:
    """Send frames at a rate.

    Returns:
        milliseconds from sending to hits, without the first tenth; how many frames were not answered.
    """
    return asyncio.run(_stream(port, path, frames, rate=rate, seconds=seconds))
