"""How nbgrader sees this repository, and what keeps its own commands safe.

nbgrader and `runtun grade` both read this file. A course of your own needs only the second part.
"""

c = get_config()  # noqa: F821 (nbgrader provides it)

# The solution is the source; the exercises are generated from it, in each language.
c.CourseDirectory.course_id = "runtun"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "*.pyc",
    "__pycache__",
    ".pytest_cache",
    "mistakes.yml",  # holds right and wrong answers
    "README.md",
]

# `nbgrader autograde` and the form grader's button: the notebook that runs is made from the source,
# runs where `runtun grade` would run it, and earns points only by a positive record.
c.Autograde.sanitize_preprocessors = ["runtun.grading.preprocessors.RebuildFromSource"]
c.Autograde.autograde_preprocessors = ["runtun.grading.preprocessors.GradeFromSource"]

# A killed run leaves half-made folders, which nbgrader would take for graded ones and skip.
# With the journal of results, doing all of them again costs next to nothing.
c.Autograde.force = True

# `nbgrader generate_feedback` and its button: the page that `runtun feedback` writes, without
# hidden tests and without anything that could act in a browser.
c.GenerateFeedback.exporter_class = "runtun.grading.preprocessors.SafeFeedback"
c.HTMLExporter.sanitize_html = True
