#include "program.h"

#include <chrono>

#include "failure.h"
#include "program_cache.h"

namespace lab {
namespace {

constexpr const char* kBuildOptions = "";
constexpr size_t kMostLog = 4096;

std::string build_log(const Context& context, cl_program program) {
  const Cl& cl = context.cl();
  size_t size = 0;
  cl.clGetProgramBuildInfo(program, context.device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
  std::string log(size, '\0');
  cl.clGetProgramBuildInfo(program, context.device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
  log.resize(log.find('\0') == std::string::npos ? size : log.find('\0'));
  return log.empty() ? "(the driver wrote no log)" : printable(log, kMostLog);
}

cl_int build(const Context& context, cl_program program) {
  return context.cl().clBuildProgram(program, 1, &context.device, kBuildOptions, nullptr, nullptr);
}

cl_program from_source(Context& context, const std::string& kernel, const std::string& source) {
  const char* text = source.data();
  size_t size = source.size();
  cl_int code = CL_SUCCESS;
  cl_program program = context.cl().clCreateProgramWithSource(context.handle, 1, &text, &size, &code);
  context.check_command(code, "program of kernel " + kernel);
  code = build(context, program);
  if (code == CL_SUCCESS) return program;
  std::string log = build_log(context, program);
  context.cl().clReleaseProgram(program);
  fail("kernel " + kernel + " cannot be built on " + context.facts.device + ": " + code_name(code) + "\n" + log);
}

// Null when the driver does not take it.
cl_program from_binary(Context& context, const std::string& binary) {
  auto bytes = reinterpret_cast<const unsigned char*>(binary.data());
  size_t size = binary.size();
  cl_int status = CL_SUCCESS, code = CL_SUCCESS;
  const Cl& cl = context.cl();
  cl_program program =
      cl.clCreateProgramWithBinary(context.handle, 1, &context.device, &size, &bytes, &status, &code);
  if (code != CL_SUCCESS || program == nullptr) return nullptr;
  if (status == CL_SUCCESS && build(context, program) == CL_SUCCESS) return program;
  cl.clReleaseProgram(program);
  return nullptr;
}

std::string binary_of(const Context& context, cl_program program) {
  const Cl& cl = context.cl();
  size_t size = 0;
  if (cl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, nullptr) != CL_SUCCESS) return "";
  std::string binary(size, '\0');
  char* to = binary.data();
  return cl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(to), &to, nullptr) == CL_SUCCESS ? binary : "";
}

cl_program cached_or_built(Context& context, const std::string& kernel, const std::string& source) {
  const Facts& facts = context.facts;
  ProgramCache cache(context.options.cache_dir, kernel,
                     {source, kBuildOptions, facts.platform, facts.device, facts.driver, facts.version});
  std::string binary = cache.read();
  cl_program program = binary.empty() ? nullptr : from_binary(context, binary);
  if (program != nullptr) {
    context.stats.programs_cached += 1;
    return program;
  }
  program = from_source(context, kernel, source);
  context.stats.programs_built += 1;
  if (cache.is_on()) cache.write(binary_of(context, program));
  return program;
}

}  // namespace

cl_program make_program(Context& context, const std::string& kernel, const std::string& source) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  cl_program program = cached_or_built(context, kernel, source);
  context.stats.build_ns += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  return program;
}

}  // namespace lab
