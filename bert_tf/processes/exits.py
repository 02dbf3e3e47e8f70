"""How a program ends that is neither done nor wrong: one line, and a code for who started it."""

RESTART = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong here, start all workers again
TERMINATED = 143  # 128 + SIGTERM, as a shell says it


class EndRun(Exception):  # noqa: N818 - not an error
    """Ends the program with its message and `code`; the work directory can be continued.

    Args:
      code: `RESTART` or `TERMINATED`.
      message: one line for the user.
    """

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code
