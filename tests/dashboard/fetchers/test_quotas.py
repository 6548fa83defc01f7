"""The pace: half of the quota, evenly, and slower when AWS says no."""

import pytest

from dashboard.fetchers.quotas import Bucket, Buckets, Pace, quota_of


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def calls_in(bucket, clock, seconds):
    """How many calls a bucket lets through in so many seconds."""
    end, calls = clock.now + seconds, 0
    while clock.now < end:
        bucket.acquire()
        calls += 1
    return calls


@pytest.mark.parametrize(
    ("api", "region", "rate"),
    [
        ("FilterLogEvents", "us-east-1", 25), ("FilterLogEvents", "eu-central-1", 5), ("FilterLogEvents", "eu-west-1", 10),
        ("GetLogEvents", "us-east-1", 25), ("GetLogEvents", "us-west-2", 10), ("GetLogEvents", "eu-west-3", 30),
        ("GetLogEvents", "eu-central-1", 10), ("DescribeTasks", "us-east-1", 20), ("SomethingNew", "us-east-1", 10),
    ],
)  # fmt: skip
def test_the_quota_of_a_region(api, region, rate):
    """The table knows the regions that are slower or faster than the others."""
    assert quota_of(api, region) == rate


def test_half_of_the_quota_is_taken():
    """Without a word, half: the console and other tools live from the same quota."""
    assert Pace().rate("FilterLogEvents", "us-east-1") == 12.5
    assert Pace(share=1.0).rate("FilterLogEvents", "us-east-1") == 25
    assert Pace(overrides={"FilterLogEvents": 3}).rate("FilterLogEvents", "us-east-1") == 3


def test_calls_come_evenly_at_the_rate(clock):
    """Ten seconds of a bucket of 25 a second let 250 calls through, and no burst of more than a few."""
    bucket = Bucket(25, clock=clock, sleep=clock.sleep)
    assert 249 <= calls_in(bucket, clock, 10) <= 254


def test_idle_time_is_not_saved_up(clock):
    """After a minute of silence there is no burst that would run into the quota."""
    bucket = Bucket(10, clock=clock, sleep=clock.sleep)
    clock.now += 60
    assert calls_in(bucket, clock, 1) <= 13


def test_a_refusal_halves_the_pace_and_success_brings_it_back(clock):
    """Additive increase, multiplicative decrease; one burst of refusals counts once."""
    bucket = Bucket(20, clock=clock, sleep=clock.sleep)
    for _ in range(5):
        bucket.throttled()
    assert bucket.rate == 10
    clock.now += 2
    bucket.throttled()
    assert bucket.rate == 5
    for _ in range(200):
        bucket.succeeded()
    assert bucket.rate == 20
    assert bucket.throttles == 6


def test_however_often_aws_says_no_some_calls_remain(clock):
    """The pace never falls to nothing."""
    bucket = Bucket(10, clock=clock, sleep=clock.sleep)
    for _ in range(50):
        clock.now += 2
        bucket.throttled()
    assert bucket.rate == pytest.approx(0.2)


def test_each_api_and_region_has_a_bucket_of_its_own(clock):
    """A throttle on one API slows no other."""
    buckets = Buckets(Pace(), clock=clock, sleep=clock.sleep)
    buckets.of("GetLogEvents", "us-east-1").throttled()
    assert buckets.of("FilterLogEvents", "us-east-1").rate == 12.5
    assert buckets.of("GetLogEvents", "eu-west-1").rate == 5
    assert buckets.throttles == 1
