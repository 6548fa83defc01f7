"""Imported once by the server that forks the processes to be killed: rules, boto3 and the reader are ready in each."""

import boto3

from tests.dashboard.fetchers import small_fetch

small_fetch.reader().openers.take("")
SESSION = boto3.Session(region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
for service in ("logs", "sts"):
    SESSION.client(service)
