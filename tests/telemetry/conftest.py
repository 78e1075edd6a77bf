import pytest

from tests.telemetry import story


@pytest.fixture(scope="package")
def cleaned_up(lab):
    lab.heal()
    yield story.cleaned_up(lab)
    lab.heal()


@pytest.fixture(scope="package")
def observed(lab):
    lab.heal()
    yield story.observed(lab)
    lab.heal()


@pytest.fixture(params=["cleaned_up", "observed"])
def exported(request):
    """Each of the two stories."""
    return request.getfixturevalue(request.param)
