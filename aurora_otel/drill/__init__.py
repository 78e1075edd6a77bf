"""The drill: a failover of a real cluster, rehearsed and watched from the client's side."""
