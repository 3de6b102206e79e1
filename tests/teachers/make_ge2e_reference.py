"""Makes ge2e_reference.npz: the GE2E encoder in PyTorch on librosa's mel, for its NumPy version.

Run once by hand where torch 2.13.0 and librosa 0.11.0 are, with the path of Resemblyzer 0.1.4's
pretrained.pt. The file holds int16 [8000] audio (a chirp in noise), librosa's filterbank
float32 [40, 201], the mel powers of the audio float32 [51, 40], and the vectors that PyTorch
makes of the audio eight times over, float32 [4, 256] (a fifth window, filled by 58 %, is left out).
"""

import sys
from pathlib import Path

import librosa
import numpy as np
import torch

RATE_HZ = 16_000
STARTS = (0, 77, 154, 231)

time_s = np.arange(RATE_HZ // 2) / RATE_HZ
chirp = np.sin(2 * np.pi * (200 + 300 * time_s) * time_s) * (1 + np.sin(6 * np.pi * time_s)) / 2
noise = np.random.default_rng(7).normal(0, 0.02, len(time_s))
stored = np.round((0.3 * chirp + noise) * 32_767).astype(np.int16)
audio = stored.astype(np.float32) / 32_768


def mel(samples: np.ndarray) -> np.ndarray:
    found = librosa.feature.melspectrogram(
        y=samples, sr=RATE_HZ, n_fft=400, hop_length=160, n_mels=40
    )
    return found.astype(np.float32).T


state = torch.load(Path(sys.argv[1]), map_location="cpu", weights_only=False)["model_state"]
lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
linear = torch.nn.Linear(256, 256)
for layer, prefix in ((lstm, "lstm."), (linear, "linear.")):
    own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    layer.load_state_dict(own)
frames = mel(np.tile(audio, 8))
with torch.no_grad():
    _, (hidden, _) = lstm(torch.from_numpy(np.stack([frames[n : n + 160] for n in STARTS])))
    raw = torch.relu(linear(hidden[-1]))
    vectors = (raw / torch.norm(raw, dim=1, keepdim=True)).numpy()
np.savez_compressed(
    Path(__file__).parent / "ge2e_reference.npz",
    audio=stored,
    filterbank=librosa.filters.mel(sr=RATE_HZ, n_fft=400, n_mels=40),
    mel=mel(audio),
    vectors=vectors,
)
