/*
 * tap.c -- results as TAP, and the reader of case files.
 *
 * A case file has three lines a case: program, input, output; an empty line
 * ends it, a line that begins with '#' is a comment.  The name of a case is
 * its file, line and program, so a failure can be found with an editor.
 */
#include "tap.h"

#include "shim.h"

static int	count = 0;
static int	failed = 0;

static void report(bool passed, const char *format, va_list args);
static void diagnose(const char *what, const char *text);
static bool read_line(FILE *file, char **line, size_t *size, int *number);

bool
tap_ok(bool passed, const char *name,...)
{
	va_list		args;

	va_start(args, name);
	report(passed, name, args);
	va_end(args);
	shim_reset();
	return passed;
}

bool
tap_is(const char *got, const char *wanted, const char *name,...)
{
	bool		passed = got == wanted || (got != NULL && wanted != NULL && strcmp(got, wanted) == 0);
	va_list		args;

	va_start(args, name);
	report(passed, name, args);
	va_end(args);
	if (!passed)
	{
		diagnose("got", got);
		diagnose("wanted", wanted);
	}
	shim_reset();
	return passed;
}

bool
tap_is_int(int64 got, int64 wanted, const char *name,...)
{
	va_list		args;

	va_start(args, name);
	report(got == wanted, name, args);
	va_end(args);
	if (got != wanted)
		printf("# got " INT64_FORMAT ", wanted " INT64_FORMAT "\n", got, wanted);
	shim_reset();
	return got == wanted;
}

static void
report(bool passed, const char *format, va_list args)
{
	char		name[512];
	char	   *p;

	vsnprintf(name, sizeof(name), format, args);
	for (p = name; *p != '\0'; p++)
	{
		/* '#' would begin a directive */
		if (*p == '#' || (unsigned char) *p < ' ')
			*p = '.';
	}
	count++;
	failed += !passed;
	printf("%sok %d - %s\n", passed ? "" : "not ", count, name);
	fflush(stdout);
}

static void
diagnose(const char *what, const char *text)
{
	printf("# %8s: %s\n", what, text == NULL ? "(null)" : text);
}

int
tap_done(void)
{
	printf("1..%d\n", count);
	shim_reset();
	return failed > 0;
}

void
tap_run_cases(const char *path, TapCase run)
{
	FILE	   *file = fopen(path, "r");
	char	   *line[3] = {NULL, NULL, NULL};
	size_t		size[3] = {0, 0, 0};
	int			number = 0;
	int			first;

	if (file == NULL)
	{
		tap_ok(false, "open %s", path);
		return;
	}
	while (read_line(file, &line[0], &size[0], &number))
	{
		first = number;
		if (line[0][0] == '\0' || line[0][0] == '#')
			continue;
		if (!read_line(file, &line[1], &size[1], &number) ||
			!read_line(file, &line[2], &size[2], &number))
		{
			tap_ok(false, "%s:%d is cut short", path, first);
			break;
		}
		tap_is(run(line[0], line[1]), line[2], "%s:%d %s", path, first, line[0]);
	}
	fclose(file);
	free(line[0]);
	free(line[1]);
	free(line[2]);
}

/* One line without its end; false at the end of the file. */
static bool
read_line(FILE *file, char **line, size_t *size, int *number)
{
	ssize_t		len = getline(line, size, file);

	if (len < 0)
		return false;
	if (len > 0 && (*line)[len - 1] == '\n')
		(*line)[len - 1] = '\0';
	++*number;
	return true;
}
