/* Environment variables of conventions that are older than this library: where the cache is, how
 * the Hugging Face Hub is reached. */
#ifndef BL_CORE_ENV_H
#define BL_CORE_ENV_H

/* The value of a variable; NULL when it is not set or empty. */
const char *bl_env(const char *name);

/* The same for one that says what to run: NULL as well in a program with rights that its user does
 * not have. */
const char *bl_env_trusted(const char *name);

/* Is it 1, true, yes or on, in any case? */
int bl_env_is_on(const char *name);

/* Its value as a number of seconds above 0, or `fallback`. */
double bl_env_seconds(const char *name, double fallback);

#endif
