/* Gravity between all pairs of bodies, softened so that a body does not meet itself. */

#include <math.h>

struct body {
    float x, y, z;
    float vx, vy, vz;
    float mass;
};

/* Velocities after `dt` under the attraction of all bodies. Positions are only read. */
void nbody_kick(int n, struct body *bodies, float dt, float softening)
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

void nbody_drift(int n, struct body *bodies, float dt)
{
    for (int i = 0; i < n; i++) {
        struct body *b = &bodies[i];
        b->x += dt * b->vx;
        b->y += dt * b->vy;
        b->z += dt * b->vz;
    }
}
