"""The course of the sample class, written by samples/make_class.py."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "sample-class"
c.Runtun.due = {"03-rnn": "2026-09-14T23:59:00+07:00"}
