/* A qemu plugin that counts the instructions of the emulated program and writes the number to stderr at its end.

   The few declarations of qemu's plugin interface (version 1) that it needs are written here, so that no header of
   qemu's has to be installed. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t PluginId;
typedef struct Block Block;

enum { ADD_U64 = 0 };

int qemu_plugin_version = 1;

void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id, void (*translated)(PluginId, Block*));
void qemu_plugin_register_vcpu_tb_exec_inline(Block* block, int operation, void* counter, uint64_t step);
size_t qemu_plugin_tb_n_insns(const Block* block);
void qemu_plugin_register_atexit_cb(PluginId id, void (*at_end)(PluginId, void*), void* data);

static uint64_t executed;

static void translated(PluginId id, Block* block) {
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &executed, qemu_plugin_tb_n_insns(block));
}

static void at_end(PluginId id, void* data) { fprintf(stderr, "instructions %llu\n", (unsigned long long)executed); }

int qemu_plugin_install(PluginId id, const void* info, int argc, char** argv) {
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, at_end, NULL);
  return 0;
}
