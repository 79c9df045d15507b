// Spreads the blocks of a launch over several operating-system threads, each with an engine of its own.
//
// Only where the test asks for them (musl_hook_workers), the launch may be spread (not where blocks depend on each other's
// atomics, see compile/emulator/rewrite.py, nor where every access is watched), and it takes long enough: the first blocks
// are timed. Blocks are handed out in the order of the schedule. What a program without data races computes does not
// depend on how many engines run it, and neither does the fault that is reported: that of the block which comes first.
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "engine.h"

namespace musl {
namespace {

constexpr int most_workers = 64;
constexpr long long look_after_ns = 500000;    // so long one engine runs alone
constexpr long long worth_ns = 3000000;        // what must be left to do, by what has been done so far
constexpr long long share_ns = 200000;         // of work that an engine takes at a time
constexpr uint64_t none = ULLONG_MAX;

int workers;  // beside the first engine
bool may_spread, spread;
std::atomic<uint64_t> next_position;
uint64_t share = 1;  // blocks that are taken at a time
long long begun_at;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t launch_is_spread = PTHREAD_COND_INITIALIZER, engine_is_done = PTHREAD_COND_INITIALIZER;
pthread_cond_t worker_is_ready = PTHREAD_COND_INITIALIZER;
int ready;  // workers that wait for their first launch
uint64_t launches_spread;
int running;  // engines of the launch that have not run out of blocks

Engine *engines[most_workers + 1];
std::atomic<int> engine_count;
std::atomic<uint64_t> fault_position{none};  // of the first block in which a fault was found

void leave_launch() {
    pthread_mutex_lock(&mutex);
    running--;
    pthread_cond_signal(&engine_is_done);
    pthread_mutex_unlock(&mutex);
}

void *work(void *) {
    catch_signals();
    pthread_mutex_lock(&mutex);
    ready++;
    pthread_cond_signal(&worker_is_ready);
    pthread_mutex_unlock(&mutex);
    for (uint64_t seen = 0;;) {
        pthread_mutex_lock(&mutex);
        while (launches_spread == seen) pthread_cond_wait(&launch_is_spread, &mutex);
        seen = launches_spread;
        pthread_mutex_unlock(&mutex);
        run_blocks(false);
        leave_launch();
    }
}

void spread_launch(uint64_t blocks_of_a_share) {
    share = blocks_of_a_share;
    spread = true;
    pthread_mutex_lock(&mutex);
    running = workers + 1;
    launches_spread++;
    pthread_cond_broadcast(&launch_is_spread);
    pthread_mutex_unlock(&mutex);
}

// The first engine runs alone: takes more blocks at a time while they are short, and calls the others once that is worth it.
void look_at_the_clock(uint64_t done) {
    if (done == 0) return;
    long long passed = ticks() - begun_at;
    if (passed < look_after_ns) {
        share *= 2;
        return;
    }
    uint64_t left = launch_now.blocks - done;
    double each = double(passed) / double(done);
    if (each * double(left) < double(worth_ns)) {
        may_spread = false;
        share = left;
        return;
    }
    uint64_t wanted = uint64_t(double(share_ns) / each) + 1, fair = left / (4 * uint64_t(workers + 1)) + 1;
    spread_launch(wanted < fair ? wanted : fair);
}

}  // namespace

void register_engine(Engine *e) {
    pthread_mutex_lock(&mutex);
    engines[engine_count] = e;
    engine_count++;
    pthread_mutex_unlock(&mutex);
}

bool take_blocks(Engine &e) {
    if (may_spread && !spread) look_at_the_clock(next_position.load());
    e.position = 0;  // until it is known which: none may be taken for the first meanwhile
    uint64_t begin = next_position.fetch_add(share), end = begin + share;
    if (begin >= launch_now.blocks || begin > fault_position) {
        e.position = none;
        return false;
    }
    e.position = e.next_block = begin;
    e.end_block = end < launch_now.blocks ? end : launch_now.blocks;
    return true;
}

void begin_launch() {
    next_position = 0;
    spread = false;
    may_spread = workers > 0 && !launch_now.config->ordered && !recording && launch_now.blocks > 1;
    share = may_spread ? 1 : launch_now.blocks;
    if (may_spread) begun_at = ticks();
}

void end_launch() {
    if (!spread) return;
    pthread_mutex_lock(&mutex);
    for (running--; running > 0;) pthread_cond_wait(&engine_is_done, &mutex);
    pthread_mutex_unlock(&mutex);
}

// Waits for the blocks before this one: a fault in one of them is found first.
void hold_fault() {
    if (!spread || !in_kernel) return;
    uint64_t own = engine->position, first = fault_position;
    while (own < first && !fault_position.compare_exchange_weak(first, own)) {}
    for (int i = 0; i < engine_count; i++) {
        while (engines[i] != engine && engines[i]->position < own) usleep(100);
        while (fault_position < own) pause();  // for good: the engine of that block reports
    }
}

}  // namespace musl

using namespace musl;

extern "C" void musl_hook_workers(uint32_t count) {
    if (count > most_workers) count = most_workers;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    for (workers = 0; workers + 1 < int(count); workers++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, work, nullptr) != 0) break;  // with fewer it is slower, no more
    }
    pthread_attr_destroy(&attributes);
    // What a thread allocates to begin with (its thread-local variables) is none of the program's: it is there before the
    // program's heap is watched, by code that knows of one thread.
    pthread_mutex_lock(&mutex);
    while (ready < workers) pthread_cond_wait(&worker_is_ready, &mutex);
    pthread_mutex_unlock(&mutex);
}
