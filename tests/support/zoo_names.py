"""The models that the tests' zoo holds."""

UNFUSED = "small_w1.0_keras3_gap_e2048_unfused"
FUSED = "small_w1.0_keras3_gap_e2048_fused"
WITH_FRONTEND = "tiny_w0.5_keras3_gap_e256_unfused_dft"
STFT = "frontend-stft"
DFT = "frontend-dft"
DFT_OF_A_HOP = "frontend-dft-17"
