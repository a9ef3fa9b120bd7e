/*
 * bare.c -- the limit beside bench/sync: libcurl alone, one easy handle, keep-alive.
 *
 *   bare URL COUNT
 *
 * Prints, for COUNT requests: mean, median and 99th percentile of the time per call
 * in microseconds, and CPU microseconds per call.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static size_t
discard(char *data, size_t size, size_t count, void *arg)
{
	(void) data;
	(void) arg;
	return size * count;
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double
cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

static int
by_value(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	int			count = argc == 3 ? atoi(argv[2]) : 0;
	double	   *times;
	double		start;
	double		cpu;
	CURL	   *easy;

	if (count < 1)
	{
		fprintf(stderr, "usage: bare URL COUNT\n");
		return 2;
	}
	times = malloc(sizeof(double) * count);
	curl_global_init(CURL_GLOBAL_ALL);
	easy = curl_easy_init();
	curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_perform(easy);	/* connects */

	start = now_us();
	cpu = cpu_us();
	for (int i = 0; i < count; i++)
	{
		double		begin = now_us();
		CURLcode	rc = curl_easy_perform(easy);

		if (rc != CURLE_OK)
		{
			fprintf(stderr, "bare: %s\n", curl_easy_strerror(rc));
			return 1;
		}
		times[i] = now_us() - begin;
	}
	start = now_us() - start;
	cpu = cpu_us() - cpu;
	qsort(times, count, sizeof(double), by_value);
	printf("%.1f %.1f %.1f %.1f\n", start / count, times[count / 2], times[count * 99 / 100],
		   cpu / count);
	curl_easy_cleanup(easy);
	curl_global_cleanup();
	free(times);
	return 0;
}
