"""An autograder for nbgrader courses that fails closed.

The way of a submission:

    intake     look at the files, run nothing           -> Submission, or a reason
    bundle     the instructor's notebook as data        -> Bundle
    rebuild    the bundle with the student's texts      -> Rebuilt
    runner     execute it with limits                   -> JSON
    verdict    points by positive record only           -> Result
    journal    keep each result once, for ever
    gradebook  one writer into nbgrader's database
    feedback   a safe page for the student; report: one for the instructor

It knows nbgrader and Jupyter, and nothing of sequence models: it works for any nbgrader course.
"""

from runtun.grading.bundle import Bundle
from runtun.grading.errors import CourseError
from runtun.grading.pipeline import grade_notebook
from runtun.grading.runner import KernelRunner, Runner
from runtun.grading.verdict import Result, Score

__all__ = ["Bundle", "CourseError", "KernelRunner", "Result", "Runner", "Score", "grade_notebook"]
