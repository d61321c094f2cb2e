"""The other way to build it: leads behind one FastAPI application, to measure the product against.

It answers the same requests with the same JSON from the same tables, written plainly by somebody who wants it
fast: pydantic models, asynchronous SQLAlchemy over asyncpg, uvicorn with uvloop and httptools, one worker a
core. Where there was a choice it was made in its favour: a token's signature is checked once and remembered,
nothing is logged or counted, no one is limited, and a body is trusted to be of reasonable size.
"""
