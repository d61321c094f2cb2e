"""The chassis: what every service runs on.

It knows no context. A module enters only if all three services need it and none of their domains
owns it; it may read ``protos.leadfactory.options`` (the access rule) and no other contract.
"""
