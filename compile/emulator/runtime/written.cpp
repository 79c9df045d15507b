// Finds reads of memory that was never written, in the build that watches every access: for each byte of the device's arrays and
// of shared memory, whether something was written to it since it was allocated, or since its block began.
//
// A program may load what it does not use, so such a load is no fault: the first one of a call is remarked at its end. Device
// variables are written from the beginning (they are zero), and so is managed memory where it no longer holds the pattern.
#include "byte_set.h"
#include "internal.h"
#include "musl_driver.h"

namespace musl {
namespace {

auto &written = *new ByteSet;

char read_remark[640], copy_remark[640];

bool is_kept(uintptr_t address) { return in_arena(address) || in_shared_arena(address); }

}  // namespace

void mark_written(uintptr_t address, size_t bytes) {
    if (!is_kept(address)) return;
    written.add(address, bytes);
}

void forget_written(uintptr_t address, size_t bytes) { written.remove(address, bytes); }

void mark_changed(uintptr_t address, size_t bytes) {
    auto *memory = reinterpret_cast<const unsigned char *>(address);
    for (size_t i = 0; i < bytes; i++)
        if (memory[i] != schedule.pattern) mark_written(address + i, 1);
}

void copy_written(uintptr_t to, uintptr_t from, size_t bytes) {
    uintptr_t bad = is_kept(from) ? written.first_lacking(from, bytes) : 0;
    mark_written(to, bytes);
    if (!bad) return;
    if (is_kept(to)) {  // what holds garbage there holds garbage here
        for (size_t i = 0; i < bytes; i++)
            if (!written.holds_any(from + i, 1)) forget_written(to + i, 1);
        return;
    }
    if (copy_remark[0] || in_kernel) return;
    char place[256], what[256] = "";
    say_place(place, sizeof place, users_pc(trail_to_here()));
    describe(bad, what, sizeof what, 0);
    snprintf(copy_remark, sizeof copy_remark, "%s: %s: copies %zu bytes to the host, of which the one %s was never written\n",
             fault::uninitialised_copy, place, bytes, what);
}

void note_load(uintptr_t address, size_t bytes, bool aggregate, uintptr_t pc) {
    if (read_remark[0] || !is_kept(address)) return;
    // Of a struct that is copied as a whole some bytes may be padding.
    uintptr_t bad = aggregate ? (written.holds_any(address, bytes) ? 0 : address) : written.first_lacking(address, bytes);
    if (!bad) return;
    char place[256], what[256] = "";
    say_place(place, sizeof place, pc);
    if (!describe(bad, what, sizeof what, bytes)) describe_shared(bad, what, sizeof what, bytes);
    snprintf(read_remark, sizeof read_remark, "%s: %s: load of %zu bytes %s, which was never written\n",
             fault::uninitialised_read, place, bytes, what);
}

void begin_remarks() {
    read_remark[0] = copy_remark[0] = 0;
}

uint32_t write_remarks() {
    dprintf(2, "%s%s", copy_remark, read_remark);
    return (copy_remark[0] ? MUSL_UNINITIALISED_COPY : 0) | (read_remark[0] ? MUSL_UNINITIALISED_READ : 0) |
           (report_unread_error() ? MUSL_UNREAD_ERROR : 0);
}

}  // namespace musl
