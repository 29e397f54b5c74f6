// The part of OpenCL 1.2 that the plug-in uses, as a table of functions: nothing is linked, a driver is opened.
#pragma once

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <string>
#include <vector>

namespace lab {

#define LAB_CL_FUNCTIONS(X)                                                                                    \
  X(clGetPlatformIDs) X(clGetPlatformInfo) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateContext)             \
  X(clCreateCommandQueue) X(clFlush) X(clFinish) X(clCreateBuffer) X(clReleaseMemObject) X(clGetEventInfo)     \
  X(clEnqueueReadBuffer) X(clEnqueueWriteBuffer) X(clEnqueueCopyBuffer) X(clCreateProgramWithSource)           \
  X(clCreateProgramWithBinary) X(clBuildProgram) X(clReleaseProgram) X(clGetProgramInfo)                       \
  X(clGetProgramBuildInfo) X(clCreateKernel) X(clReleaseKernel) X(clSetKernelArg) X(clEnqueueNDRangeKernel)    \
  X(clReleaseEvent) X(clGetEventProfilingInfo) X(clGetKernelWorkGroupInfo)

struct Cl {
#define LAB_CL_MEMBER(name) decltype(&::name) name = nullptr;
  LAB_CL_FUNCTIONS(LAB_CL_MEMBER)
#undef LAB_CL_MEMBER
};

// A driver that was opened. `tried` are all that were looked for, in order, with why they were not taken.
struct Library {
  Cl cl;
  std::string path;
  std::vector<std::string> tried;
};

// Opens the first library that has OpenCL and a platform: `wanted` when it is named, then the usual places.
// The error lists everything that was tried.
Library open_library(const std::string& wanted);

}  // namespace lab
