"""The one exception that means: the person who called us can mend this."""


class UserError(ValueError):
    """Bad input, said in plain words.

    The message names the file or option, what was expected, what was found and what to do.
    Scripts print it without a traceback and end with exit status 2.
    """
