"""`make matrix`: the wheel in fresh environments, each through a failover."""
