"""HTML pages and charts for all kinds of reports."""
