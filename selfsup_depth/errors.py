"""The one exception that means: the person who called us can mend this."""


class UserError(ValueError):
    """Bad input, said in plain words.

    The message names the file or option, what was expected, what was found and what to do.
    Scripts print it without a traceback and end with exit status 2.
    """

    def __init__(self, message: str, *, cause: str = "", remedy: str = "") -> None:
        """With a remedy, `message` is what was found, and both together are the sentence.

        Args:
            cause: what the fault looks like, for the reports that say so (the preflight).
            remedy: what to do, in words that follow a colon.
        """
        # a loader worker's error is made anew in the main process, from its whole traceback as text
        if message.startswith("Caught UserError in DataLoader worker"):
            message = message.rsplit("errors.UserError: ", 1)[-1].strip()
        remedy = remedy.removesuffix(".")
        self.found, self.cause, self.remedy = message, cause, remedy
        super().__init__(f"{message}: {remedy}." if remedy else message)
