// What the files of the runtime share. The runtime is compiled once and cached, without AddressSanitizer's instrumentation:
// it may touch poisoned memory; it does so through copy_bytes and fill_bytes, because libasan checks memcpy and memset.
#pragma once

// Compiled with -fvisibility=hidden: what CUDA programs may use is in the headers and is exported to them; what stands
// below is not, so that no program can set the launch count or the last error (compile/imports.py).
#define MUSL_BUILT_IN
#pragma GCC visibility push(default)
#include <cuda_runtime.h>
#pragma GCC visibility pop
#include <stdint.h>

namespace musl {

// ---- schedule.cpp: in which order blocks and threads run, and the garbage that unwritten memory holds
enum class Order { forward, reverse, shuffle };
struct Schedule {
    Order order = Order::forward;
    uint64_t seed = 0;
    uint8_t pattern = 0xcb;  // of device and shared memory that no one has written; differs between schedules
};
extern Schedule schedule;
void set_schedule(const char *name, uint64_t seed);
void read_schedule_from_environment();
uint64_t mix(uint64_t a, uint64_t b);
// The position-th of `count` blocks, without a table (a grid can have 2^31 of them).
struct BlockOrder {
    uint64_t count, factor, offset;
    explicit BlockOrder(uint64_t count, uint64_t launch);
    uint64_t at(uint64_t position) const;
};
void order_threads(uint16_t *threads, int count, uint64_t salt);

// ---- engine.cpp
extern uint64_t launch_count;
extern const char *kernel_name;  // of the launch that runs, else null
constexpr size_t max_dynamic_shared = 232448;  // the most that a block can have (227 KB on sm_90)
extern size_t dynamic_shared_bytes;            // of the launch that runs
extern Shared *shared_variables;               // all that a thread has come by, for their names
void count_spin();

uint64_t threads_per_block();
// The running thread's number in the grid; the barriers and the warp operations that it has passed.
uint64_t current_thread(uint32_t *phase, uint32_t *warp_phase);

// ---- races.cpp
extern bool recording;
void settle_store();  // before another thread runs, and at the end of a launch
void record_access(uintptr_t address, size_t bytes, bool store, bool atomic, uintptr_t pc);

// ---- memory.cpp
constexpr size_t device_bytes = 4ull << 30;
enum class Side { host, device, both };
Side side_of(uintptr_t address);
bool device_range(const void *pointer, size_t bytes);
cudaError_t allocate(void **pointer, size_t bytes, bool managed);
bool free_block(void *pointer);  // false: it is none, and last_error_place says why
void free_all_blocks();
size_t free_bytes();
bool is_global(uintptr_t address);  // not of one block's shared memory
void begin_call(const void *const *arrays, const uint64_t *bytes, const uint32_t *parameters, uint32_t count);
void end_call();
void enter_device(const void *host_frame);
void leave_device();
cudaError_t fail(cudaError_t error);  // remembers the error as CUDA does, and returns it
extern cudaError_t last_error;
extern char last_error_place[160];  // what failed, for the report at the end of the call
// Says what `address` is: "device array of 400 bytes", and how far it is from there; empty where unknown.
bool describe(uintptr_t address, char *text, size_t size);

void say_distance(uintptr_t address, uintptr_t begin, size_t bytes, const char *name, char *text, size_t size);
bool on_host_stack(uintptr_t address);

void copy_bytes(void *to, const void *from, size_t bytes);
void fill_bytes(void *to, int value, size_t bytes);

// ---- report.cpp
void catch_signals();
// Writes "<what>" preceded by the place (kernel, block, thread) to stderr as one line and ends the process.
[[noreturn]] void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void report_access(uintptr_t pc, uintptr_t address, size_t bytes, bool write, const char *instead = nullptr);
[[noreturn]] void report_race(uintptr_t pc, uintptr_t other_pc, const char *what, size_t bytes, bool store,
                              bool other_store, uint64_t other_block, int other_thread);
bool describe_shared(uintptr_t address, char *text, size_t size);
// First byte of [pointer, pointer + bytes) that may not be touched now, or null. Null too where AddressSanitizer is absent.
const void *first_poisoned(const void *pointer, size_t bytes);
void poison(const void *pointer, size_t bytes);
void unpoison(const void *pointer, size_t bytes);

inline size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace musl
