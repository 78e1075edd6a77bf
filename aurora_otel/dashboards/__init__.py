"""Grafana dashboards and Prometheus rules, built from the names of the telemetry.

What is built is committed in `dashboards/` and travels in the wheel. Building needs
grafana-foundation-sdk (`python -m aurora_otel.dashboards.build`); writing it out does not
(`aurora-otel dashboards DIR`).
"""
