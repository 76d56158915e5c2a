"""Figures, as Prometheus reads them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lookalike.service.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {(each.name, tuple(each.labels.values())): each.value for family in families for each in family.samples}


def test_every_method_shows_in_the_figures() -> None:
    metrics = Metrics()
    metrics.running("http", 2)
    metrics.running("http", -1)
    metrics.request("GET", "/v1/models", 200, 0.02)
    metrics.stage("decode", 0.5)
    metrics.batch(4)
    metrics.dropped_frames(3)
    metrics.count_embedding("client")
    metrics.upload_verified("kept", "firefox", 0.0002)
    metrics.upload_verified("quarantined", "firefox", None)
    metrics.queue_depth(7, 2)
    metrics.count_rerank("asked")
    metrics.saturation("embedding", 0.25)
    metrics.not_saved(3600.5)

    told = samples(metrics)

    assert told["lookalike_running", ("http",)] == 1
    assert told["lookalike_requests_total", ("GET", "/v1/models", "200")] == 1
    assert told["lookalike_request_seconds_bucket", ("0.025", "GET", "/v1/models")] == 1
    assert told["lookalike_request_seconds_bucket", ("0.01", "GET", "/v1/models")] == 0
    assert told["lookalike_stage_seconds_sum", ("decode",)] == 0.5
    assert told["lookalike_batch_size_sum", ()] == 4
    assert told["lookalike_dropped_frames_total", ()] == 3
    assert told["lookalike_embedded_total", ("client",)] == 1
    assert told["lookalike_uploads_verified_total", ("firefox", "kept")] == 1
    assert told["lookalike_upload_distance_count", ("firefox",)] == 1
    assert told["lookalike_jobs", ("queued",)] == 7
    assert told["lookalike_tier_total", ("asked",)] == 1
    assert told["lookalike_saturation", ("embedding",)] == 0.25
    assert told["lookalike_index_not_saved_seconds", ()] == 3600.5


def test_a_method_that_is_made_up_makes_no_label() -> None:
    metrics = Metrics()
    for n in range(50):
        metrics.request(f"M{n}", "none", 405, 0.0)
    assert samples(metrics)["lookalike_requests_total", ("OTHER", "none", "405")] == 50


@pytest.mark.parametrize("route", ['a"b', "a\nb", "ü", "\\"])
def test_odd_labels_can_be_read_back(route: str) -> None:
    metrics = Metrics()
    metrics.request("GET", route, 200, 0.0)
    assert samples(metrics)["lookalike_requests_total", ("GET", route, "200")] == 1


def test_two_applications_do_not_share_figures() -> None:
    first, second = Metrics(), Metrics()
    first.batch(1)
    assert samples(first)["lookalike_batch_size_count", ()] == 1
    assert samples(second)["lookalike_batch_size_count", ()] == 0
