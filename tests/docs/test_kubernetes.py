"""The image for Kubernetes' operator: its files hold together; `make matrix` runs its pip line."""

import re

import yaml

from tests.matrix import documented

FOLDER = documented.DOCKERFILE.parent
DOCKERFILE = documented.DOCKERFILE.read_text(encoding="utf-8")


def test_each_stage_installs_the_same_into_the_folder_that_is_copied():
    step = documented.image_step(DOCKERFILE)
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    copied = re.findall(r"^COPY --from=(\S+) /build/workspace (\S+)$", DOCKERFILE, re.MULTILINE)
    # Where the operator looks for what runs on glibc, and on musl.
    places = ("/autoinstrumentation", "/autoinstrumentation-musl")
    assert copied == list(zip(stages, places, strict=True))
    assert DOCKERFILE.count("WORKDIR /build") == DOCKERFILE.count(step) == len(stages)
    assert "--target workspace" in step


def test_the_resource_names_the_image_that_is_built():
    resource = yaml.safe_load((FOLDER / "instrumentation.yaml").read_text(encoding="utf-8"))
    assert resource["kind"] == "Instrumentation"
    assert f"--tag {resource['spec']['python']['image']} " in DOCKERFILE
