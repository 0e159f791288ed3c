"""What a browser is told when something is refused: a page with the remedy, or the API's problem document for scripts."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from api.errors import problem_of, problem_response


def wants_json(request: Request) -> bool:
    """Whether one of our scripts asks, rather than a person's browser."""
    return "application/json" in request.headers.get("accept", "")


async def respond(request: Request, error: Exception) -> Response:
    """The answer for an error: the same words as everywhere, in the shape the asker can use."""
    from api.console.page import Page

    response = problem_response(error)
    if wants_json(request):
        return response
    page = Page.of(request)
    body = await page.text("error.html", problem=problem_of(error), facts=False)
    kept = {name: value for name, value in response.headers.items() if name in ("retry-after", "www-authenticate")}
    return HTMLResponse(body, status_code=response.status_code, headers=kept)
