#include "choice.h"

#include <algorithm>
#include <cctype>

#include "facts.h"
#include "failure.h"

namespace lab {
namespace {

struct Candidate {
  Choice choice;
  std::string name, type;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::vector<cl_device_id> devices_of(const Cl& cl, cl_platform_id platform) {
  cl_uint count = 0;
  if (cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS) return {};
  std::vector<cl_device_id> devices(count);
  if (count == 0 || cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, devices.data(), nullptr) != CL_SUCCESS) {
    return {};
  }
  return devices;
}

std::vector<cl_platform_id> platforms_of(const Cl& cl) {
  cl_uint count = 0;
  check(cl.clGetPlatformIDs(0, nullptr, &count), "count of platforms");
  std::vector<cl_platform_id> platforms(count);
  if (count > 0) check(cl.clGetPlatformIDs(count, platforms.data(), nullptr), "list of platforms");
  return platforms;
}

// A platform without a device has a line of its own in `lines`.
std::vector<Candidate> candidates(const Cl& cl, std::string* lines) {
  std::vector<Candidate> all;
  for (cl_platform_id platform : platforms_of(cl)) {
    std::string of = platform_text(cl, platform, CL_PLATFORM_NAME);
    std::vector<cl_device_id> devices = devices_of(cl, platform);
    if (devices.empty()) *lines += "\n  platform " + of + ": no device";
    for (cl_device_id device : devices) {
      std::string name = device_text(cl, device, CL_DEVICE_NAME), type = device_type(cl, device);
      *lines += "\n  platform " + of + ": " + name + " (" + type + ")";
      all.push_back({{platform, device}, name, type});
    }
  }
  return all;
}

bool is_wanted(const Candidate& one, const std::string& wanted) {
  return one.type == lower(wanted) || lower(one.name).find(lower(wanted)) != std::string::npos;
}

}  // namespace

Choice choose_device(const Library& library, const std::string& wanted) {
  std::string lines;
  std::vector<Candidate> all = candidates(library.cl, &lines);
  for (const char* type : {"gpu", "cpu", "accelerator", "other"}) {
    for (const Candidate& one : all) {
      if (one.type == type && is_wanted(one, wanted)) return one.choice;
    }
  }
  std::string which = wanted.empty() ? "no device" : "no device with '" + printable(wanted, 80) + "' in its name or of that type";
  fail(which + "; " + library.path + " has:" + (lines.empty() ? " no platform" : lines));
}

}  // namespace lab
