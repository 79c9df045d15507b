// The two memories. Device memory comes from an arena of its own. While host code runs, all of it is poisoned; while a kernel
// runs, the host's heap blocks and the arguments of the call are. What lies between device allocations is always poisoned.
#include <stdint.h>
#include <sys/mman.h>

#include <map>

#include "internal.h"

extern "C" void *__libc_stack_end;  // of the dynamic loader: where the main thread's stack begins
extern "C" void __asan_get_shadow_mapping(size_t *scale, size_t *offset) __attribute__((weak));
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
                                                         void (*)(const volatile void *)) __attribute__((weak));

namespace musl {

cudaError_t last_error = cudaSuccess;
char last_error_place[160];

namespace {

constexpr size_t granule = 256;           // cudaMalloc aligns to this; a redzone of as much follows every block
constexpr size_t quarantine_bytes = 64 << 20;  // freed memory that is not used again yet, so that a late use is caught
constexpr size_t most_heap_blocks = 4096;      // that are watched

struct Block {
    size_t bytes;
    size_t carved;
    bool managed;
    bool freed;
    Trail allocated;
};
// A __device__ or __constant__ variable. `guarded`: it is poisoned while host code runs.
struct Variable {
    size_t bytes;
    const char *name;
    bool guarded;
};
struct Array {
    uintptr_t address;
    size_t bytes;
    uint32_t parameter;
};

// Never destroyed: the program may use the API, and free memory, until its very end. They exist before the program's own
// constructors run, because the runtime is linked in front of it.
auto &blocks = *new std::map<uintptr_t, Block>;
auto &variables = *new std::map<uintptr_t, Variable>;
auto &heap_blocks = *new std::map<uintptr_t, size_t>;  // of the host
auto &registered = *new std::map<uintptr_t, size_t>;   // of the host, by cudaHostRegister
auto &reusable = *new std::multimap<size_t, uintptr_t>;
auto &quarantine = *new std::map<uint64_t, uintptr_t>;  // by age
uint64_t age;
size_t quarantined, in_use;
uintptr_t arena, arena_end, arena_top, arena_open;
Array arrays[256];
uint32_t array_count;
bool tracking;

// AddressSanitizer's shadow of the host's stack, kept while the stack is poisoned.
constexpr size_t most_stack_bytes = 1 << 20;
unsigned char saved_shadow[most_stack_bytes / 8];
uintptr_t hidden_begin;
size_t hidden_bytes;

unsigned char *shadow_of(uintptr_t address) {
    size_t scale, offset;
    __asan_get_shadow_mapping(&scale, &offset);
    return reinterpret_cast<unsigned char *>((address >> scale) + offset);
}

void hide_stack(const void *frame) {
    hidden_bytes = 0;
    uintptr_t begin = round_up(reinterpret_cast<uintptr_t>(frame), 8);
    uintptr_t end = reinterpret_cast<uintptr_t>(__libc_stack_end) & ~uintptr_t(7);
    if (!__asan_get_shadow_mapping || end <= begin || end - begin > most_stack_bytes) return;
    hidden_begin = begin;
    hidden_bytes = end - begin;
    copy_bytes(saved_shadow, shadow_of(begin), hidden_bytes / 8);
    poison(reinterpret_cast<void *>(begin), hidden_bytes);
}

void show_stack() {
    if (hidden_bytes) copy_bytes(shadow_of(hidden_begin), saved_shadow, hidden_bytes / 8);
    hidden_bytes = 0;
}

bool open_arena() {
    if (arena) return true;
    for (size_t bytes = 64ull << 30; bytes >= 1ull << 30; bytes /= 2) {
        void *memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) continue;
        arena = arena_top = arena_open = reinterpret_cast<uintptr_t>(memory);
        arena_end = arena + bytes;
        return true;
    }
    return false;
}

// The arena is opened by steps, whose shadow is poisoned: every page of that costs each test a fault. What is not open yet
// cannot be touched, which is reported as any access outside the blocks.
constexpr size_t arena_step = 1 << 16;

// Takes `carved` bytes of the arena: an old block of that size, or new ones at its top.
uintptr_t carve(size_t carved) {
    if (auto old = reusable.find(carved); old != reusable.end()) {
        uintptr_t address = old->second;
        reusable.erase(old);
        return address;
    }
    if (carved > arena_end - arena_top) return 0;
    uintptr_t top = arena_top + carved;
    if (top > arena_open) {
        size_t grow = round_up(top - arena_open, arena_step);
        if (grow > arena_end - arena_open) grow = arena_end - arena_open;
        if (mprotect(reinterpret_cast<void *>(arena_open), grow, PROT_READ | PROT_WRITE) != 0) return 0;
        poison(reinterpret_cast<void *>(arena_open), grow);
        arena_open += grow;
    }
    uintptr_t address = arena_top;
    arena_top = top;
    return address;
}

void release(uintptr_t address, Block &block) {
    block.freed = true;
    in_use -= block.bytes;
    poison(reinterpret_cast<void *>(address), block.bytes);
    quarantined += block.carved;
    quarantine[age++] = address;
    while (quarantined > quarantine_bytes && !quarantine.empty()) {
        uintptr_t oldest = quarantine.begin()->second;
        quarantine.erase(quarantine.begin());
        auto found = blocks.find(oldest);
        quarantined -= found->second.carved;
        reusable.emplace(found->second.carved, oldest - granule);
        blocks.erase(found);
    }
}

// The block that [address, address + bytes) begins in, live or freed, or null.
std::pair<const uintptr_t, Block> *block_of(uintptr_t address) {
    auto next = blocks.upper_bound(address);
    if (next == blocks.begin()) return nullptr;
    --next;
    return address < next->first + next->second.bytes ? &*next : nullptr;
}

bool in_registered(uintptr_t address, size_t bytes) {
    auto next = registered.upper_bound(address);
    if (next == registered.begin()) return false;
    --next;
    return address + bytes <= next->first + next->second;
}

bool in_variable(uintptr_t address, size_t bytes) {
    auto next = variables.upper_bound(address);
    if (next == variables.begin()) return false;
    --next;
    return address + bytes <= next->first + next->second.bytes;
}

void watch_malloc(const volatile void *pointer, size_t bytes) {
    if (!tracking || in_kernel || heap_blocks.size() >= most_heap_blocks) return;
    tracking = false;  // the map allocates too
    heap_blocks[reinterpret_cast<uintptr_t>(pointer)] = bytes;
    tracking = true;
}

void watch_free(const volatile void *pointer) {
    if (!tracking || in_kernel) return;
    tracking = false;
    heap_blocks.erase(reinterpret_cast<uintptr_t>(pointer));
    tracking = true;
}

bool describe_device(uintptr_t address, char *text, size_t size, size_t element) {
    if (address < arena || address >= arena_end || blocks.empty()) return false;
    auto next = blocks.upper_bound(address), best = next;
    if (next != blocks.begin()) {
        --best;
        uintptr_t end = best->first + best->second.bytes;
        if (next != blocks.end() && address >= end && address - end > next->first - address) best = next;
    }
    const char *name = best->second.freed ? "a freed device array" : best->second.managed ? "managed array" : "device array";
    say_distance(address, best->first, best->second.bytes, name, text, size, element);
    char line[64];
    say_line(line, sizeof line, users_pc(best->second.allocated));
    size_t used = strlen(text);
    if (line[0]) snprintf(text + used, size - used, ", allocated%s", line);
    return true;
}

bool describe_variable(uintptr_t address, char *text, size_t size, size_t element) {
    auto next = variables.upper_bound(address);
    if (next == variables.begin()) return false;
    --next;
    if (address >= next->first + next->second.bytes + 32) return false;
    char name[96];
    snprintf(name, sizeof name, "device variable %s", next->second.name);
    say_distance(address, next->first, next->second.bytes, name, text, size, element);
    return true;
}

bool describe_host(uintptr_t address, char *text, size_t size, size_t element) {
    constexpr size_t near = 1024;
    char name[64];
    for (uint32_t i = 0; i < array_count; i++) {
        if (address + near < arrays[i].address || address >= arrays[i].address + arrays[i].bytes + near) continue;
        snprintf(name, sizeof name, "host array (parameter %u)", arrays[i].parameter + 1);
        say_distance(address, arrays[i].address, arrays[i].bytes, name, text, size, element);
        return true;
    }
    auto next = heap_blocks.upper_bound(address);
    if (next == heap_blocks.begin()) return false;
    --next;
    if (address >= next->first + next->second + near) return false;
    say_distance(address, next->first, next->second, "host memory", text, size, element);
    return true;
}

}  // namespace

// "<offset> past", "<offset> before" or "inside", as a phrase before the name of what lies there.
void say_distance(uintptr_t address, uintptr_t begin, size_t bytes, const char *name, char *text, size_t size,
                  size_t element) {
    char index[48] = "";
    long long offset = static_cast<long long>(address - begin);
    if (element && offset % static_cast<long long>(element) == 0)
        snprintf(index, sizeof index, " (index %lld)", offset / static_cast<long long>(element));
    if (address < begin)
        snprintf(text, size, "%zu bytes before %s of %zu bytes%s", size_t(begin - address), name, bytes, index);
    else if (address == begin + bytes)
        snprintf(text, size, "just past %s of %zu bytes%s", name, bytes, index);
    else if (address > begin + bytes)
        snprintf(text, size, "%zu bytes past %s of %zu bytes%s", size_t(address - begin - bytes), name, bytes, index);
    else
        snprintf(text, size, "at offset %zu of %s of %zu bytes%s", size_t(address - begin), name, bytes, index);
}

namespace {

void copy_plainly(void *to, const void *from, size_t bytes) {
#if defined(__x86_64__)
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
#else
    auto *t = static_cast<volatile unsigned char *>(to);
    auto *f = static_cast<const volatile unsigned char *>(from);
    while (bytes--) *t++ = *f++;
#endif
}

void fill_plainly(void *to, int value, size_t bytes) {
#if defined(__x86_64__)
    asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
#else
    auto *t = static_cast<volatile unsigned char *>(to);
    while (bytes--) *t++ = static_cast<unsigned char>(value);
#endif
}

}  // namespace

void copy_bytes(void *to, const void *from, size_t bytes) {
    if (recording) copy_written(reinterpret_cast<uintptr_t>(to), reinterpret_cast<uintptr_t>(from), bytes);
    copy_plainly(to, from, bytes);
}

void fill_bytes(void *to, int value, size_t bytes) {
    if (recording) mark_written(reinterpret_cast<uintptr_t>(to), bytes);
    fill_plainly(to, value, bytes);
}

void fill_pattern(void *to, size_t bytes) { fill_plainly(to, schedule.pattern, bytes); }

cudaError_t allocate(void **pointer, size_t bytes, bool managed) {
    if (in_kernel) die_of(fault::unsupported, 0, "MUSL302 dynamic parallelism: allocates device memory through the runtime API in a kernel");
    if (!pointer) return fail(cudaErrorInvalidValue);
    *pointer = nullptr;
    if (bytes == 0) return cudaSuccess;
    snprintf(last_error_place, sizeof last_error_place, "allocation of %zu bytes", bytes);
    if (bytes > device_bytes || in_use + bytes > device_bytes || !open_arena()) return fail(cudaErrorMemoryAllocation);
    size_t carved = round_up(bytes, granule) + 2 * granule;
    uintptr_t start = carve(carved);
    if (!start) return fail(cudaErrorMemoryAllocation);
    uintptr_t address = start + granule;
    blocks[address] = Block{bytes, carved, managed, false, trail_to_here()};
    in_use += bytes;
    *pointer = reinterpret_cast<void *>(address);
    fill_pattern(*pointer, bytes);
    if (recording) forget_written(address, bytes);
    if (managed) unpoison(*pointer, bytes);
    last_error_place[0] = 0;
    return cudaSuccess;
}

Side side_of(uintptr_t address) {
    if (address >= arena && address < arena_end) {
        auto *block = block_of(address);
        return block && block->second.managed ? Side::both : Side::device;
    }
    if (in_registered(address, 1)) return Side::both;
    return in_variable(address, 1) ? Side::device : Side::host;
}

// Whether the device may touch [pointer, pointer + bytes): it lies in one live allocation.
bool device_range(const void *pointer, size_t bytes) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    if (in_variable(address, bytes) || in_registered(address, bytes)) return true;
    auto *block = block_of(address);
    return block && !block->second.freed && bytes <= block->first + block->second.bytes - address;
}

bool free_block(void *pointer) {
    auto found = blocks.find(reinterpret_cast<uintptr_t>(pointer));
    if (found == blocks.end() || found->second.freed) {
        snprintf(last_error_place, sizeof last_error_place, "cudaFree of %s",
                 found == blocks.end() ? "a pointer that cudaMalloc did not return" : "memory that is already freed");
        return false;
    }
    release(found->first, found->second);
    return true;
}

cudaError_t register_host(void *pointer, size_t bytes) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    if (!pointer || bytes == 0) return cudaErrorInvalidValue;
    auto next = registered.lower_bound(address + bytes);
    bool overlaps = next != registered.begin() && (--next)->first + next->second > address;
    if (overlaps || side_of(address) != Side::host) return cudaErrorHostMemoryAlreadyRegistered;
    registered[address] = bytes;
    return cudaSuccess;
}

cudaError_t unregister_host(void *pointer) {
    bool known = registered.erase(reinterpret_cast<uintptr_t>(pointer)) == 1;
    return known ? cudaSuccess : cudaErrorHostMemoryNotRegistered;
}

void free_all_blocks() {
    registered.clear();
    for (auto &[address, block] : blocks) {
        if (block.freed) continue;
        block.freed = true;  // and never used again: after a reset every use is an error
        in_use -= block.bytes;
        poison(reinterpret_cast<void *>(address), block.bytes);
    }
}

size_t free_bytes() { return device_bytes - in_use; }

bool in_arena(uintptr_t address) { return address >= arena && address < arena_end; }

bool is_global(uintptr_t address) { return in_arena(address) || in_variable(address, 1); }

bool describe(uintptr_t address, char *text, size_t size, size_t element) {
    return describe_device(address, text, size, element) || describe_variable(address, text, size, element) ||
           describe_host(address, text, size, element);
}

namespace {
char failed_call[sizeof last_error_place];  // that gave last_error
Trail failed_at;
}  // namespace

cudaError_t fail(cudaError_t error) {
    last_error = error;
    if (last_error_place[0])
        dprintf(2, "CUDA error %s (%s): %s\n", cudaGetErrorName(error), cudaGetErrorString(error), last_error_place);
    snprintf(failed_call, sizeof failed_call, "%s", last_error_place);
    failed_at = trail_to_here();
    last_error_place[0] = 0;
    return error;
}

bool report_unread_error() {
    if (last_error == cudaSuccess) return false;
    char place[256];
    say_place(place, sizeof place, users_pc(failed_at));
    dprintf(2, "%s: %s: %s (%s)%s%s\n", fault::unread_error, place, cudaGetErrorName(last_error),
            cudaGetErrorString(last_error), failed_call[0] ? ": " : "", failed_call);
    return true;
}

void begin_call(const void *const *data, const uint64_t *bytes, const uint32_t *parameters, uint32_t count) {
    array_count = count < 256 ? count : 256;
    for (uint32_t i = 0; i < array_count; i++)
        arrays[i] = Array{reinterpret_cast<uintptr_t>(data[i]), bytes[i], parameters[i]};
    last_error = cudaSuccess;
    catch_signals();
    begin_remarks();
    if (__sanitizer_install_malloc_and_free_hooks) __sanitizer_install_malloc_and_free_hooks(watch_malloc, watch_free);
    tracking = true;
}

void end_call() {
    tracking = false;
    heap_blocks.clear();
}

void enter_device(const void *host_frame) {
    for (auto &[address, block] : blocks) {
        if (block.freed) continue;
        unpoison(reinterpret_cast<void *>(address), block.bytes);
        if (recording && block.managed) mark_changed(address, block.bytes);
    }
    for (auto &[address, variable] : variables)
        if (variable.guarded) unpoison(reinterpret_cast<void *>(address), variable.bytes);
    for (uint32_t i = 0; i < array_count; i++) poison(reinterpret_cast<void *>(arrays[i].address), arrays[i].bytes);
    for (auto &[address, bytes] : heap_blocks) poison(reinterpret_cast<void *>(address), bytes);
    hide_stack(host_frame);
    for (auto &[address, bytes] : registered) unpoison(reinterpret_cast<void *>(address), bytes);
}

void leave_device() {
    show_stack();
    for (auto &[address, block] : blocks)
        if (!block.managed) poison(reinterpret_cast<void *>(address), block.bytes);
    for (auto &[address, variable] : variables)
        if (variable.guarded) poison(reinterpret_cast<void *>(address), variable.bytes);
    for (uint32_t i = 0; i < array_count; i++) unpoison(reinterpret_cast<void *>(arrays[i].address), arrays[i].bytes);
    for (auto &[address, bytes] : heap_blocks) unpoison(reinterpret_cast<void *>(address), bytes);
}

bool on_host_stack(uintptr_t address) {
    uintptr_t end = reinterpret_cast<uintptr_t>(__libc_stack_end);
    return address < end && end - address < (8 << 20);
}

cudaError_t malloc_managed(void **pointer, size_t bytes) { return allocate(pointer, bytes, true); }

cudaError_t register_symbol(void *symbol, size_t size) {
    variables.emplace(reinterpret_cast<uintptr_t>(symbol), Variable{size, "of the program", false});
    return cudaSuccess;
}

void used_on_host(const void *address, const char *name) {
    if (in_kernel || !in_variable(reinterpret_cast<uintptr_t>(address), 1)) return;
    die_at(fault::device_memory, uintptr_t(__builtin_return_address(0)), "names the device variable %s", name);
}

MuslVariable::MuslVariable(void *address, size_t bytes, const char *name) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(address);
    // Eight bytes share one mark: a variable without AddressSanitizer's redzone behind it may share them with another.
    bool alone = begin % 8 == 0 && (bytes % 8 == 0 || first_poisoned(reinterpret_cast<char *>(address) + bytes, 1));
    variables[begin] = Variable{bytes, name, alone};
    if (alone) poison(address, bytes);
}

// A whole program has no driver: it takes its schedule from the environment, and begins once the maps above exist.
const bool program_begun = (read_schedule_from_environment(), begin_call(nullptr, nullptr, nullptr, 0), true);

}  // namespace musl
