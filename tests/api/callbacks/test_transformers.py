"""The doctor beside Hugging Face's own Trainer; skipped where transformers is not installed."""

import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from retemper.api.callbacks.transformers import TransformersDoctor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

pytestmark = pytest.mark.filterwarnings("ignore")


class Rows(Dataset):
    def __init__(self, seed):
        self.x = torch.randint(5, 50, (128, 8), generator=torch.Generator().manual_seed(seed))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, number):
        own = self.x[number]
        return {"input_ids": own, "attention_mask": torch.ones_like(own), "labels": (own[0] > 27).long()}


def fitted(doctor, folder, frozen=False, compute_loss=None, **options):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForSequenceClassification(
        BertConfig(vocab_size=50, max_position_embeddings=8, num_labels=2, **sizes)
    )
    model.bert.embeddings.requires_grad_(not frozen)
    arguments = TrainingArguments(
        str(folder),
        num_train_epochs=3,
        per_device_train_batch_size=16,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        **({"learning_rate": 3e-3, "eval_strategy": "epoch"} | options),
    )
    parts = {"train_dataset": Rows(0), "eval_dataset": Rows(1), "compute_loss_func": compute_loss}
    Trainer(model, arguments, callbacks=[doctor] if doctor else [], **parts).train()
    return model


def test_model_loss_rows_and_curves_are_found_without_a_word(tmp_path):
    doctor = TransformersDoctor(quiet=True)
    model = fitted(doctor, tmp_path)
    case = doctor.doctor.case()
    assert case.loss.wants == "logits" and case.data.rows == 128 and case.standing.held_out
    assert len(case.history["val_loss"]) == len(case.history["train_loss"]) == 3
    assert case.signals.taken == 24 and case.signals.losses[0] == pytest.approx(np.log(2), rel=0.2)
    assert not model._forward_hooks and not model._forward_pre_hooks


def test_a_fault_is_found_and_told_at_the_end(tmp_path, capsys):
    doctor = TransformersDoctor()
    fitted(doctor, tmp_path, learning_rate=1e-9)
    assert "learning_rate_too_low" in [own.code for own in doctor.findings()]
    assert "learning_rate_too_low" in capsys.readouterr().out


def test_a_watched_training_keeps_its_bits(tmp_path):
    watched, alone = fitted(TransformersDoctor(quiet=True), tmp_path), fitted(None, tmp_path)
    for mine, other in zip(watched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_accumulated_batches_in_mixed_precision_make_one_step(tmp_path):
    doctor = TransformersDoctor(quiet=True)
    fitted(doctor, tmp_path, gradient_accumulation_steps=4, bf16=True, eval_strategy="no")
    case = doctor.doctor.case()
    assert case.signals.taken == 6 and len(case.history) == 3
    assert case.signals.losses[0] == pytest.approx(np.log(2), rel=0.2)


def test_frozen_parts_and_a_loss_of_the_trainers_own(tmp_path):
    def loss(outputs, labels, num_items_in_batch=None):
        return torch.nn.functional.cross_entropy(outputs.logits, labels, label_smoothing=0.1)

    doctor = TransformersDoctor(quiet=True)
    fitted(doctor, tmp_path, frozen=True, compute_loss=loss)
    case = doctor.doctor.case()
    assert case.loss.wants == "logits" and doctor.doctor._loss.options["label_smoothing"] == 0.1
    assert any("embeddings" in name for name in case.network.frozen)
