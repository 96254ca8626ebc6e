"""A real Chromium for the tests of the page: it is told what to do over its own protocol."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--force-device-scale-factor=1", "--remote-debugging-port=0"),
)
"""``hide-scrollbars`` takes none of the width: what overflows is asked of the layout."""

PATIENCE = 60
"""Seconds for any answer: two cores may be busy with something else."""

KEYS = {
    "Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36,
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
_TEXTS = {"Enter": "\r", " ": " "}


def chromium() -> str:
    """The program; empty where none is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


class Tab:
    """One page: what it shows, and what it complained of."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._asked = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []
        self.requests: list[str] = []

    async def listen(self) -> None:
        """Take the browser's answers and remarks until it closes."""
        async for message in self._socket:
            data = message.json()
            if data.get("id") in self._waiting:
                self._waiting.pop(data["id"]).set_result(data)
                continue
            self._remark(data.get("method", ""), data.get("params", {}))

    def _remark(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method in {"Runtime.consoleAPICalled", "Log.entryAdded"}:
            self.complaints.append(str(params))

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """One request of the DevTools protocol; its result."""
        self._asked += 1
        answer = asyncio.get_running_loop().create_future()
        self._waiting[self._asked] = answer
        await self._socket.send_json({"id": self._asked, "method": method, "params": params})
        data = await asyncio.wait_for(answer, PATIENCE)
        if "error" in data:
            raise AssertionError(f"{method}: {data['error']}")
        result: dict[str, Any] = data["result"]
        return result

    async def open(self, file: Path) -> None:
        """Load a file, and wait until its script ran."""
        self._loaded.clear()
        await self.call("Page.navigate", url=file.as_uri())
        await asyncio.wait_for(self._loaded.wait(), PATIENCE)

    async def size(self, width: int, height: int = 900) -> None:
        """Set the window, in CSS pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        await self.js("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    async def media(self, kind: str = "screen", scheme: str = "light") -> None:
        """Show it as on that medium (``screen``, ``print``) and scheme (``light``, ``dark``)."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    async def js(self, code: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key, as a person does."""
        text = _TEXTS.get(key, key if len(key) == 1 else "")
        common: dict[str, object] = {
            "key": key,
            "code": key,
            "windowsVirtualKeyCode": KEYS.get(key, ord(key[0])),
            "modifiers": 8 if shift else 0,
        }
        down = "keyDown" if text else "rawKeyDown"
        await self.call("Input.dispatchKeyEvent", type=down, text=text, **common)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def picture(self, *, whole: bool = False) -> bytes:
        """What is on the screen, or the whole page, as PNG."""
        answer = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        return base64.b64decode(answer["data"])

    async def pdf(self) -> bytes:
        """The page as it would be printed, by its own style sheet."""
        answer = await self.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(answer["data"])


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Tab]:
    """Start a Chromium with an empty profile in ``folder``; it ends with the block."""
    profile = folder / "profile"
    command = [chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        port = await _port(profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                targets = await answer.json()
            (url,) = [t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page"]
            async with session.ws_connect(url, max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await tab.call(f"{domain}.enable")
                yield tab
                listening.cancel()
    finally:
        process.terminate()
        await process.wait()


async def _port(file: Path) -> int:
    for _ in range(PATIENCE * 10):
        if text := _content(file):
            return int(text.split("\n", 1)[0])
        await asyncio.sleep(0.1)
    raise AssertionError(f"Chromium did not say its port in {PATIENCE} s")


def _content(file: Path) -> str:
    """What it says once its first line is whole, else nothing."""
    text = file.read_text("ascii") if file.exists() else ""
    return text if "\n" in text else ""
