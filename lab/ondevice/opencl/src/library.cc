#include <dlfcn.h>

#include "cl.h"
#include "failure.h"

namespace lab {
namespace {

// By name first: the system's loader knows where its drivers are. Phones keep them in their vendor's folders, where
// Android lets a program open only those that its vendor listed. libOpenCL-pixel.so: Google's phones.
constexpr const char* kPlaces[] = {
    "libOpenCL.so",
    "libOpenCL.so.1",
    "libOpenCL-pixel.so",
    "/vendor/lib64/libOpenCL.so",
    "/system/vendor/lib64/libOpenCL.so",
    "/vendor/lib64/egl/libGLES_mali.so",
    "/system/vendor/lib64/egl/libGLES_mali.so",
    "/system/lib64/libOpenCL.so",
};

using ByName = void* (*)(const char*);

// Google's phones have a library that shows no function of OpenCL, but hands them out by name once it was switched on.
ByName by_name_of(void* handle) {
  auto enable = reinterpret_cast<void (*)()>(dlsym(handle, "enableOpenCL"));
  if (enable == nullptr) return nullptr;
  enable();
  return reinterpret_cast<ByName>(dlsym(handle, "loadOpenCLPointer"));
}

// The name of the first function that is not there, or "".
std::string resolve(void* handle, Cl* cl) {
  ByName by_name = by_name_of(handle);
#define LAB_CL_RESOLVE(name)                                                   \
  cl->name = reinterpret_cast<decltype(cl->name)>(dlsym(handle, #name));       \
  if (cl->name == nullptr && by_name != nullptr) {                             \
    cl->name = reinterpret_cast<decltype(cl->name)>(by_name(#name));           \
  }                                                                            \
  if (cl->name == nullptr) return #name;
  LAB_CL_FUNCTIONS(LAB_CL_RESOLVE)
#undef LAB_CL_RESOLVE
  return "";
}

// Why the library at `path` is of no use, or "" when it is; a library that is of none stays open, as closing a
// half-started driver is what drivers are worst at.
std::string open_one(const std::string& path, Cl* cl) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* said = dlerror();
    std::string reason = said != nullptr ? said : "cannot be opened";
    return reason.rfind(path + ": ", 0) == 0 ? reason.substr(path.size() + 2) : reason;
  }
  std::string missing = resolve(handle, cl);
  if (!missing.empty()) return "has no " + missing;
  cl_uint platforms = 0;
  cl_int code = cl->clGetPlatformIDs(0, nullptr, &platforms);
  if (code == CL_SUCCESS && platforms > 0) return "";
  return "knows no OpenCL platform";
}

}  // namespace

Library open_library(const std::string& wanted) {
  std::vector<std::string> places(std::begin(kPlaces), std::end(kPlaces));
  if (!wanted.empty()) places.insert(places.begin(), wanted);
  Library library;
  for (const std::string& place : places) {
    std::string reason = open_one(place, &library.cl);
    library.tried.push_back(reason.empty() ? place : place + ": " + printable(reason, 400));
    if (!reason.empty()) continue;
    library.path = place;
    return library;
  }
  std::string list;
  for (const std::string& line : library.tried) list += "\n  " + line;
  fail("no OpenCL driver on this device; tried:" + list);
}

}  // namespace lab
