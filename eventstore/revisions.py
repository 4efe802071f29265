"""The revisions of the schema, oldest first. Without imports, so that opening an up-to-date store costs nothing."""

REVISIONS = ("0001",)
APPLICATION_ID = 0x706F7064
"""SQLite's ``application_id`` of our files: ``popd``."""
FOLLOWING = -1
"""As position of a read model: it follows in each append's own transaction."""
