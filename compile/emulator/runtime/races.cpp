// Finds data races. In a build for races every load and store of the program comes here (with -fsanitize=thread the compiler
// calls __tsan_read4 and the like before it; ThreadSanitizer's own runtime is not there), and those of kernels are compared with
// what other threads did to the same address.
//
// Two accesses race where different threads make them in one launch, at least one stores another value than was there, and no
// barrier lies between: no block-wide one within a block, no warp-wide one within a warp, and between blocks none at all. Two
// atomic operations do not race, nor does a load with an atomic one (a compare-and-swap loop begins with such a load). A block that has made an atomic operation in a launch where __threadfence() was called is taken to have waited
// for the others (the pattern of the last block). What a thread keeps on its stack is its own; shared memory is its block's.
#include <unordered_map>

#include "internal.h"

namespace musl {
namespace {

struct Access {
    uint64_t thread = 0;  // 1 + its number in the grid
    uint32_t phase = 0, warp_phase = 0;
    uintptr_t pc = 0;
    bool atomic = false;
};

// What was done last to a word (or to a byte, on pages with accesses smaller than a word). Two loads by different threads are
// enough: at least one of them is by another thread than the one that stores.
struct Cell {
    uint64_t launch = 0;
    Access store, load, second_load;
};

constexpr uintptr_t page_bytes = 4096;
struct Page {
    unsigned grain;
    Cell *cells;
};

auto &pages = *new std::unordered_map<uintptr_t, Page>;
uintptr_t last_page = ~uintptr_t(0);
Page *last_found;

// A store whose effect is not known yet: it counts once it has changed what was there.
struct Pending {
    uintptr_t address = 0;
    size_t bytes = 0;
    uintptr_t pc = 0;
    Access by;
    unsigned char before[16];
} pending;

uint64_t fence_launch, acquired_launch, acquired_block;

Page *page_of(uintptr_t address, unsigned grain) {
    uintptr_t number = address / page_bytes;
    Page *page = number == last_page ? last_found : nullptr;
    if (!page) {
        page = &pages[number];
        last_page = number;
        last_found = page;
    }
    if (page->cells && page->grain <= grain) return page;
    delete[] page->cells;  // a smaller access than before: what is known of the page is forgotten
    page->grain = grain;
    page->cells = new Cell[page_bytes / grain];
    return page;
}

uint64_t block_of_thread(uint64_t thread) { return (thread - 1) / threads_per_block(); }

// Whether `then` certainly came before what the running thread does now. `shared`: of memory that each block has its own of.
bool is_ordered(const Access &then, const Access &now, bool shared) {
    if (then.thread == 0 || then.thread == now.thread) return true;
    if (block_of_thread(then.thread) != block_of_thread(now.thread))
        return shared || (acquired_launch == launch_count && acquired_block == block_of_thread(now.thread) &&
                          fence_launch == launch_count);
    if (then.phase < now.phase) return true;
    uint64_t width = threads_per_block();
    bool same_warp = (then.thread - 1) % width / 32 == (now.thread - 1) % width / 32;
    return same_warp && then.warp_phase < now.warp_phase;
}

[[noreturn]] void die_of_race(const Access &now, const Access &then, uintptr_t address, size_t bytes, bool store,
                              bool then_store) {
    char what[256] = "";
    if (!describe(address, what, sizeof what, bytes)) describe_shared(address, what, sizeof what, bytes);
    report_race(now.pc, then.pc, what, bytes, store, then_store, (then.thread - 1) / threads_per_block(),
                int((then.thread - 1) % threads_per_block()));
}

Access access_now(uintptr_t pc, bool atomic) {
    Access now;
    now.thread = 1 + current_thread(&now.phase, &now.warp_phase);
    now.pc = pc;
    now.atomic = atomic;
    return now;
}

void note(uintptr_t address, size_t bytes, const Access &now, bool store, bool shared) {
    unsigned grain = (address | bytes) % 4 == 0 ? 4 : 1;
    for (size_t done = 0; done < bytes;) {
        uintptr_t at = address + done;
        Page *page = page_of(at, grain);
        Cell &cell = page->cells[at % page_bytes / page->grain];
        done += page->grain;
        if (cell.launch != launch_count) {
            cell = Cell();
            cell.launch = launch_count;
        }
        bool clash = store ? !(cell.store.atomic && now.atomic) : !cell.store.atomic;
        if (clash && !is_ordered(cell.store, now, shared))
            die_of_race(now, cell.store, at, bytes, store, true);
        if (!store) {
            bool replaces = is_ordered(cell.load, now, shared);
            (replaces ? cell.load : cell.second_load) = now;
            continue;
        }
        for (const Access *load : {&cell.load, &cell.second_load})
            if (!now.atomic && !is_ordered(*load, now, shared))
                die_of_race(now, *load, at, bytes, true, false);
        cell.store = now;
    }
}

// Threads share the device's memory and the block's; stacks and the arguments of the kernel are each thread's own.
bool is_watched(uintptr_t address) { return is_global(address) || is_shared(address); }

}  // namespace

bool recording = false;

void settle_store() {
    if (!pending.bytes) return;
    size_t bytes = pending.bytes;
    pending.bytes = 0;
    bool changed = false;
    for (size_t i = 0; i < bytes; i++)
        changed |= reinterpret_cast<unsigned char *>(pending.address)[i] != pending.before[i];
    if (changed) note(pending.address, bytes, pending.by, true, !is_global(pending.address));
}

void record_access(uintptr_t address, size_t bytes, bool store, bool atomic, uintptr_t pc) {
    settle_store();
    if (!is_watched(address)) return;
    if (!store || atomic) note_load(address, bytes, bytes > sizeof pending.before, pc);
    if (store) mark_written(address, bytes);
    if (atomic) {
        acquired_launch = launch_count;
        Access now = access_now(pc, true);
        acquired_block = block_of_thread(now.thread);
        note(address, bytes, now, true, !is_global(address));
        return;
    }
    if (!store || bytes > sizeof pending.before) {
        note(address, bytes, access_now(pc, false), store, !is_global(address));
        return;
    }
    pending.address = address;
    pending.bytes = bytes;
    pending.by = access_now(pc, false);
    for (size_t i = 0; i < bytes; i++) pending.before[i] = reinterpret_cast<unsigned char *>(address)[i];
}

void fence() { fence_launch = launch_count; }

}  // namespace musl

using namespace musl;

#pragma GCC visibility push(default)  // called by instrumented programs
extern "C" {
#define MUSL_ACCESS(size) \
    void __tsan_read##size(uintptr_t address) { \
        if (in_kernel) record_access(address, size, false, false, uintptr_t(__builtin_return_address(0))); \
    } \
    void __tsan_write##size(uintptr_t address) { \
        if (in_kernel) record_access(address, size, true, false, uintptr_t(__builtin_return_address(0))); \
        else mark_written(address, size); \
    } \
    void __tsan_unaligned_read##size(uintptr_t) __attribute__((alias("__tsan_read" #size))); \
    void __tsan_unaligned_write##size(uintptr_t) __attribute__((alias("__tsan_write" #size)));
MUSL_ACCESS(1)
MUSL_ACCESS(2)
MUSL_ACCESS(4)
MUSL_ACCESS(8)
MUSL_ACCESS(16)
#undef MUSL_ACCESS
void __tsan_read_range(uintptr_t address, size_t bytes) {
    if (in_kernel) record_access(address, bytes, false, false, uintptr_t(__builtin_return_address(0)));
}
void __tsan_write_range(uintptr_t address, size_t bytes) {
    if (in_kernel) record_access(address, bytes, true, false, uintptr_t(__builtin_return_address(0)));
    else mark_written(address, bytes);
}
void __tsan_vptr_update(void **, void *) {}
void __tsan_init() { recording = true; }
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
}  // extern "C"

namespace {
void note_library_access(const void *pointer, size_t bytes, bool store, const void *caller) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    if (bytes == 0 || !recording) return;
    if (in_kernel) record_access(address, bytes, store, false, reinterpret_cast<uintptr_t>(caller));
    else if (store) mark_written(address, bytes);
}
}  // namespace

// Calls of these are not instrumented: a build that watches every access is linked with --wrap for each.
extern "C" {
void *__wrap_memmove(void *to, const void *from, size_t bytes) {
    note_library_access(from, bytes, false, __builtin_return_address(0));
    note_library_access(to, bytes, true, __builtin_return_address(0));
    auto *t = static_cast<unsigned char *>(to);
    auto *f = static_cast<const unsigned char *>(from);
    if (t <= f)
        for (size_t i = 0; i < bytes; i++) t[i] = f[i];
    else
        for (size_t i = bytes; i > 0; i--) t[i - 1] = f[i - 1];
    return to;
}
void *__wrap_memcpy(void *to, const void *from, size_t bytes) __attribute__((alias("__wrap_memmove")));
void *__wrap_memset(void *to, int value, size_t bytes) {
    note_library_access(to, bytes, true, __builtin_return_address(0));
    for (size_t i = 0; i < bytes; i++) static_cast<unsigned char *>(to)[i] = static_cast<unsigned char>(value);
    return to;
}
}  // extern "C"
#pragma GCC visibility pop
