"""Becomes another program that cannot outlive the supervisor.

``child.py PARENT SIGNAL ACCOUNT PROGRAM…``: give up root for the account (``-`` keeps it), have the
kernel send the signal when the parent dies, even by SIGKILL, and become the program. The asking is
left to this small script because code between fork and exec is not safe in a parent with threads.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, death_signal: str, account: str, *program: str) -> None:
    """Change what this process is; returns only by raising OSError."""
    if account != "-":
        user = pwd.getpwnam(account)
        os.initgroups(account, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    if sys.platform == "linux":
        # After setuid, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the supervisor is gone")
    os.execvp(program[0], program)  # noqa: S606  (to become another program is its purpose)


if __name__ == "__main__":
    main(*sys.argv[1:])
