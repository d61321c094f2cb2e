"""From canonical inputs to a PDF, byte for byte the same each time.

The worker keeps a pool of render processes (``pool``, ``process``) and speaks with them in frames
(``frames``). A render process (``child``) fills a bundle's page (``bundles``, ``template``, ``text``)
and has WeasyPrint set it (``document``, ``assets``, ``metadata``). ``environment`` names everything else
that the bytes depend on.

A bundle from outside comes as an ``archive``, must have the right ``shape``, and passes an
``inspection`` in a render process before it is published; ``standby`` has such a process for that and
for previews (``picture``).
"""
