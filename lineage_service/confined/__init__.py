"""Work on what strangers made, in processes of its own that may take so much time and memory and no more.

``process`` starts one for each piece of work; ``limits`` is the first thing that such a process calls.
The others are those processes: ``pdf`` finds out what a PDF says of itself, ``changes`` what differs
between two JSON documents. They hold no secret, and import nothing of this service but the limits.
"""
