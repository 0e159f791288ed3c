"""The API's description, and the probes of process supervisors."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api.deps import ServicesDep
from api.guard import GuardedRoute
from api.reference import page
from api.routes.system import Health, Readiness, health, ready

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@router.get("/openapi.json")
@router.get("/api/v1/openapi.json")
async def openapi_document(request: Request) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/docs", response_class=HTMLResponse)
@router.get("/api/v1/docs", response_class=HTMLResponse)
async def docs_page(request: Request) -> HTMLResponse:
    """The reference page."""
    return HTMLResponse(page(request.app.openapi()), headers={"Content-Security-Policy": CSP})


@router.get("/health/live")
async def live() -> Health:
    """As ``/api/v1/health``."""
    return await health()


@router.get("/health/ready")
async def ready_probe(response: Response, services: ServicesDep) -> Readiness:
    """As ``/api/v1/ready``."""
    return await ready(response, services)
