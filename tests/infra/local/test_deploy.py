"""What is handed to CloudFormation; deploying itself is tested end to end."""

from infra.local.deploy import _packaged, _parameters
from infra.local.home import ROOT
from shared.settings import NAMES


def test_every_setting_becomes_the_parameter_that_the_template_names() -> None:
    document = _packaged(ROOT / "template.yaml", "key.zip")
    given = {item["ParameterKey"]: item["ParameterValue"] for item in _parameters(document, {n: n for n in NAMES})}
    assert given["DbHost"] == "DB_HOST"
    assert given["Environment"] == "CRONNY_ENV"
    assert given["AllowedNetworks"] == "CRONNY_ALLOWED_NETWORKS"
    without_default = {name for name, it in document["Parameters"].items() if "Default" not in it}
    assert without_default <= set(given)


def test_the_code_is_the_uploaded_artefact() -> None:
    code = _packaged(ROOT / "template.yaml", "key.zip")["Globals"]["Function"]["CodeUri"]
    assert code == {"Bucket": "cronny-artifacts", "Key": "key.zip"}
