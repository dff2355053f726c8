"""The alert rules: what is promised, what is watched, and the Prometheus rule files that follow from both."""
