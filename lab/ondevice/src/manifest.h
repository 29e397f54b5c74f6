// What the runner needs of a bundle's manifest.json; everything is checked before anything is loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lab {

struct TensorSpec {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  int64_t offset = 0;  // bytes into weights.bin
  int64_t nbytes = 0;
};

// Reference logits of a fixed prompt: at its last position, for the listed ids.
struct VerifySpec {
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> logit_ids;
  std::vector<double> logits;
  double rel_error_max = 0;
};

// What a network with an image encoder reads and makes: patches [rows, columns], `positions` of a prompt.
struct ImageSpec {
  int64_t rows = 0, columns = 0, positions = 0;
};

struct Manifest {
  int64_t vocab_size = 0;
  int64_t outputs = 0;  // of a forward pass: logits of the vocabulary, or scores of labels
  int64_t context_max = 0;  // tokens
  int64_t kv_bytes_per_token = 0;
  int64_t weights_size = 0;  // bytes of weights.bin
  std::string target_name;  // of the target file that it was compiled for
  std::string target_cpu;
  std::string target_kind;                       // "llvm", "opencl" or "metal": where the kernels run
  std::vector<std::string> required_features;    // of the processor
  std::vector<std::string> required_extensions;  // of the OpenCL device
  std::vector<TensorSpec> tensors;
  std::optional<VerifySpec> verify;
  std::optional<ImageSpec> image;

  int64_t image_positions() const { return image ? image->positions : 0; }
};

// Throws Failure naming the file and the key path for anything missing or wrong.
Manifest read_manifest(const std::string& bundle);

}  // namespace lab
