"""X-ARES' checker and one of its tasks, whole, on a file: ``run_x_ares.py FILE ENV``."""

import json
import sys
from pathlib import Path

import soundfile
import torch
import torchaudio
from made import x_ares_task
from xares.audio_encoder_checker import check_audio_encoder
from xares.common import XaresSettings
from xares.task import TaskConfig, XaresTask

from models.bridges import torch_door


class TinyEncoder(torch_door.ArtifactEncoder):
    path = sys.argv[1]


def load(path: str, **_: object) -> tuple[torch.Tensor, int]:
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(sound.T), rate_hz


# Its decoder needs FFmpeg's libraries; the WAV files here do not.
torchaudio.load = load
root = Path(sys.argv[2])
x_ares_task(root / "tones", XaresSettings().audio_ready_filename)
encoder = TinyEncoder()
checked = check_audio_encoder(encoder)
config = TaskConfig(
    name="tones",
    env_root=str(root),
    encoder=encoder,
    label_processor=lambda about: about["label"],
    output_dim=2,
    num_encoder_workers=0,
    epochs=5,
    eval_weight=12,
    private=True,
)
mlp, knn = XaresTask(config).run()
sys.stdout.write(json.dumps({"checked": checked, "mlp": mlp[0], "knn": knn[0]}) + "\n")
