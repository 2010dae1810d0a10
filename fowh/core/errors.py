"""The one error a user can cause."""


class InputError(ValueError):
    """Bad input: one line that says what was given, what was expected and what to do.

    The command line prints the line and leaves with exit code 2.
    """


class Interrupted(BaseException):
    """The user ended the run. Only handlers of signals raise it, and nothing of ours stops it.

    It is no KeyboardInterrupt: a plug-in may raise one of those by itself.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
