/* What PyCUDA is linked with and the worker never calls; see libcuda.c. */
int curandGetDirectionVectors32(void);
int curandGetDirectionVectors32(void) { return 1; }
int curandGetDirectionVectors64(void);
int curandGetDirectionVectors64(void) { return 1; }
int curandGetScrambleConstants32(void);
int curandGetScrambleConstants32(void) { return 1; }
int curandGetScrambleConstants64(void);
int curandGetScrambleConstants64(void) { return 1; }
int curandGetVersion(void);
int curandGetVersion(void) { return 1; }
