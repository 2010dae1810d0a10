"""The one error a user can cause."""


class InputError(ValueError):
    """Bad input: one line that says what was given, what was expected and what to do.

    The command line prints the line and leaves with exit code 2.
    """
