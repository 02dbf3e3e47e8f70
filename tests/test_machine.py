"""What is recorded of the machine a run was on."""

from bert_tf import machine


def test_settings_of_tensorflow_are_recorded_and_secrets_of_other_programs_are_not(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TF_VAR_password", "secret")
    monkeypatch.setenv("TF_TOKEN_example_com", "secret")
    recorded = machine.describe_run()["environment"]
    assert recorded["TF_NUM_INTRAOP_THREADS"] == recorded["OMP_NUM_THREADS"] == "1"
    assert "secret" not in recorded.values()
