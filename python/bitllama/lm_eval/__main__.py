"""The command line of lm-evaluation-harness, which knows the model `bitllama`."""

from lm_eval.__main__ import cli_evaluate

from . import BitLlamaLM  # noqa: F401  (registers it)

if __name__ == "__main__":
    cli_evaluate()
