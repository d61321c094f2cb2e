"""What the lead context has erased goes from here, too, and from lineage.

``domain`` says what an erasure is, ``eraser`` finds them and carries them out.
"""
