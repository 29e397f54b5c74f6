// Logits of llama.cpp for given token ids: every window from an empty cache, on the CPU, with a KV cache of f16.
//
//   llama-logits [--batch] GGUF IDS LENGTH THREADS OUT
//
// IDS holds int32 [windows, LENGTH]; OUT becomes float32 [windows, LENGTH, vocab], both in this machine's byte order.
// Tokens go in one by one, as in decoding; with --batch a whole window goes in at once, as a prompt does.
// scripts/build-llama-bench --logits builds it.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "llama.h"

namespace {

using Model = std::unique_ptr<llama_model, decltype(&llama_model_free)>;
using Context = std::unique_ptr<llama_context, decltype(&llama_free)>;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

void say_errors(ggml_log_level level, const char* text, void*) {
  if (level == GGML_LOG_LEVEL_ERROR) std::cerr << text;
}

int positive(const std::string& name, const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 1 || value > 1 << 20) fail(name + " is '" + text + "', not a number from 1");
  return static_cast<int>(value);
}

std::vector<llama_token> read_ids(const std::string& path, int length, int vocab) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) fail(path + " cannot be read");
  const auto bytes = static_cast<std::size_t>(file.tellg());
  const std::size_t window = sizeof(llama_token) * static_cast<std::size_t>(length);
  if (bytes == 0 || bytes % window != 0) fail(path + " holds no whole number of windows of " + std::to_string(length));
  std::vector<llama_token> ids(bytes / sizeof(llama_token));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(ids.data()), static_cast<std::streamsize>(bytes))) fail(path + " ended early");
  for (const llama_token id : ids)
    if (id < 0 || id >= vocab) fail(path + " holds id " + std::to_string(id) + " of a vocabulary of " + std::to_string(vocab));
  return ids;
}

Model load(const std::string& path) {
  static ggml_backend_dev_t no_devices[] = {nullptr};
  llama_model_params params = llama_model_default_params();
  params.devices = no_devices;
  params.n_gpu_layers = 0;
  Model model(llama_model_load_from_file(path.c_str(), params), llama_model_free);
  if (!model) fail(path + " is no model that llama.cpp loads");
  return model;
}

Context open(llama_model* model, int length, int threads) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(length);
  params.n_threads = params.n_threads_batch = threads;
  params.type_k = params.type_v = GGML_TYPE_F16;
  Context context(llama_init_from_model(model, params), llama_free);
  if (!context) fail("llama.cpp made no context of " + std::to_string(length) + " tokens");
  return context;
}

// Appends `count` tokens at position `begin` of the sequence and writes their logits.
void feed(llama_context* context, const llama_token* ids, int begin, int count, int vocab, std::ostream& out) {
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (int i = 0; i < count; ++i) {
    batch.token[i] = ids[begin + i];
    batch.pos[i] = begin + i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  const int code = llama_decode(context, batch);
  llama_batch_free(batch);
  if (code != 0) fail("llama_decode gave " + std::to_string(code) + " at position " + std::to_string(begin));
  for (int i = 0; i < count; ++i) {
    const float* row = llama_get_logits_ith(context, i);
    if (row == nullptr) fail("llama.cpp has no logits for position " + std::to_string(begin + i));
    out.write(reinterpret_cast<const char*>(row), static_cast<std::streamsize>(sizeof(float)) * vocab);
  }
}

void run(const std::vector<std::string>& args, int length, int threads, bool whole) {
  const Model model = load(args[0]);
  const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model.get()));
  const std::vector<llama_token> ids = read_ids(args[1], length, vocab);
  const Context context = open(model.get(), length, threads);
  std::ofstream out(args[4], std::ios::binary);
  const int step = whole ? length : 1;
  for (std::size_t window = 0; window < ids.size(); window += static_cast<std::size_t>(length)) {
    llama_memory_clear(llama_get_memory(context.get()), true);
    for (int at = 0; at < length; at += step) feed(context.get(), ids.data() + window, at, step, vocab, out);
  }
  out.close();
  if (!out) fail(args[4] + " cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  const bool whole = !args.empty() && args[0] == "--batch";
  if (whole) args.erase(args.begin());
  if (args.size() != 5) {
    std::cerr << "usage: llama-logits [--batch] GGUF IDS LENGTH THREADS OUT\n";
    return 2;
  }
  llama_log_set(say_errors, nullptr);
  llama_backend_init();
  try {
    run(args, positive("LENGTH", args[2].c_str()), positive("THREADS", args[3].c_str()), whole);
  } catch (const std::exception& problem) {
    std::cerr << "llama-logits: " << problem.what() << "\n";
    return 1;
  }
  llama_backend_free();
  return 0;
}
