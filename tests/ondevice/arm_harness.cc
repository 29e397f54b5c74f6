// Prints every loop that this CPU can run (kind, name, products of a round, rounds, products made), and for some
// instructions the feature that they are told to need.
#include <cstdio>

#include "cpu.h"
#include "illegal.h"
#include "peak_loop.h"

__asm__(
    ".section .rodata\n"
    ".arch armv9-a+dotprod+i8mm+bf16+fp16+fp16fml+sve\n"
    ".balign 4\n"
    ".globl instructions\n"
    "instructions:\n"
    "  sdot v0.4s, v1.16b, v2.16b\n"
    "  udot v3.2s, v31.8b, v30.8b\n"
    "  sdot v0.4s, v1.16b, v2.4b[3]\n"
    "  smmla v0.4s, v1.16b, v2.16b\n"
    "  ummla v0.4s, v1.16b, v2.16b\n"
    "  usmmla v0.4s, v1.16b, v2.16b\n"
    "  usdot v0.4s, v1.16b, v2.16b\n"
    "  fmla v0.8h, v1.8h, v2.8h\n"
    "  fmla v0.8h, v1.8h, v2.h[5]\n"
    "  fadd v9.4h, v1.4h, v2.4h\n"
    "  fadd h0, h1, h2\n"
    "  fmlal v0.4s, v1.4h, v2.4h\n"
    "  fmlal2 v0.4s, v1.4h, v2.4h\n"
    "  fmlal v0.4s, v1.4h, v2.h[7]\n"
    "  fmlal2 v0.4s, v1.4h, v2.h[6]\n"
    "  bfdot v0.4s, v1.8h, v2.8h\n"
    "  bfmmla v0.4s, v1.8h, v2.8h\n"
    "  ld1w { z0.s }, p0/z, [x0]\n"
    "  fmla v0.4s, v1.4s, v2.4s\n"
    "  fmla v0.4s, v1.4s, v2.s[1]\n"
    "  fcvtl v0.4s, v1.4h\n"
    "  smlal v0.8h, v1.8b, v2.8b\n"
    "  sadalp v0.4s, v1.8h\n"
    "  mul v0.8h, v1.8h, v2.8h\n"
    "  tbl v0.16b, { v1.16b }, v2.16b\n"
    "  ldp q0, q1, [x0]\n"
    "  madd x0, x1, x2, x3\n"
    ".arch armv8-a\n"
    ".text\n");
extern "C" const uint32_t instructions[27];

void print(const char* kind, const std::vector<lab::PeakLoop>& loops) {
  for (const lab::PeakLoop& loop : loops) {
    for (int64_t rounds : {int64_t{1}, int64_t{1000}, lab::kMaxRounds}) {
      std::printf("%s;%s;%lld;%lld;%.0f\n", kind, loop.name, static_cast<long long>(loop.a_round),
                  static_cast<long long>(rounds), loop.products(rounds));
    }
  }
}

int main() {
  std::vector<std::string> features = lab::read_cpu_facts().features;
  print("int8", lab::int8_loops(features));
  print("int4", lab::int4_loops(features));
  print("f32", lab::f32_loops(features));
  for (uint32_t instruction : instructions) std::printf("needs;%s\n", lab::arm_feature_of(instruction));
}
