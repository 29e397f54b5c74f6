"""The dashboards as a terminal application: `lab dash NAME`."""
