"""HTML pages and charts, whatever they report on."""
