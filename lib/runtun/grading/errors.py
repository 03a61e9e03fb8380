"""The one kind of error that a command reports as a single line."""


class CourseError(Exception):
    """Something is wrong with what the instructor or the student gave the command.

    The text says what was expected, what was found and how to mend it, in one line; the command
    line prints it without a traceback and exits with code 2.
    """
