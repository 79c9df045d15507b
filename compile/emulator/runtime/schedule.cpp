#include "internal.h"

namespace musl {

Schedule schedule;

// splitmix64's finalizer (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t z = a + 0x9e3779b97f4a7c15ull * (b + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

// "forward", "reverse" or "shuffle", each with its own pattern; a pattern may follow as two hexadecimal digits: "forward fill 7f".
// Under "idle" kernels do nothing: what is right all the same, the host has computed.
void set_schedule(const char *name, uint64_t seed) {
    schedule.seed = seed;
    schedule.idle = strcmp(name, "idle") == 0;
    if (schedule.idle) name = "forward";
    size_t length = strcspn(name, " ");
    auto is = [=](const char *word) { return strlen(word) == length && strncmp(name, word, length) == 0; };
    if (is("forward")) {
        schedule.order = Order::forward;
        schedule.pattern = 0xcb;
    } else if (is("reverse")) {
        schedule.order = Order::reverse;
        schedule.pattern = 0x3d;
    } else if (is("shuffle")) {
        schedule.order = Order::shuffle;
        // Neither the two above, nor 0 or 255, which a correct program may well hold.
        do schedule.pattern = uint8_t(mix(seed++, 77));
        while (schedule.pattern == 0 || schedule.pattern == 0xff || schedule.pattern == 0xcb || schedule.pattern == 0x3d);
    } else {
        die("unknown schedule %s: forward, reverse, shuffle and idle exist", name);
    }
    unsigned pattern;
    if (!name[length]) return;
    if (sscanf(name + length, " fill %2x", &pattern) != 1) die("schedule %s: `%.*s fill 7f` would be one", name, int(length), name);
    schedule.pattern = uint8_t(pattern);
}

void read_schedule_from_environment() {
    const char *name = getenv("MUSL_SCHEDULE"), *seed = getenv("MUSL_SEED");
    if (name) set_schedule(name, seed ? strtoull(seed, nullptr, 10) : 0);
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// A shuffle is the map position -> factor * position + offset modulo count, factor and count coprime.
BlockOrder::BlockOrder(uint64_t count, uint64_t launch) : count(count), factor(1), offset(0) {
    if (schedule.order != Order::shuffle || count < 2) return;
    uint64_t random = mix(schedule.seed, launch);
    offset = random % count;
    factor = mix(random, 1) % count;
    while (factor == 0 || greatest_common_divisor(factor, count) != 1) factor = (factor + 1) % count;
}

uint64_t BlockOrder::at(uint64_t position) const {
    if (schedule.order == Order::reverse) return count - 1 - position;
    if (schedule.order == Order::forward) return position;
    return uint64_t((static_cast<unsigned __int128>(factor) * position + offset) % count);
}

void order_threads(uint16_t *threads, int count, uint64_t salt) {
    if (schedule.order == Order::reverse) {
        for (int i = 0; i < count; i++) threads[i] = uint16_t(count - 1 - i);
        return;
    }
    for (int i = 0; i < count; i++) threads[i] = uint16_t(i);
    if (schedule.order == Order::forward) return;
    uint64_t state = mix(schedule.seed, salt);
    for (int i = count - 1; i > 0; i--) {  // Fisher-Yates
        state = state * 6364136223846793005ull + 1442695040888963407ull;  // Knuth's MMIX generator
        int j = int((state >> 32) * uint64_t(i + 1) >> 32);
        uint16_t other = threads[i];
        threads[i] = threads[j];
        threads[j] = other;
    }
}

}  // namespace musl
