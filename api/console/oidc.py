"""An OpenID Connect provider as a client sees it: authorisation code with PKCE, state and nonce.

Authlib and joserfc are imported on first use, so an installation without a provider pays nothing for them.
Nothing is kept between the two halves of a sign-in but what the browser carries, so any replica can finish it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote_plus

import httpx

from api.console.oidc_token import ALGORITHMS, Tokens
from api.console.oidc_wire import (
    Json,
    called,
    client,
    error_of,
    get_json,
    is_safe,
    json_of,
    not_accepted,
    unavailable,
)
from workflows.settings import Settings
from workflows.usecases.sign_in_oidc import Vouched

log = logging.getLogger("visto.oidc")

SCOPE = "openid email profile"
METADATA_S = 3600.0


class OidcMisconfigured(Exception):
    """The settings ``VISTO_OIDC_*`` do not make a provider. The API does not start."""

    remedy = "Set VISTO_OIDC_ISSUER (an https address), VISTO_OIDC_CLIENT_ID and VISTO_OIDC_CLIENT_SECRET together."


@dataclass(frozen=True, slots=True)
class Pending:
    """What must still be known when the provider sends the browser back."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Pending:
        return cls(*(secrets.token_urlsafe(48) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class _Metadata:
    """The provider's addresses and signature algorithms, as its discovery document names them."""

    authorization: str
    token: str
    userinfo: str | None
    jwks: str
    algorithms: list[str]
    basic_auth: bool


class Provider:
    """The configured provider. ``name`` is what the button says."""

    def __init__(self, settings: Settings) -> None:
        self.issuer = settings.oidc_issuer or ""
        self.name = settings.oidc_name
        self.redirect_uri = f"{settings.api_url.rstrip('/')}/sign-in/oidc/callback"
        self._client_id = settings.oidc_client_id or ""
        self._secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
        self._groups_claim = settings.oidc_groups_claim
        self._metadata: tuple[float, _Metadata] | None = None
        self._tokens = Tokens(self.issuer, self._client_id)
        self._lock = asyncio.Lock()

    async def address(self, pending: Pending) -> str:
        """Where to send the browser. Raises ``Refused`` 503."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        async with client() as http:
            metadata = await self._discovered(http)
        made: str = prepare_grant_uri(
            metadata.authorization,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=self.redirect_uri,
            scope=SCOPE,
            state=pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return made

    async def vouched(self, pending: Pending, code: str) -> Vouched:
        """Exchange the code and validate what comes back. Raises ``Refused`` 403 and 503."""
        async with client() as http:
            metadata = await self._discovered(http)
            tokens = await self._exchange(http, metadata, pending, code)
            claims = await self._tokens.claims(
                http, tokens, nonce=pending.nonce, jwks=metadata.jwks, algorithms=metadata.algorithms
            )
            if metadata.userinfo and not claims.get("email"):
                claims |= await self._userinfo(http, metadata.userinfo, tokens, claims["sub"])
        return self._read(claims)

    async def _discovered(self, http: httpx.AsyncClient) -> _Metadata:
        async with self._lock:
            if self._metadata is None or self._metadata[0] < time.monotonic():
                found = await get_json(http, f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                self._metadata = (time.monotonic() + METADATA_S, self._checked(found))
            return self._metadata[1]

    def _checked(self, found: Json) -> _Metadata:
        if found.get("issuer") != self.issuer:
            log.error("the provider calls itself %r, and VISTO_OIDC_ISSUER is %r", found.get("issuer"), self.issuer)
            raise unavailable()
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        addresses = [found.get(name) for name in names] + [
            found.get("userinfo_endpoint") or found.get("token_endpoint")
        ]
        if not all(isinstance(one, str) and is_safe(one) for one in addresses):
            log.error("the provider's discovery document lacks an address, or one is not https")
            raise unavailable()
        offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return _Metadata(
            authorization=str(found["authorization_endpoint"]),
            token=str(found["token_endpoint"]),
            userinfo=found.get("userinfo_endpoint"),
            jwks=str(found["jwks_uri"]),
            algorithms=sorted(ALGORITHMS & {str(one) for one in offered}),
            basic_auth="client_secret_basic" in methods,
        )

    async def _exchange(self, http: httpx.AsyncClient, metadata: _Metadata, pending: Pending, code: str) -> Json:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pending.verifier,
        }
        auth: httpx.Auth = httpx.Auth()
        if metadata.basic_auth:
            auth = httpx.BasicAuth(quote_plus(self._client_id), quote_plus(self._secret))
        else:
            form |= {"client_id": self._client_id, "client_secret": self._secret}
        answer = await called(http.post(metadata.token, data=form, auth=auth, headers={"Accept": "application/json"}))
        if answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            log.warning("the provider refused a code: %s", error_of(answer))
            raise not_accepted("oidc_code_refused")
        return json_of(answer)

    async def _userinfo(self, http: httpx.AsyncClient, address: str, tokens: Json, subject: str) -> Json:
        found = await get_json(http, address, bearer=str(tokens.get("access_token", "")))
        if found.get("sub") != subject:
            raise not_accepted("oidc_userinfo_refused")
        return {name: found[name] for name in ("email", "email_verified", "name") if name in found}

    def _read(self, claims: Json) -> Vouched:
        email, groups = claims.get("email"), None
        if self._groups_claim is not None:
            named = claims.get(self._groups_claim, [])
            listed = named if isinstance(named, list) else [named]
            groups = tuple(str(one) for one in listed)
        name = claims.get("name") or claims.get("preferred_username") or email or claims["sub"]
        return Vouched(
            issuer=self.issuer,
            subject=str(claims["sub"]),
            email=email if isinstance(email, str) else None,
            email_verified=claims.get("email_verified") in (True, "true"),
            name=str(name)[:200],
            groups=groups,
        )


def provider(settings: Settings) -> Provider | None:
    """The provider of the settings, if there is one. Raises ``OidcMisconfigured``."""
    given = (settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)
    if not any(given):
        return None
    if not all(given):
        raise OidcMisconfigured("Only some of the settings VISTO_OIDC_* are there.")
    if not is_safe(settings.oidc_issuer or ""):
        raise OidcMisconfigured(f"VISTO_OIDC_ISSUER is not an https address: {settings.oidc_issuer}.")
    return Provider(settings)
