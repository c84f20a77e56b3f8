"""The specs that come with lossproof: valid, canonical, clean, and quick to load."""

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from lossproof.specs import load_ledger, load_specs
from lossproof.specs.format import format_text
from lossproof.specs.lint import lint

ROOT = Path(str(resources.files("lossproof.specs")))
FILES = sorted([*(ROOT / "apis").glob("*.yaml"), *(ROOT / "ledger").glob("*.yaml")])
SPECS = load_specs()


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_is_canonical(file):
    text = file.read_text(encoding="utf-8")
    assert format_text(text) == text, "run: python -m lossproof.specs.format specs/lossproof/specs/apis"


def test_every_file_is_clean():
    problems = lint([str(ROOT / "apis"), str(ROOT / "ledger")])
    assert problems == [], "\n".join(map(str, problems))


def test_the_apis_of_torch_and_mlx_are_there():
    assert {s.api for s in SPECS} >= {
        "mlx.nn.losses.cosine_similarity_loss",
        "torch.nn.CosineEmbeddingLoss",
        "torch.nn.CosineSimilarity",
        "torch.nn.functional.cosine_embedding_loss",
        "torch.nn.functional.cosine_similarity",
    }


def test_the_ledger_loads():
    slugs = [f.slug for f in load_ledger().findings]
    assert slugs == sorted(set(slugs))


def test_no_framework_is_imported():
    code = (
        "import sys, lossproof.specs as s; s.load_specs(); s.load_ledger();"
        "print([m for m in ('torch', 'tensorflow', 'mlx', 'numpy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
