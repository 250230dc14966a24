"""The one exception that means: the person who called us can mend this."""


class UserError(ValueError):
    """Bad input, said in plain words.

    The message names the file or option, what was expected, what was found and what to do.
    Scripts print it without a traceback and end with exit status 2.
    """

    def __init__(self, message: str) -> None:
        # a loader worker's error is made anew in the main process, from its whole traceback as text
        if message.startswith("Caught UserError in DataLoader worker"):
            message = message.rsplit("errors.UserError: ", 1)[-1].strip()
        super().__init__(message)
