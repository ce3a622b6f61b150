"""Runs a command at a terminal of its own and passes on what it says. What appears in the file `keys` is typed there;
`close` closes the terminal, as when its window is closed."""

import os
import pty
import select
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    if select.select([terminal], [], [], 0.02)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        os.write(1, piece)
    if os.path.exists("keys"):
        with open("keys", "rb") as file:
            keys = file.read()
        if keys == b"close":
            os.close(terminal)
            os.remove("keys")
            break
        os.write(terminal, keys)
        os.remove("keys")
_, status = os.waitpid(pid, 0)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
