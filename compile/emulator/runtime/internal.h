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
    bool idle = false;       // launches count, and run nothing
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
extern const char *launch_file;  // in which the last launch stands, and with it most likely its kernel
void count_spin();
void count_shared(size_t bytes, uintptr_t pc);  // that the running block declares
uint64_t threads_per_block();
// The running thread's number in the grid; the barriers and the warp operations that it has passed.
uint64_t current_thread(uint32_t *phase, uint32_t *warp_phase);

// ---- spread.cpp
void hold_fault();  // of a launch that several engines run: returns where this fault is the one to be reported

// ---- shared.cpp
constexpr size_t max_dynamic_shared = 232448;  // the most that a block can have (227 KB on sm_90)
constexpr size_t most_shared_variables = 1024;
void make_shared_memory();                     // of this operating-system thread
void open_dynamic_shared(size_t bytes);        // of a launch
void begin_shared();                           // of a block
bool is_shared(uintptr_t address);
bool in_shared_arena(uintptr_t address);
bool describe_shared(uintptr_t address, char *text, size_t size, size_t element);

// ---- races.cpp
extern bool recording;
void settle_store();  // before another thread runs, and at the end of a launch
void record_access(uintptr_t address, size_t bytes, bool store, bool atomic, uintptr_t pc);

// ---- written.cpp: which bytes of device and shared memory something was ever written to; where `recording`
void mark_written(uintptr_t address, size_t bytes);
void forget_written(uintptr_t address, size_t bytes);
void copy_written(uintptr_t to, uintptr_t from, size_t bytes);  // a copy that the host asks for
void mark_changed(uintptr_t address, size_t bytes);  // what holds another byte than the pattern: the host may write it too
void note_load(uintptr_t address, size_t bytes, bool aggregate, uintptr_t pc);
void begin_remarks();
uint32_t write_remarks();  // of the call that ends

// ---- memory.cpp
constexpr size_t device_bytes = 4ull << 30;
enum class Side { host, device, both };
Side side_of(uintptr_t address);
bool device_range(const void *pointer, size_t bytes);
cudaError_t allocate(void **pointer, size_t bytes, bool managed);
bool free_block(void *pointer);  // false: it is none, and last_error_place says why
void free_all_blocks();
cudaError_t register_host(void *pointer, size_t bytes);  // the device may use it from now on
cudaError_t unregister_host(void *pointer);
size_t free_bytes();
bool is_global(uintptr_t address);  // not of one block's shared memory
bool in_arena(uintptr_t address);   // of device memory that is allocated
void begin_call(const void *const *arrays, const uint64_t *bytes, const uint32_t *parameters, uint32_t count);
void end_call();
void enter_device(const void *host_frame);
void leave_device();
cudaError_t fail(cudaError_t error);  // remembers the error as CUDA does, and returns it
extern cudaError_t last_error;
extern char last_error_place[160];  // what is about to fail
bool report_unread_error();         // true where an error was left unread by the call that ends; it is written then
// Says what `address` is: "at offset 8 of device array of 400 bytes (index 2)", for elements of `element` bytes (0: unknown);
// empty where unknown.
bool describe(uintptr_t address, char *text, size_t size, size_t element = 0);

void say_distance(uintptr_t address, uintptr_t begin, size_t bytes, const char *name, char *text, size_t size,
                  size_t element);
bool on_host_stack(uintptr_t address);

// As memcpy and memset, for what a program asks for: they also note what is written.
void copy_bytes(void *to, const void *from, size_t bytes);
void fill_bytes(void *to, int value, size_t bytes);
void fill_pattern(void *to, size_t bytes);  // with the schedule's: nothing is written

// ---- report.cpp
// Every fault is one line on stderr: "<kind>: <place>: <what>", where <place> is "kernel K block (0,0,0) thread (0,0,0)" or
// "host code", with " at f.cu:12" where that is known. compile/fault.py reads it, and has the same kinds.
namespace fault {
constexpr const char *other = "error", *out_of_bounds = "out of bounds", *null_pointer = "null pointer";
constexpr const char *misaligned = "misaligned access", *use_after_free = "use after cudaFree";
constexpr const char *host_memory = "host memory used in a kernel", *device_memory = "device memory used by host code";
constexpr const char *stack_overflow = "stack overflow", *division = "division by zero";
constexpr const char *race = "race", *missing_barrier = "race: missing barrier";
constexpr const char *divergent_barrier = "divergent barrier", *divergent_warp = "divergent warp operation";
constexpr const char *deadlock = "deadlock", *assertion = "assertion failed", *trap = "trap";
constexpr const char *device_code_on_host = "device code called by host code", *unsupported = "unsupported";
constexpr const char *too_much_shared = "too much shared memory";
constexpr const char *unread_error = "unread CUDA error";
// These end nothing: they are remarks on a call.
constexpr const char *uninitialised_read = "uninitialised read", *uninitialised_copy = "uninitialised copy";
}  // namespace fault

void catch_signals();
[[noreturn]] void write_and_exit(const char *text);
// They end the process. `line` is one of the file of the launch that runs, or 0; `pc` a return address, or 0.
[[noreturn]] void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void die_of(const char *kind, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
[[noreturn]] void die_at(const char *kind, uintptr_t pc, const char *format, ...) __attribute__((format(printf, 3, 4)));
[[noreturn]] void report_access(uintptr_t pc, uintptr_t address, size_t bytes, bool write, const char *instead = nullptr);
[[noreturn]] void report_race(uintptr_t pc, uintptr_t other_pc, const char *what, size_t bytes, bool store,
                              bool other_store, uint64_t other_block, int other_thread);
void say_place(char *text, size_t size, uintptr_t pc);
// The return addresses on the way from here to the code under test, and the first of them that lies in it, or 0.
struct Trail {
    uintptr_t pc[8];
};
Trail trail_to_here();
uintptr_t users_pc(const Trail &trail);
void say_line(char *text, size_t size, uintptr_t pc);  // " at f.cu:12", or nothing where it is not known
// First byte of [pointer, pointer + bytes) that may not be touched now, or null. Null too where AddressSanitizer is absent.
const void *first_poisoned(const void *pointer, size_t bytes);
void poison(const void *pointer, size_t bytes);
void unpoison(const void *pointer, size_t bytes);

inline size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace musl
