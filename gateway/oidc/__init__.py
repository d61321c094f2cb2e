"""Signing in at an OpenID provider, with the gateway as the party that holds the tokens.

    endpoints   what a browser is sent to: sign in, come back, sign out
    sessions    whose a request with a cookie is, and whether the provider still says so
    provider    the provider: what it is asked and how its answers are checked
    cookies     sealed values in cookies, in as many as they need
    seal        authenticated encryption under keys from a file

No process keeps a session: the cookie is the session, sealed, so that any replica of the gateway can serve
any request. What a replica remembers only spares questions to the provider.
"""
