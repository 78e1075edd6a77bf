/* getaddrinfo for names of a file, which is read afresh for each lookup: in any thread.
 *
 * Preloaded by moving_names.py. A line of the file has an IP address and its names, the canonical
 * one first; the variable MOVING_NAMES says where the file is. It is replaced as a whole.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Finds the line of a name; returns its address and its canonical name in `line`, or NULL. */
static char *find(const char *name, char *line, int size, char **canonical)
{
    const char *path = getenv("MOVING_NAMES");
    FILE *file = path ? fopen(path, "re") : NULL;
    char *address = NULL;

    while (file && !address && fgets(line, size, file)) {
        char *rest, *start = strtok_r(line, " \n", &rest), *each;

        *canonical = NULL;
        while (start && !address && (each = strtok_r(NULL, " \n", &rest))) {
            if (!*canonical)
                *canonical = each;
            if (strcasecmp(each, name) == 0)
                address = start;
        }
    }
    if (file)
        fclose(file);
    return address;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    lookup *next = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    char line[8192], *canonical = NULL;
    char *address = node ? find(node, line, sizeof line, &canonical) : NULL;
    int error = next(address ? address : node, service, hints, found);

    if (address && !error && (*found)->ai_canonname) {
        free((*found)->ai_canonname);
        (*found)->ai_canonname = strdup(canonical);
    }
    return error;
}
