"""An application whose C library resolves the lab's names; `test_names.py` starts it.

It reads from its standard input which driver it uses, with what settings, and where it connects to;
for each connection it prints the type of endpoint, the instance and the role that are tracked.
"""

import json
import sys

from aurora_otel import AuroraInstrumentor
from aurora_otel.instrumentor import running_agent
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import DRIVERS, Place
from tests.support.drivers.unknown import UNKNOWN


def main() -> None:
    task = json.load(sys.stdin)
    drivers = (*DRIVERS, *UNKNOWN, *ASYNC_DRIVERS)
    driver = next(each for each in drivers if each.id == task["driver"])
    driver.introduce()
    AuroraInstrumentor().instrument(**task["settings"])
    tracked = []
    for place in task["places"]:
        connection = driver.open(driver.arguments(Place(*place)))
        with running_agent().tracker.settled():
            ((group, _),) = [
                (group, tracks)
                for cluster in running_agent().clusters
                for group, tracks in running_agent().tracker.open(cluster).items()
                if tracks
            ]
        tracked.append([group.endpoint_type.value, group.instance, group.role.value])
        connection.close()
    AuroraInstrumentor().uninstrument()
    print(json.dumps(tracked))  # noqa: T201 - that is how it answers


if __name__ == "__main__":
    main()
