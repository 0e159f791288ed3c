"""Validates id tokens: whose signature, from whom, for whom, for which attempt, and whether still."""

from __future__ import annotations

import logging
from typing import Any

import httpx

from api.console.oidc_wire import Json, get_json, not_accepted

log = logging.getLogger("visto.oidc")

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"})
"""Signatures that only the provider can make. ``none`` and those of shared secrets are never accepted."""
LEEWAY_S = 60


class Tokens:
    """The tokens of one provider; its keys are fetched once, and again when a signature does not fit them."""

    def __init__(self, issuer: str, client_id: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys: Any = None

    async def claims(
        self, http: httpx.AsyncClient, tokens: Json, *, nonce: str, jwks: str, algorithms: list[str]
    ) -> Json:
        """The claims of a valid id token. Raises ``Refused`` 403 and 503."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        try:
            token = await self._decoded(http, str(tokens.get("id_token", "")), jwks, algorithms)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                    "nonce": {"essential": True},
                },
                {"nonce": nonce, "client_id": self._client_id, "access_token": tokens.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            log.warning("an id token was refused: %s", error)
            raise not_accepted("oidc_token_refused") from error
        return dict(claims)

    async def _decoded(self, http: httpx.AsyncClient, text: str, jwks: str, algorithms: list[str]) -> Any:
        from joserfc import jwt
        from joserfc.errors import BadSignatureError, InvalidKeyIdError
        from joserfc.jws import JWSRegistry

        registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
        known = self._keys
        if known is not None:
            try:
                return jwt.decode(text, known, registry=registry)
            except (BadSignatureError, InvalidKeyIdError):
                log.info("a signature does not fit the provider's known keys; looking for new ones")
        self._keys = await _keys(http, jwks)
        return jwt.decode(text, self._keys, registry=registry)


async def _keys(http: httpx.AsyncClient, address: str) -> Any:
    from joserfc.jwk import KeySet

    return KeySet.import_key_set(await get_json(http, address))  # type: ignore[arg-type]
