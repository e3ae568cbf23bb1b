"""The smallest service: says hello, and from where.

`GET /` (metered by the header `Skerry-Client`), `GET /use`, `GET /healthz`, `GET /drained`.
"""

from __future__ import annotations

import sys

from skerry.examples.programs.clock import boot_ms
from skerry.examples.programs.messages import Answer, Request, json_answer
from skerry.examples.programs.service import arguments, common, serve
from skerry.examples.programs.surroundings import Surroundings
from skerry.examples.programs.use import Door


class Hello:
    """Answers clients."""

    def __init__(self) -> None:
        self._around = Surroundings()
        self._door = Door()

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        match (request.method, request.parts):
            case ("GET", ("",)):
                return self._greet(request)
            case ("GET", ("use",)):
                return json_answer(self._door.use.report())
            case _:
                return common(request, drained=self._door.quiet(boot_ms()), why="clients came within the last second")

    def _greet(self, request: Request) -> Answer:
        around = self._around.now()
        client = request.headers.get("skerry-client")
        if client is not None:
            # A probe has no name: it is no client, and keeps nobody from draining this instance.
            self._door.passed(client, boot_ms(), ok=True)
        text = f"hello from {around.instance or 'an instance without a name'} on {around.node or 'some node'}\n"
        leaving = (("Skerry-Draining", "1"),) if around.draining else ()
        return Answer(200, text.encode(), (("Content-Type", "text/plain; charset=utf-8"), *leaving))


def main(argv: list[str] | None = None) -> int:
    """Run hello until a signal ends it; returns the exit code."""
    options = arguments("hello", "say hello").parse_args(argv)
    return serve("hello", options.listen, Hello().handle, background=lambda: None, close=lambda: None)


if __name__ == "__main__":
    sys.exit(main())
