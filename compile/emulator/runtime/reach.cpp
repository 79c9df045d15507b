// Whether anything that a kernel wrote has reached the host, in the build that watches every access: a program that computes its
// results on the host and launches a kernel for show is told from one whose kernels do the work.
#include "byte_set.h"
#include "internal.h"

namespace musl {
namespace {

auto &by_kernels = *new ByteSet;
bool has_reached;

}  // namespace

void begin_reach() { has_reached = false; }

void note_kernel_store(uintptr_t address, size_t bytes) {
    if (is_global(address)) by_kernels.add(address, bytes);
}

void note_host_load(uintptr_t address, size_t bytes) {
    if (!has_reached && is_global(address)) has_reached = by_kernels.holds_any(address, bytes);
}

void copy_reach(uintptr_t to, uintptr_t from, size_t bytes) {
    if (!is_global(to)) return note_host_load(from, bytes);
    if (is_global(from) && by_kernels.holds_any(from, bytes)) by_kernels.add(to, bytes);
    else by_kernels.remove(to, bytes);
}

bool report_idle_kernels() {
    if (launch_count == 0 || has_reached) return false;
    dprintf(2, "%s: host code: nothing that a kernel wrote has reached the host\n", fault::idle_kernels);
    return true;
}

}  // namespace musl
