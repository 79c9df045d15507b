// Finds reads of memory that was never written, in the build that watches every access: for each byte of the device's arrays and
// of shared memory, whether something was written to it since it was allocated, or since its block began.
//
// A program may load what it does not use, so such a load is no fault: the first one of a call is remarked at its end. Device
// variables are written from the beginning (they are zero), and so is managed memory where it no longer holds the pattern.
#include <unordered_map>

#include "internal.h"

namespace musl {
namespace {

constexpr uintptr_t page_bytes = 4096;
struct Page {
    uint64_t written[page_bytes / 64];  // a bit for each byte
};
auto &pages = *new std::unordered_map<uintptr_t, Page>;
uintptr_t last_number = ~uintptr_t(0);
Page *last_page;

char read_remark[640], copy_remark[640];

Page &page_of(uintptr_t address) {
    uintptr_t number = address / page_bytes;
    if (number != last_number) {
        last_page = &pages[number];  // new ones are zero: unwritten
        last_number = number;
    }
    return *last_page;
}

bool is_kept(uintptr_t address) { return in_arena(address) || in_shared_arena(address); }

// Calls visit(word, mask) for the bits of [address, address + bytes), until it returns true; then with the address of the word.
template <class Visit>
uintptr_t visit_bits(uintptr_t address, size_t bytes, Visit visit) {
    uintptr_t end = address + bytes;
    while (address < end) {
        uintptr_t word = address & ~uintptr_t(63), stop = word + 64 < end ? word + 64 : end;
        uint64_t mask = (stop - address == 64 ? ~0ull : (1ull << (stop - address)) - 1) << (address - word);
        if (visit(page_of(address).written[address % page_bytes / 64], mask)) return word;
        address = stop;
    }
    return 0;
}

// The first byte that nothing was written to, or 0.
uintptr_t first_unwritten(uintptr_t address, size_t bytes) {
    uint64_t bits = 0;
    uintptr_t word = visit_bits(address, bytes, [&](uint64_t &written, uint64_t mask) { return bits = mask & ~written; });
    return bits ? word + unsigned(__builtin_ctzll(bits)) : 0;
}

bool is_all_unwritten(uintptr_t address, size_t bytes) {
    return !visit_bits(address, bytes, [](uint64_t &written, uint64_t mask) { return (written & mask) != 0; }) && bytes > 0;
}

}  // namespace

void mark_written(uintptr_t address, size_t bytes) {
    if (!is_kept(address)) return;
    visit_bits(address, bytes, [](uint64_t &written, uint64_t mask) { return written |= mask, false; });
}

void forget_written(uintptr_t address, size_t bytes) {
    visit_bits(address, bytes, [](uint64_t &written, uint64_t mask) { return written &= ~mask, false; });
}

void mark_changed(uintptr_t address, size_t bytes) {
    auto *memory = reinterpret_cast<const unsigned char *>(address);
    for (size_t i = 0; i < bytes; i++)
        if (memory[i] != schedule.pattern) mark_written(address + i, 1);
}

void copy_written(uintptr_t to, uintptr_t from, size_t bytes) {
    uintptr_t bad = is_kept(from) ? first_unwritten(from, bytes) : 0;
    mark_written(to, bytes);
    if (!bad) return;
    if (is_kept(to)) {  // what holds garbage there holds garbage here
        for (size_t i = 0; i < bytes; i++)
            if (first_unwritten(from + i, 1)) forget_written(to + i, 1);
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
    uintptr_t bad = aggregate ? (is_all_unwritten(address, bytes) ? address : 0) : first_unwritten(address, bytes);
    if (!bad) return;
    char place[256], what[256] = "";
    say_place(place, sizeof place, pc);
    if (!describe(bad, what, sizeof what, bytes)) describe_shared(bad, what, sizeof what, bytes);
    snprintf(read_remark, sizeof read_remark, "%s: %s: load of %zu bytes %s, which was never written\n",
             fault::uninitialised_read, place, bytes, what);
}

void begin_remarks() { read_remark[0] = copy_remark[0] = 0; }

void write_remarks() {
    if (copy_remark[0]) dprintf(2, "%s", copy_remark);
    if (read_remark[0]) dprintf(2, "%s", read_remark);
}

}  // namespace musl
