"""A table or page for each verb that answers with one."""
