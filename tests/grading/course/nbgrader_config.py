"""An ordinary nbgrader course, with nothing of Runtun in it but the due date."""

c = get_config()  # noqa: F821 (nbgrader provides it)
c.CourseDirectory.course_id = "tiny"
c.Runtun.due = {"ps1": "2026-09-14T23:59:00+07:00"}
