"""The fixture course is data: its configuration is read by nbgrader, not by pytest."""

collect_ignore_glob = ["course/*"]
