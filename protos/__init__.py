"""The contract: every message and RPC of LeadFactory, and the code generated from it.

``leadfactory/<context>/v1/*.proto`` is the source. Everything ending in ``_pb2.py``, ``_pb2.pyi``
and ``_pb2_grpc.py``, and the descriptor image ``leadfactory.binpb``, is made from it by
``make protos`` and committed, so that a reader sees the effect of a change and a container needs
no compiler.
"""
