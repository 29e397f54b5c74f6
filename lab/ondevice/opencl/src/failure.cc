#include "failure.h"

namespace lab {
namespace {

struct Name {
  cl_int code;
  const char* text;
};

#define LAB_CL_CODE(name) {name, #name}
constexpr Name kNames[] = {
    LAB_CL_CODE(CL_DEVICE_NOT_FOUND),
    LAB_CL_CODE(CL_DEVICE_NOT_AVAILABLE),
    LAB_CL_CODE(CL_COMPILER_NOT_AVAILABLE),
    LAB_CL_CODE(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    LAB_CL_CODE(CL_OUT_OF_RESOURCES),
    LAB_CL_CODE(CL_OUT_OF_HOST_MEMORY),
    LAB_CL_CODE(CL_PROFILING_INFO_NOT_AVAILABLE),
    LAB_CL_CODE(CL_MEM_COPY_OVERLAP),
    LAB_CL_CODE(CL_BUILD_PROGRAM_FAILURE),
    LAB_CL_CODE(CL_MISALIGNED_SUB_BUFFER_OFFSET),
    LAB_CL_CODE(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    LAB_CL_CODE(CL_INVALID_VALUE),
    LAB_CL_CODE(CL_INVALID_DEVICE),
    LAB_CL_CODE(CL_INVALID_CONTEXT),
    LAB_CL_CODE(CL_INVALID_QUEUE_PROPERTIES),
    LAB_CL_CODE(CL_INVALID_COMMAND_QUEUE),
    LAB_CL_CODE(CL_INVALID_HOST_PTR),
    LAB_CL_CODE(CL_INVALID_MEM_OBJECT),
    LAB_CL_CODE(CL_INVALID_BINARY),
    LAB_CL_CODE(CL_INVALID_BUILD_OPTIONS),
    LAB_CL_CODE(CL_INVALID_PROGRAM),
    LAB_CL_CODE(CL_INVALID_PROGRAM_EXECUTABLE),
    LAB_CL_CODE(CL_INVALID_KERNEL_NAME),
    LAB_CL_CODE(CL_INVALID_KERNEL_DEFINITION),
    LAB_CL_CODE(CL_INVALID_KERNEL),
    LAB_CL_CODE(CL_INVALID_ARG_INDEX),
    LAB_CL_CODE(CL_INVALID_ARG_VALUE),
    LAB_CL_CODE(CL_INVALID_ARG_SIZE),
    LAB_CL_CODE(CL_INVALID_KERNEL_ARGS),
    LAB_CL_CODE(CL_INVALID_WORK_DIMENSION),
    LAB_CL_CODE(CL_INVALID_WORK_GROUP_SIZE),
    LAB_CL_CODE(CL_INVALID_WORK_ITEM_SIZE),
    LAB_CL_CODE(CL_INVALID_GLOBAL_OFFSET),
    LAB_CL_CODE(CL_INVALID_EVENT_WAIT_LIST),
    LAB_CL_CODE(CL_INVALID_EVENT),
    LAB_CL_CODE(CL_INVALID_OPERATION),
    LAB_CL_CODE(CL_INVALID_BUFFER_SIZE),
    LAB_CL_CODE(CL_INVALID_GLOBAL_WORK_SIZE),
    LAB_CL_CODE(CL_INVALID_PROPERTY),
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},  // cl_icd.h, which not every set of headers has
};
#undef LAB_CL_CODE

}  // namespace

std::string code_name(cl_int code) {
  std::string number = " (" + std::to_string(code) + ")";
  for (const Name& name : kNames) {
    if (name.code == code) return name.text + number;
  }
  return "OpenCL error" + number;
}

std::string printable(const std::string& text, size_t limit) {
  std::string out = text.substr(0, limit);
  for (char& c : out) {
    bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (control && c != '\n') c = c == '\t' ? ' ' : '?';
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';  // half a character is no text
  }
  if (text.size() > limit) out += "\n... " + std::to_string(text.size() - limit) + " more bytes";
  return out;
}

}  // namespace lab
