/* Particles in a box: an array of structures with a nested vector. */

typedef struct {
    double x, y;
} vec2;

typedef struct {
    vec2 position;
    vec2 velocity;
    int bounces;
} particle;

typedef struct {
    vec2 low, high;
} box;

/* Moves one coordinate and reflects it at the walls. */
static int reflect(double *position, double *velocity, double low, double high)
{
    if (*position < low) {
        *position = 2.0 * low - *position;
        *velocity = -*velocity;
        return 1;
    }
    if (*position > high) {
        *position = 2.0 * high - *position;
        *velocity = -*velocity;
        return 1;
    }
    return 0;
}

/* Moves all particles by dt inside `walls`. */
void advance(int n, particle *particles, box walls, double dt)
{
    for (int i = 0; i < n; i++) {
        particle *p = &particles[i];
        p->position.x += dt * p->velocity.x;
        p->position.y += dt * p->velocity.y;
        p->bounces += reflect(&p->position.x, &p->velocity.x, walls.low.x, walls.high.x);
        p->bounces += reflect(&p->position.y, &p->velocity.y, walls.low.y, walls.high.y);
    }
}

double kinetic_energy(int n, const particle *particles)
{
    double energy = 0.0;
    for (int i = 0; i < n; i++) {
        const vec2 v = particles[i].velocity;
        energy += 0.5 * (v.x * v.x + v.y * v.y);
    }
    return energy;
}
