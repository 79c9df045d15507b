// Generated from data/samples/nbody.c: see test_golden.py.
#include "prelude.cuh"

#include <math.h>

extern "C" {

/* Gravity between all pairs of bodies, softened so that a body does not meet itself. */


struct body {
    float x, y, z;
    float vx, vy, vz;
    float mass;
};

/* Velocities after `dt` under the attraction of all bodies. Positions are only read. */
// nbody_kick: parallel over i (line 14)
__global__ void nbody_kick_kernel(struct body *__restrict__ bodies, int n, float softening, float dt) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float ax = 0.0f;
        float ay = 0.0f;
        float az = 0.0f;
        for (int j = 0; j < n; j++) {
            float dx = bodies[j].x - bodies[i].x;
            float dy = bodies[j].y - bodies[i].y;
            float dz = bodies[j].z - bodies[i].z;
            float d2 = dx * dx + dy * dy + dz * dz + softening;
            float inv = 1.0f / sqrtf(d2);
            float s = bodies[j].mass * inv * inv * inv;
            ax += dx * s;
            ay += dy * s;
            az += dz * s;
        }
        bodies[i].vx += dt * ax;
        bodies[i].vy += dt * ay;
        bodies[i].vz += dt * az;
    }
}

static void nbody_kick_sequential(int n, struct body *bodies, float dt, float softening)
{
    for (int i = 0; i < n; i++) {
        float ax = 0.0f, ay = 0.0f, az = 0.0f;
        for (int j = 0; j < n; j++) {
            float dx = bodies[j].x - bodies[i].x;
            float dy = bodies[j].y - bodies[i].y;
            float dz = bodies[j].z - bodies[i].z;
            float d2 = dx * dx + dy * dy + dz * dz + softening;
            float inv = 1.0f / sqrtf(d2);
            float s = bodies[j].mass * inv * inv * inv;
            ax += dx * s;
            ay += dy * s;
            az += dz * s;
        }
        bodies[i].vx += dt * ax;
        bodies[i].vy += dt * ay;
        bodies[i].vz += dt * az;
    }
}

static void nbody_kick_on_device(struct body *bodies, int n, float dt, float softening) {
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        nbody_kick_kernel<<<grid, block>>>(bodies, n, softening, dt);
        MUSL_CHECK(cudaGetLastError());
    }
}

void nbody_kick(int n, struct body *bodies, float dt, float softening) {
    musl_range bodies_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        bodies_used.add(0, n - 1);
    }
    if (bodies_used.empty()) {  // the sequential path
        nbody_kick_sequential(n, bodies, dt, softening);
        return;
    }
    auto d_bodies = musl_upload(bodies, bodies_used, true);
    nbody_kick_on_device((struct body *)d_bodies, n, dt, softening);
    musl_download(bodies, d_bodies, bodies_used);
    musl_release(d_bodies, bodies_used);
}

// nbody_drift: parallel over i (line 35)
__global__ void nbody_drift_kernel(struct body *bodies, int n, float dt) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        struct body *b = &bodies[i];
        b->x += dt * b->vx;
        b->y += dt * b->vy;
        b->z += dt * b->vz;
    }
}

static void nbody_drift_sequential(int n, struct body *bodies, float dt)
{
    for (int i = 0; i < n; i++) {
        struct body *b = &bodies[i];
        b->x += dt * b->vx;
        b->y += dt * b->vy;
        b->z += dt * b->vz;
    }
}

static void nbody_drift_on_device(struct body *bodies, int n, float dt) {
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        nbody_drift_kernel<<<grid, block>>>(bodies, n, dt);
        MUSL_CHECK(cudaGetLastError());
    }
}

void nbody_drift(int n, struct body *bodies, float dt) {
    musl_range bodies_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        bodies_used.add(0, n - 1);
    }
    if (bodies_used.empty()) {  // the sequential path
        nbody_drift_sequential(n, bodies, dt);
        return;
    }
    auto d_bodies = musl_upload(bodies, bodies_used, true);
    nbody_drift_on_device((struct body *)d_bodies, n, dt);
    musl_download(bodies, d_bodies, bodies_used);
    musl_release(d_bodies, bodies_used);
}

}  // extern "C"
