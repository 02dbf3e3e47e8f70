"""How a program ends early without an error: one line, and an exit code for its launcher."""

RESTART = 75  # EX_TEMPFAIL of sysexits.h: no fault of this worker; start all workers again
TERMINATED = 143  # 128 + SIGTERM, the code that a shell reports


class EndRun(Exception):  # noqa: N818 - not an error
    """Ends the program with a message and an exit code; the run can be continued later.

    Args:
      code: `RESTART` or `TERMINATED`.
      message: one line for the user.
    """

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code
