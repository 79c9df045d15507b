/* All-pairs shortest paths and reachability.
 *
 * The loop over k stays sequential. Within one k, every (i, j) is independent where row k and column k do not
 * change. */

#define NO_PATH 1000000000

/* The textbook form. Row k and column k are rewritten with their own values unless dist[k][k] is negative (a negative
   cycle): a translation has to see to that case before it may run (i, j) in any order. */
void floyd_warshall(int n, int *dist)
{
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                const int through = dist[i * n + k] + dist[k * n + j];
                if (through < dist[i * n + j])
                    dist[i * n + j] = through;
            }
        }
    }
}

/* Warshall's transitive closure; row k and column k are left out, since k itself adds nothing to them. */
void transitive_closure(int n, unsigned char *reach)
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                if (i != k && j != k)
                    reach[i * n + j] |= reach[i * n + k] & reach[k * n + j];
}

/* Distances from edge weights: 0 on the diagonal, NO_PATH where there is no edge. */
void distances_from_weights(int n, const unsigned char *weight, int *dist)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            dist[i * n + j] = i == j ? 0 : weight[i * n + j] ? weight[i * n + j] : NO_PATH;
}
