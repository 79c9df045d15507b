"""Source code and test cases as data: functions, test cases, and (later) corpora."""
