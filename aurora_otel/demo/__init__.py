"""The demo: one sample application, a real failover, without and with the agent."""
