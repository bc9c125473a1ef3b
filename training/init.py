"""Stage 4: the student before training.

The teacher's layers stay; English pieces keep their vectors; a new piece starts as the mix of the English pieces it
translates to, weighted by IBM Model 1 link counts (ours; WECHSEL, Minixhofer et al. 2022, mixes by similarity in a
static embedding space).
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import scipy.sparse as sp
import torch
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from training.config import Config, from_command_line
from training.lexicon import link_counts
from training.teacher import teacher_directory
from training.tokenizer import our_spelling
from training.tokens import tokenize_corpus


def lexicon(config: Config, size: int) -> sp.csr_matrix:
    """Link counts (new piece x English piece), summed over the languages."""
    english, other = tokenize_corpus(config)
    pairs = pq.read_table(config.work / "pairs.parquet", columns=["english", "lang"])
    english_ids = pairs["english"].to_numpy()
    languages = np.array(pairs["lang"].to_pylist())
    total = sp.csr_matrix((size, size))
    for language in tqdm(sorted(set(languages)), unit="language"):
        rows = np.flatnonzero(languages == language)
        a, b = english.take(english_ids[rows]), other.take(rows)
        links = link_counts(
            a.ids.astype(np.int64), a.start, b.ids.astype(np.int64), b.start, size, config["init"]["iterations"]
        )
        keep = links[2] > 0.02
        total += sp.csr_matrix((links[2][keep], (links[0][keep], links[1][keep])), shape=(size, size))
    return total


def teacher_rows(pieces: list[str]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The teacher's vector of each piece that it has, and which those are."""
    tokenizer = AutoTokenizer.from_pretrained(teacher_directory())
    model = AutoModel.from_pretrained(teacher_directory(), dtype=torch.float32)
    table = model.get_input_embeddings().weight.detach().numpy()
    known: dict[str, int] = tokenizer.get_vocab()
    out = np.zeros((len(pieces), table.shape[1]), np.float32)
    has = np.zeros(len(pieces), bool)
    whole_words_last = sorted(known, key=lambda name: not name.startswith("##"))
    row = {our_spelling(name): known[name] for name in whole_words_last}
    for i, piece in enumerate(pieces):
        if piece in row:
            out[i], has[i] = table[row[piece]], True
    return out, has


def mix(
    counts: sp.csr_matrix, rows: npt.NDArray[np.float32], has: npt.NDArray[np.bool_], config: Config
) -> npt.NDArray[np.float32]:
    """Fill the rows that the teacher lacks with sharpened mixes of those it has, at the teacher's usual norm."""
    top, sharpness = config["init"]["top"], config["init"]["sharpness"]
    norm = np.median(np.linalg.norm(rows[has], axis=1))
    centre = rows[has].mean(0)
    out = rows.copy()
    for i in np.flatnonzero(~has):
        start, stop = counts.indptr[i], counts.indptr[i + 1]
        columns, weights = counts.indices[start:stop], counts.data[start:stop]
        usable = has[columns]
        columns, weights = columns[usable], weights[usable]
        best = np.argsort(-weights)[:top]
        share = weights[best] ** sharpness
        vector = (share @ rows[columns[best]] / share.sum()) if share.sum() > 0 else centre
        out[i] = vector * norm / max(float(np.linalg.norm(vector)), 1e-6)
    return out


def student(table: npt.NDArray[np.float32]) -> BertModel:
    """The teacher's architecture and layers under a new embedding table."""
    teacher = AutoModel.from_pretrained(teacher_directory(), dtype=torch.float32)
    settings = {**teacher.config.to_dict(), "vocab_size": len(table), "pad_token_id": 0}
    model = BertModel(BertConfig(**settings), add_pooling_layer=False)
    weights = {name: value for name, value in teacher.state_dict().items() if not name.startswith("pooler")}
    weights["embeddings.word_embeddings.weight"] = torch.from_numpy(table)
    model.load_state_dict(weights)
    return model


def main() -> None:
    """Run the stage."""
    config, _ = from_command_line(__doc__)
    pieces = [piece for piece, _ in json.loads((config.work / "vocabulary.json").read_text("utf8"))]
    rows, has = teacher_rows(pieces)
    table = mix(lexicon(config, len(pieces)), rows, has, config)
    student(table).save_pretrained(config.work / "init")
    print(f"{has.sum()} pieces of the teacher, {(~has).sum()} new ones")


if __name__ == "__main__":
    main()
