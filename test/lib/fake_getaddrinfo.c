/*
 * fake_getaddrinfo.c -- name resolution as a test wants it; preloaded into a server.
 *
 *	 cc -shared -fPIC -o fake_getaddrinfo.so fake_getaddrinfo.c
 *	 LD_PRELOAD=.../fake_getaddrinfo.so FAKE_HOSTS=/path/to/file
 *
 * FAKE_HOSTS names a file that is read at each look-up: a line has a name and what it resolves to, one or
 * more addresses, or the word "hang" (for ten minutes), or "fail".  Behind "first" stand words for the first
 * look-up of a process only, up to "then".  All other names are none of our business.
 * "127.0.0.1:8443" is an address, too: whatever port is asked for, that one is given, for servers that cannot
 * have the port of a URL that is written out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*Resolver) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* find_line -- the words behind name, in line; 0 if there is no such line. */
static int
find_line(const char *name, char *line, int size, char **words)
{
	const char *file = getenv("FAKE_HOSTS");
	FILE	   *hosts = file ? fopen(file, "re") : NULL;
	int			found = 0;

	while (hosts && !found && fgets(line, size, hosts))
	{
		char	   *word = strtok_r(line, " \t\n", words);

		found = word && strcasecmp(word, name) == 0;
	}
	if (hosts)
		fclose(hosts);
	return found;
}

/*
 * next_word -- of those that count: behind "first" either the ones before "then" or, but for the first look-up
 * in this process, the ones behind it.
 */
static char *
next_word(char **words)
{
	static int	lookups = 0;
	char	   *word = strtok_r(NULL, " \t\n", words);

	if (word && strcmp(word, "first") == 0)
	{
		word = strtok_r(NULL, " \t\n", words);
		if (__atomic_fetch_add(&lookups, 1, __ATOMIC_RELAXED) == 0)
			return word;
		while (word && strcmp(word, "then") != 0)
			word = strtok_r(NULL, " \t\n", words);
		return word ? strtok_r(NULL, " \t\n", words) : NULL;
	}
	return word && strcmp(word, "then") == 0 ? NULL : word;
}

/* Cut the port off an IPv4 address: NULL if there is none. */
static const char *
split_port(char *word)
{
	char	   *colon = strchr(word, ':');

	if (colon == NULL || strchr(colon + 1, ':'))
		return NULL;
	*colon = '\0';
	return colon + 1;
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	Resolver	real = (Resolver) dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo numeric = {0};
	struct addrinfo **end = result;
	char		line[1000];
	char	   *rest;
	char	   *word;
	const char *port;

	if (node == NULL || !find_line(node, line, sizeof(line), &rest))
		return real(node, service, hints, result);

	if (hints)
		numeric = *hints;
	numeric.ai_flags |= AI_NUMERICHOST;
	numeric.ai_family = AF_UNSPEC;
	*result = NULL;
	while ((word = next_word(&rest)) != NULL)
	{
		if (strcmp(word, "hang") == 0)
			sleep(600);
		else if ((port = split_port(word)), real(word, port ? port : service, &numeric, end) == 0)
		{
			/* freeaddrinfo() frees each link by itself, so lists can be joined */
			while (*end)
				end = &(*end)->ai_next;
		}
	}
	return *result ? 0 : EAI_NONAME;
}
