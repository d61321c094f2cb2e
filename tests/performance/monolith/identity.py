"""Who calls: a bearer token, verified with the library that the product uses, and remembered."""

import json
import os
import time
from pathlib import Path
from typing import Annotated, NamedTuple

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

REMEMBERED = 1024
_keys = KeySet.import_key_set(json.loads(Path(os.environ["IDENTITY_JWKS"]).read_text()))
_claims = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": os.environ["IDENTITY_ISSUER"]},
    aud={"essential": True, "value": "leadfactory"},
    sub={"essential": True},
    exp={"essential": True},
)


class User(NamedTuple):
    """Who a token speaks for, and until when."""

    subject: str
    roles: frozenset[str]
    expires_at: float


_known: dict[str, User] = {}


def verify(token: str) -> User:
    """Return whom the token speaks for; raises HTTPException (401)."""
    user = _known.get(token)
    if user is None or user.expires_at < time.time():
        try:
            claims = jwt.decode(token, _keys, algorithms=["ES256"]).claims
            _claims.validate(claims)
        except (JoseError, ValueError) as error:
            raise HTTPException(401, "The token is not valid.") from error
        user = User(claims["sub"], frozenset(claims["roles"]), claims["exp"])
        if len(_known) >= REMEMBERED:
            _known.clear()
        _known[token] = user
    return user


async def reader(shown: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> User:
    """Admit whoever has a role; raises HTTPException (401, 403)."""
    user = verify(shown.credentials)
    if not user.roles:
        raise HTTPException(403, "Your role may not read leads.")
    return user


async def writer(user: Annotated[User, Depends(reader)]) -> User:
    """Admit operators and admins; raises HTTPException (401, 403)."""
    if user.roles.isdisjoint({"operator", "admin"}):
        raise HTTPException(403, "Your role may not change leads.")
    return user


Reader = Annotated[User, Depends(reader)]
Writer = Annotated[User, Depends(writer)]
