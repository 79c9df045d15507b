"""What `translate` found out: the records of the JSON report and their rendering for a terminal."""
