// An external delegate that stands in for an accelerator's: it takes nodes of the graph, and its
// kernels fill their outputs with zeros. It shows what the benchmark tool says of delegates, whole,
// partial and failing; what it computes and how long that takes mean nothing.
//
// Options: take:all | none | first | alternate (every second node); count:N, how many `first` takes;
// fail:create | prepare | invoke; busy_us:N, how long a kernel takes at least.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tensorflow/lite/c/common.h"

namespace {

struct StandIn {
  std::string take = "all";
  std::string fail;
  int count = 1;
  int busy_us = 100;  // the tool cannot time what takes none
  TfLiteDelegate delegate = {};

  bool Takes(int position) const {
    if (take == "first") return position < count;
    if (take == "alternate") return position % 2 == 0;
    return take == "all";
  }
};

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  const auto* own = static_cast<const StandIn*>(node->user_data);
  if (own->fail == "invoke") return kTfLiteError;
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(own->busy_us);
  for (int i = 0; i < node->outputs->size; ++i) {
    TfLiteTensor& output = context->tensors[node->outputs->data[i]];
    if (output.data.raw) memset(output.data.raw, 0, output.bytes);
  }
  while (std::chrono::steady_clock::now() < until) continue;
  return kTfLiteOk;
}

void* Init(TfLiteContext*, const char* buffer, size_t) {
  const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  return params->delegate->data_;
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  auto* own = static_cast<StandIn*>(delegate->data_);
  if (own->fail == "prepare") return kTfLiteError;
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  std::vector<int> taken = {0};  // laid out as a TfLiteIntArray: its size, then its numbers
  for (int position = 0; position < plan->size; ++position) {
    if (own->Takes(position)) taken.push_back(plan->data[position]);
  }
  taken[0] = static_cast<int>(taken.size()) - 1;
  if (taken[0] == 0) return kTfLiteOk;
  TfLiteRegistration kernel = {};
  kernel.init = Init;
  kernel.prepare = [](TfLiteContext*, TfLiteNode*) { return kTfLiteOk; };
  kernel.invoke = Invoke;
  kernel.custom_name = "StandInDelegate";
  kernel.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(
      context, kernel, reinterpret_cast<const TfLiteIntArray*>(taken.data()), delegate);
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED TfLiteDelegate* tflite_plugin_create_delegate(const char* const* keys,
                                                       const char* const* values, size_t options,
                                                       void (*report_error)(const char*)) {
  auto* own = new StandIn;
  for (size_t i = 0; i < options; ++i) {
    const std::string key = keys[i];
    if (key == "take") own->take = values[i];
    if (key == "fail") own->fail = values[i];
    if (key == "count") own->count = atoi(values[i]);
    if (key == "busy_us") own->busy_us = atoi(values[i]);
  }
  if (own->fail == "create") {
    if (report_error) report_error("the stand-in was asked to fail");
    delete own;
    return nullptr;
  }
  own->delegate.data_ = own;
  own->delegate.Prepare = Prepare;
  return &own->delegate;
}

EXPORTED void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) {
  if (delegate) delete static_cast<StandIn*>(delegate->data_);
}
