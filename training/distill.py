"""Stage 5: bring the student's vector of a translation to the teacher's vector of the English sentence.

Loss: contrastive over the batch's teacher vectors, random ones and near neighbours of the right one, plus cosine
(Reimers and Gurevych 2020; the candidate set is ours). Bounded by minutes, resumes from its checkpoint.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import AutoModel, BertModel

from training.config import Config, from_command_line
from training.evaluate import retrieval_dev
from training.sampler import Batch, Sampler


@dataclass
class Progress:
    """What a checkpoint remembers beside the weights."""

    step: int = 0
    examples: int = 0
    seconds: float = 0.0


def neighbours(vectors: npt.NDArray[np.float32], path: Path, k: int = 24) -> npt.NDArray[np.int32]:
    """Each teacher vector's nearest others, int32 (n, k); computed once."""
    if path.exists() and len(found := np.load(path)) == len(vectors):
        return found
    index = faiss.index_factory(vectors.shape[1], "IVF512,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:: max(1, len(vectors) // 40000)])
    index.add(vectors)
    index.nprobe = 6
    found = index.search(vectors, k + 1)[1][:, 1:].astype(np.int32)
    np.save(path, found)
    return found


class Objective:
    """The loss of one batch."""

    def __init__(self, teacher: torch.Tensor, near: npt.NDArray[np.int32], config: Config, seed: int) -> None:
        self.teacher, self.near, self.settings = teacher, near, config["distill"]
        self.rng = np.random.default_rng(seed)

    def candidates(self, english: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows of the teacher that this batch is scored against; the batch's own come first."""
        settings = self.settings
        hard = np.take_along_axis(
            self.near[english], self.rng.integers(0, self.near.shape[1], (len(english), settings["hard_negatives"])), 1
        ).ravel()
        drawn = self.rng.integers(0, len(self.teacher), settings["negatives"])
        own = np.unique(english)
        return np.concatenate([own, np.setdiff1d(np.concatenate([hard[hard >= 0], drawn]), own)])

    def __call__(self, pooled: torch.Tensor, english: npt.NDArray[np.int64]) -> torch.Tensor:
        """Loss of unit vectors (n, d) whose English rows are ``english`` (n,)."""
        rows = self.candidates(english)
        target = torch.from_numpy(np.searchsorted(np.unique(english), english))
        right, against = self.teacher[english].float(), self.teacher[rows].float()
        logits = pooled @ against.T / self.settings["temperature"]
        paraphrase = (right @ against.T) > 0.92
        paraphrase[torch.arange(len(english)), target] = False
        contrastive = F.cross_entropy(logits.masked_fill(paraphrase, -1e4), target)
        cosine = (1 - (pooled * right).sum(1)).mean()
        return contrastive + self.settings["cosine_weight"] * cosine


def pooled(model: BertModel, batch: Batch, half: bool) -> torch.Tensor:
    """Mean-pooled unit vectors, float32 (n, d); ``half`` multiplies matrices in bfloat16."""
    mask = torch.from_numpy(batch.mask)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        hidden = model(input_ids=torch.from_numpy(batch.ids), attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(-1).float()
    return F.normalize((hidden.float() * weights).sum(1) / weights.sum(1), dim=1)


class Trainer:
    """The loop: time-bounded schedule, checkpoints, resume."""

    def __init__(self, config: Config, start: Path) -> None:
        self.config, self.settings = config, config["distill"]
        self.folder = config.work / "checkpoint"
        self.progress = Progress()
        resumed = (self.folder / "progress.json").exists()
        self.model = AutoModel.from_pretrained(
            self.folder / "model" if resumed else start,
            dtype=torch.float32,
            add_pooling_layer=False,
            attn_implementation="eager",  # the fused attention's backward pass in bfloat16 is ten times as slow
        )
        self.model.eval()  # no dropout: the targets are fixed and the data is never seen twice in the same form
        self.table = self.model.get_input_embeddings()
        self.table.sparse = True
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self.table.weight.requires_grad_(True)
        self.layers = list(self.model.encoder.parameters()) if self.settings["layer_lr"] > 0 else []
        for parameter in self.layers:
            parameter.requires_grad_(True)
        self.optimizers: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.SparseAdam([self.table.weight]), self.settings["table_lr"])
        ]
        if self.layers:
            self.optimizers.append((torch.optim.AdamW(self.layers, weight_decay=0.01), self.settings["layer_lr"]))
        if resumed:
            self.progress = Progress(**json.loads((self.folder / "progress.json").read_text("utf8")))
            # a run that unfreezes the layers goes on from one that did not: its second optimizer starts anew
            states = torch.load(self.folder / "optimizers.pt", weights_only=True)
            for (optimizer, _), state in zip(self.optimizers, states, strict=False):
                optimizer.load_state_dict(state)

    def rate(self) -> float:
        """Fraction of the learning rates now: linear warm-up, then linear decay over the time budget."""
        settings = self.settings
        spent = min(1.0, self.progress.seconds / (60 * settings["minutes"]))
        warm = min(1.0, (self.progress.step + 1) / settings["warmup_steps"])
        return warm * max(settings["final_lr_fraction"], 1 - spent)

    def save(self) -> None:
        """Write the checkpoint; ``progress.json`` last, since it marks the checkpoint as whole."""
        self.model.save_pretrained(self.folder / "model")
        torch.save([optimizer.state_dict() for optimizer, _ in self.optimizers], self.folder / "optimizers.pt")
        (self.folder / "progress.json").write_text(json.dumps(asdict(self.progress)), "utf8")

    def step(self, batch: Batch, objective: Objective) -> float:
        """One update; gives the loss."""
        loss = objective(pooled(self.model, batch, self.settings["bfloat16"]), batch.english)
        loss.backward()
        if self.layers:
            torch.nn.utils.clip_grad_norm_(self.layers, 1.0)
        for optimizer, base in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = base * self.rate()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def run(self) -> None:
        """Train until the time budget is spent."""
        seed = self.settings["seed"] + self.progress.step
        vectors = np.load(self.config.work / "teacher.npy")
        near = neighbours(vectors.astype(np.float32), self.config.work / "neighbours.npy")
        objective = Objective(torch.from_numpy(vectors), near, self.config, seed)
        losses: list[float] = []
        last, saved = time.monotonic(), time.monotonic()
        for batch in Sampler(self.config, seed):
            losses.append(self.step(batch, objective))
            now = time.monotonic()
            self.progress.seconds += now - last
            last = now
            self.progress.step += 1
            self.progress.examples += len(batch.english)
            if self.progress.step % 50 == 0:
                print(json.dumps({**asdict(self.progress), "loss": round(float(np.mean(losses)), 4)}), flush=True)
                losses.clear()
            done = self.progress.seconds >= 60 * self.settings["minutes"]
            if done or now - saved > 60 * self.settings["checkpoint_minutes"]:
                self.save()
                print(json.dumps(retrieval_dev(self.config, self.model)), flush=True)
                last = saved = time.monotonic()
            if done:
                return


def main() -> None:
    """Run the stage."""
    config, options = from_command_line(__doc__)
    torch.set_num_threads(config["distill"]["threads"])
    torch.manual_seed(config["distill"]["seed"])
    Trainer(config, options.from_checkpoint or config.work / "init").run()


if __name__ == "__main__":
    main()
