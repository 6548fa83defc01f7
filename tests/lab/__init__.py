"""The lab: migration tools run for real against a private PostgreSQL; what they print is recorded and replayed by the tests."""
