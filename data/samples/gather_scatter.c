/* Indirect access: what an iteration touches depends on data. */

/* out[i] = table[index[i]]: any index may repeat, reads never conflict. */
void gather(int n, const int *index, const float *table, float *out)
{
    for (int i = 0; i < n; i++)
        out[i] = table[index[i]];
}

/* Sums meet where an index repeats; additions may come in any order. */
void scatter_add(int n, const int *index, const double *x, double *out)
{
    for (int i = 0; i < n; i++)
        out[index[i]] += x[i];
}

/* Where an index repeats, the last iteration wins: parallel only if it does not, or if the order is kept. */
void scatter(int n, const int *index, const float *x, float *out)
{
    for (int i = 0; i < n; i++)
        out[index[i]] = x[i];
}

/* All write the same value, so the order does not matter. */
void mark(int n, const int *index, int *seen)
{
    for (int i = 0; i < n; i++)
        seen[index[i]] = 1;
}

/* Largest value that reached each slot. */
void scatter_max(int n, const int *slot, const int *x, int *largest)
{
    for (int i = 0; i < n; i++)
        if (x[i] > largest[slot[i]])
            largest[slot[i]] = x[i];
}
