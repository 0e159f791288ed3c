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
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx

from workflows.settings import Settings
from workflows.usecases.refusals import Refused
from workflows.usecases.sign_in_oidc import Vouched

log = logging.getLogger("visto.oidc")

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"})
"""Signatures that only the provider can make. ``none`` and those of shared secrets are never accepted."""
SCOPE = "openid email profile"
TIMEOUT_S = 10.0
LEEWAY_S = 60
METADATA_S = 3600.0
LOCAL = ("localhost", "127.0.0.1", "::1")

Json = dict[str, Any]


class OidcMisconfigured(Exception):
    """The settings ``VISTO_OIDC_*`` do not make a provider. The API does not start."""

    remedy = "Set VISTO_OIDC_ISSUER (an https address), VISTO_OIDC_CLIENT_ID and VISTO_OIDC_CLIENT_SECRET together."


def unavailable() -> Refused:
    return Refused(
        "oidc_unavailable",
        "The sign-in service does not answer as it should.",
        status=503,
        remedy="Try again in a minute, or sign in with a password. An admin finds the cause in the API's log.",
    )


def not_accepted(code: str) -> Refused:
    """``code`` is for the journal and for programs; people read one sentence."""
    return Refused(
        code,
        "The answer of the sign-in service was not accepted.",
        status=403,
        remedy="Start again from the sign-in page. If it happens again, tell an admin the code of this page.",
    )


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
        self._keys: Any = None
        self._lock = asyncio.Lock()

    async def address(self, pending: Pending) -> str:
        """Where to send the browser. Raises ``Refused`` 503."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        async with self._http() as http:
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
        async with self._http() as http:
            metadata = await self._discovered(http)
            tokens = await self._exchange(http, metadata, pending, code)
            claims = await self._claims(http, metadata, pending, tokens)
            if metadata.userinfo and not claims.get("email"):
                claims |= await self._userinfo(http, metadata.userinfo, tokens, claims["sub"])
        return self._read(claims)

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False)

    async def _discovered(self, http: httpx.AsyncClient) -> _Metadata:
        async with self._lock:
            if self._metadata is None or self._metadata[0] < time.monotonic():
                found = await self._get(http, f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
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
        answer = await self._call(
            http.post(metadata.token, data=form, auth=auth, headers={"Accept": "application/json"})
        )
        if answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            log.warning("the provider refused a code: %s", _error_of(answer))
            raise not_accepted("oidc_code_refused")
        return self._json(answer)

    async def _claims(self, http: httpx.AsyncClient, metadata: _Metadata, pending: Pending, tokens: Json) -> Json:
        """The claims of a valid id token. Raises ``Refused``."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        try:
            token = await self._decoded(http, metadata, str(tokens.get("id_token", "")))
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self._client_id},
                    "nonce": {"essential": True},
                },
                {"nonce": pending.nonce, "client_id": self._client_id, "access_token": tokens.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError) as error:
            log.warning("an id token was refused: %s", error)
            raise not_accepted("oidc_token_refused") from error
        return dict(claims)

    async def _decoded(self, http: httpx.AsyncClient, metadata: _Metadata, text: str) -> Any:
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError
        from joserfc.jwk import KeySet
        from joserfc.jws import JWSRegistry

        registry = JWSRegistry(algorithms=metadata.algorithms, strict_check_header=False)
        fresh = self._keys is None
        if fresh:
            self._keys = KeySet.import_key_set(await self._get(http, metadata.jwks))  # type: ignore[arg-type]
        try:
            return jwt.decode(text, self._keys, registry=registry)
        except InvalidKeyIdError:
            if fresh:
                raise
        # providers change their keys: look once more
        self._keys = KeySet.import_key_set(await self._get(http, metadata.jwks))  # type: ignore[arg-type]
        return jwt.decode(text, self._keys, registry=registry)

    async def _userinfo(self, http: httpx.AsyncClient, address: str, tokens: Json, subject: str) -> Json:
        headers = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
        found = self._json(await self._call(http.get(address, headers=headers)))
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

    async def _get(self, http: httpx.AsyncClient, address: str) -> Json:
        return self._json(await self._call(http.get(address, headers={"Accept": "application/json"})))

    async def _call(self, request: Any) -> httpx.Response:
        try:
            answer: httpx.Response = await request
        except httpx.HTTPError as error:
            log.warning("the provider does not answer: %s: %s", type(error).__name__, error)
            raise unavailable() from error
        return answer

    def _json(self, answer: httpx.Response) -> Json:
        try:
            found = answer.raise_for_status().json()
        except (httpx.HTTPStatusError, ValueError) as error:
            log.warning("the provider answered %s with %s", answer.request.url, answer.status_code)
            raise unavailable() from error
        if not isinstance(found, dict):
            raise unavailable()
        return found


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


def is_safe(address: str) -> bool:
    """Whether secrets may travel there: https, or this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)


def _error_of(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return str(answer.status_code)
    return str(found.get("error", answer.status_code) if isinstance(found, dict) else answer.status_code)[:100]
