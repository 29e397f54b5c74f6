#include "manifest.h"

#include <fstream>
#include <iterator>

#include "failure.h"
#include "json_node.h"

namespace lab {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Failure("manifest", path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<int32_t> read_token_ids(const JsonNode& node, int64_t vocab) {
  std::vector<int32_t> ids;
  for (const JsonNode& item : node.items()) {
    int64_t id = item.integer();
    if (id >= vocab) throw Failure("manifest", "verify: token id " + std::to_string(id) + " is past the vocabulary");
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

TensorSpec read_tensor(const JsonNode& node) {
  TensorSpec tensor;
  tensor.name = node.at("name").text();
  tensor.dtype = node.at("dtype").text();
  for (const JsonNode& dim : node.at("shape").items()) tensor.shape.push_back(dim.integer(1));
  tensor.offset = node.at("offset").integer();
  tensor.nbytes = node.at("nbytes").integer();
  return tensor;
}

VerifySpec read_verify(const JsonNode& node, int64_t vocab, int64_t outputs) {
  VerifySpec verify;
  verify.prompt_ids = read_token_ids(node.at("prompt_ids"), vocab);
  verify.logit_ids = read_token_ids(node.at("logit_ids"), outputs);
  for (const JsonNode& item : node.at("logits").items()) verify.logits.push_back(item.real());
  verify.rel_error_max = node.at("rel_error_max").real();
  if (verify.prompt_ids.empty() || verify.logit_ids.empty() || verify.logit_ids.size() != verify.logits.size()) {
    throw Failure("manifest", "verify: needs a prompt, and one logit for each logit id");
  }
  return verify;
}

constexpr int64_t kMostPatches = 1 << 20;  // far above any image's, and a product of two still is a size

ImageSpec read_image(const JsonNode& node) {
  ImageSpec image{node.at("rows").integer(1), node.at("columns").integer(1), node.at("positions").integer(1)};
  if (image.rows > kMostPatches || image.columns > kMostPatches || image.positions > kMostPatches) {
    throw Failure("manifest", "model.image: more than " + std::to_string(kMostPatches));
  }
  return image;
}

int64_t file_size(const JsonNode& root, const std::string& name) {
  for (const JsonNode& file : root.at("files").items()) {
    if (file.at("name").text() == name) return file.at("size").integer();
  }
  throw Failure("manifest", "files: " + name + " is not listed");
}

}  // namespace

Manifest read_manifest(const std::string& bundle) {
  std::string path = bundle + "/manifest.json";
  JsonNode root = JsonNode::parse("manifest", path, read_file(path));
  if (root.at("schema").integer() != 1) throw Failure("manifest", path + ": schema is not 1");
  if (root.at("kind").text() != "bundle") throw Failure("manifest", path + ": is no bundle's manifest");
  Manifest manifest;
  manifest.vocab_size = root.at("model").at("vocab_size").integer(1);
  manifest.outputs = root.at("model").has("labels") ? root.at("model").at("labels").integer(1) : manifest.vocab_size;
  manifest.context_max = root.at("model").at("context_max").integer(1);
  manifest.kv_bytes_per_token = root.at("memory").at("kv_bytes_per_token").integer();
  manifest.weights_size = file_size(root, "weights.bin");
  manifest.target_name = root.at("target").at("name").text();
  manifest.target_kind = root.at("target").at("kind").text();
  manifest.target_cpu = root.at("target").at("cpu").text();
  for (const JsonNode& feature : root.at("target").at("required_features").items()) {
    bool extension = feature.text().rfind("cl_", 0) == 0;
    (extension ? manifest.required_extensions : manifest.required_features).push_back(feature.text());
  }
  for (const JsonNode& tensor : root.at("tensors").items()) manifest.tensors.push_back(read_tensor(tensor));
  if (root.at("model").has("image")) manifest.image = read_image(root.at("model").at("image"));
  if (root.has("verify")) manifest.verify = read_verify(root.at("verify"), manifest.vocab_size, manifest.outputs);
  return manifest;
}

}  // namespace lab
