"""How much is fuzzed, and what repeats a run. Read here because the environment is scrubbed later."""

import os
import random

CASES = int(os.environ.get("FUZZ_CASES", "300"))
SEED = int(os.environ.get("FUZZ_SEED", str(random.randrange(10**6))))
