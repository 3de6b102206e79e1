// Registers a FULLY_CONNECTED that computes what the real one does, and then waits: linked into the
// benchmark tool by the hook that it has for other operators, so that a build is slower by a share.
#include <chrono>

#include "tensorflow/lite/mutable_op_resolver.h"

namespace {

TfLiteStatus (*real_invoke)(TfLiteContext*, TfLiteNode*) = nullptr;

TfLiteStatus SlowedInvoke(TfLiteContext* context, TfLiteNode* node) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const TfLiteStatus status = real_invoke(context, node);
  const auto until = start + (Clock::now() - start) * (100 + SLOWER_PERCENT) / 100;
  while (Clock::now() < until) {
  }
  return status;
}

}  // namespace

void RegisterSelectedOps(::tflite::MutableOpResolver* resolver) {
  for (int version = 1; version <= 12; ++version) {
    const TfLiteRegistration* real =
        resolver->FindOp(tflite::BuiltinOperator_FULLY_CONNECTED, version);
    if (real == nullptr) continue;
    real_invoke = real->invoke;
    TfLiteRegistration slowed = *real;
    slowed.invoke = SlowedInvoke;
    resolver->AddBuiltin(tflite::BuiltinOperator_FULLY_CONNECTED, &slowed, version);
  }
}
