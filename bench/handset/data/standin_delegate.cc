// An external delegate that stands in for an accelerator's: it takes nodes of the graph, and its
// kernels fill their outputs with zeros. It shows what the benchmark tool says of delegates, whole,
// partial and failing; what it computes and how long that takes mean nothing.
//
// Options: take:all | none | first | alternate (every second node) | from; count:N, how many `first`
// or `from` takes, which takes all of them or nothing; at:N, the node where `from` begins;
// gives:zeros | scaled, the results of the runtime's own kernels, each float a tenth larger and each
// whole number 8 steps away; fail:create | prepare | invoke; busy_us:N, how long a kernel takes at
// least.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tensorflow/lite/c/common.h"

namespace {

// A node as the runtime has it, with its own kernel.
struct Taken {
  TfLiteNode node;
  TfLiteRegistration registration;
};

struct StandIn {
  std::map<int, Taken> taken;
  std::string take = "all";
  std::string fail;
  bool scaled = false;
  int count = 1;
  int at = 0;
  int busy_us = 100;  // the tool cannot time what takes none
  TfLiteDelegate delegate = {};

  bool Takes(int position) const {
    if (take == "first") return position < count;
    if (take == "alternate") return position % 2 == 0;
    if (take == "from") return position >= at && position < at + count;
    return take == "all";
  }
};

// A kernel: the nodes that it took.
struct Kernel {
  StandIn* own = nullptr;
  std::vector<Taken> nodes;
  std::map<int, std::vector<char>> memory;  // of temporary tensors: the planner knows other sizes
};

TfLiteIntArray* Array(const std::vector<int>& numbers) {
  auto* made = static_cast<TfLiteIntArray*>(malloc(sizeof(int) * (numbers.size() + 1)));
  made->size = static_cast<int>(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) made->data[i] = numbers[i];
  return made;
}

void Spoil(TfLiteTensor& output) {
  if (!output.data.raw) return;
  if (output.type == kTfLiteFloat32) {
    for (size_t i = 0; i < output.bytes / sizeof(float); ++i) output.data.f[i] *= 1.1f;
  } else if (output.type == kTfLiteInt8) {
    for (size_t i = 0; i < output.bytes; ++i) output.data.int8[i] ^= 8;
  } else {
    for (size_t i = 0; i < output.bytes; ++i) output.data.uint8[i] ^= 1;
  }
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  auto* kernel = static_cast<Kernel*>(node->user_data);
  const StandIn* own = kernel->own;
  if (own->fail == "invoke") return kTfLiteError;
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(own->busy_us);
  for (int i = 0; i < node->temporaries->size; ++i) {
    const int index = node->temporaries->data[i];
    TfLiteTensor& tensor = context->tensors[index];
    if (tensor.allocation_type != kTfLiteArenaRw &&
        tensor.allocation_type != kTfLiteArenaRwPersistent)
      continue;
    auto& memory = kernel->memory[index];
    size_t bytes = 8;  // of the largest element; the runtime sets the bytes of tensors it planned
    for (int j = 0; j < tensor.dims->size; ++j) bytes *= tensor.dims->data[j];
    memory.resize(bytes + 64);
    tensor.data.raw = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64);
  }
  for (Taken& each : kernel->nodes) {
    if (own->scaled && each.registration.invoke(context, &each.node) != kTfLiteOk)
      return kTfLiteError;
  }
  for (int i = 0; i < node->outputs->size; ++i) {
    TfLiteTensor& output = context->tensors[node->outputs->data[i]];
    if (own->scaled) Spoil(output);
    else if (output.data.raw) memset(output.data.raw, 0, output.bytes);
  }
  while (std::chrono::steady_clock::now() < until) continue;
  return kTfLiteOk;
}

void* Init(TfLiteContext*, const char* buffer, size_t) {
  const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  auto* kernel = new Kernel;
  kernel->own = static_cast<StandIn*>(params->delegate->data_);
  for (int i = 0; i < params->nodes_to_replace->size; ++i)
    kernel->nodes.push_back(kernel->own->taken[params->nodes_to_replace->data[i]]);
  return kernel;
}

// Prepares the runtime's own kernels; their temporary tensors, and those between them, are this
// node's.
TfLiteStatus PrepareNodes(TfLiteContext* context, TfLiteNode* node) {
  auto* kernel = static_cast<Kernel*>(node->user_data);
  if (!kernel->own->scaled) return kTfLiteOk;
  std::vector<int> temporary;
  for (Taken& each : kernel->nodes) {
    each.node.temporaries = Array({});  // the runtime's own belong to its node
    const auto prepare = each.registration.prepare;
    if (prepare && prepare(context, &each.node) != kTfLiteOk) return kTfLiteError;
    for (int i = 0; i < each.node.temporaries->size; ++i)
      temporary.push_back(each.node.temporaries->data[i]);
    for (int i = 0; i < each.node.outputs->size; ++i) {
      const int result = each.node.outputs->data[i];
      bool is_given = false;
      for (int j = 0; j < node->outputs->size; ++j) is_given |= node->outputs->data[j] == result;
      if (!is_given) temporary.push_back(result);
    }
  }
  free(node->temporaries);
  node->temporaries = Array(temporary);
  return kTfLiteOk;
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  auto* own = static_cast<StandIn*>(delegate->data_);
  if (own->fail == "prepare") return kTfLiteError;
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  std::vector<int> taken = {0};  // laid out as a TfLiteIntArray: its size, then its numbers
  for (int position = 0; position < plan->size; ++position) {
    if (!own->Takes(position)) continue;
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    const int index = plan->data[position];
    if (context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk)
      return kTfLiteError;
    own->taken[index] = {*node, *registration};
    taken.push_back(index);
  }
  taken[0] = static_cast<int>(taken.size()) - 1;
  if (taken[0] == 0 || (own->take == "from" && taken[0] < own->count)) return kTfLiteOk;
  TfLiteRegistration kernel = {};
  kernel.init = Init;
  kernel.free = [](TfLiteContext*, void* kernel) { delete static_cast<Kernel*>(kernel); };
  kernel.prepare = PrepareNodes;
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
    if (key == "gives") own->scaled = strcmp(values[i], "scaled") == 0;
    if (key == "count") own->count = atoi(values[i]);
    if (key == "at") own->at = atoi(values[i]);
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
