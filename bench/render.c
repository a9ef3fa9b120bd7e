/*
 * render.c -- what compiling a definition and rendering its request cost, outside the server.
 *
 *   render DEFINITION INPUT COUNT
 *
 * Files of JSON: a definition of one step, and its input.  The pure modules are
 * compiled as the server has them; memory is an arena that is emptied after each
 * turn, as the server resets a context.
 *
 * Prints bytes of the definition, references in it, bytes rendered, and
 * microseconds to compile it and to render its request.
 */
#include "postgres_fe.h"

#include <time.h>

#include "catalog/definition.h"

/* ---- memory ---- */

#define ARENA_SIZE (64 * 1024 * 1024)

static char arena[ARENA_SIZE] pg_attribute_aligned(MAXIMUM_ALIGNOF);
static size_t arena_used = 0;

/* The size stands before each block, for repalloc. */
static void *
allocate(size_t size)
{
	size_t	   *block = (size_t *) (arena + arena_used);

	arena_used += MAXALIGN(sizeof(size_t)) + MAXALIGN(size);
	if (arena_used > ARENA_SIZE)
	{
		fprintf(stderr, "render: out of memory\n");
		exit(1);
	}
	*block = size;
	return (char *) block + MAXALIGN(sizeof(size_t));
}

/* ---- common/fe_memutils.h: what is asked for, so that the linker does not take the library's ---- */

void *
palloc(Size size)
{
	return allocate(size);
}

void *
palloc0(Size size)
{
	return memset(allocate(size), 0, size);
}

void *
repalloc(void *old, Size size)
{
	size_t		had = *(size_t *) ((char *) old - MAXALIGN(sizeof(size_t)));

	return size <= had ? old : memcpy(allocate(size), old, had);
}

void
pfree(void *old)
{
}

char *
pnstrdup(const char *in, Size size)
{
	size_t		len = strnlen(in, size);
	char	   *out = allocate(len + 1);

	out[len] = '\0';
	return memcpy(out, in, len);
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

/* ---- what is measured ---- */

static const CnJson *input;
static int	references = 0;

/* The values an execution has beside its input. */
static const CnJson *
root(void *arg, const char *name)
{
	static CnJsonMember id = {.key = "id",.key_len = 2};

	if (strcmp(name, "input") == 0)
		return input;
	if (strcmp(name, "now") == 0)
		return cn_json_string("2026-01-02T03:04:05.000000Z", -1);
	id.value = cn_json_string("019c13ec-9e00-7000-8000-000000000000", -1);
	return strcmp(name, "execution") == 0 ? cn_json_object(&id, 1) : NULL;
}

static void
fail(const char *path, const char *message)
{
	fprintf(stderr, "render: %s: %s\n", path, message);
	exit(1);
}

static CnStepDef *
compile(const char *text)
{
	CnProblems	problems = {NULL, 0};
	CnJsonError error;
	CnJson	   *tree = cn_json_parse(text, strlen(text), NULL, &error);
	CnDefinition *definition;

	if (tree == NULL)
		fail("the definition", error.message);
	definition = cn_definition_compile(tree, NULL, NULL, &problems);
	if (definition == NULL)
		fail(problems.list[0].path, problems.list[0].message);
	return definition->steps[0];
}

/* URL, query, headers and body, each where src/engine/request.c would put it. */
static int
render(const CnStepDef *step, const CnScope *scope)
{
	StringInfoData out;
	CnTemplateError error;
	const char *path = ".url";

	initStringInfo(&out);
	if (!cn_template_render(step->url, scope, &out, &error))
		fail(path, error.message);
	for (int i = 0; i < step->query_count; i++)
	{
		const CnPair *pair = &step->query[i];
		const CnJson *value = pair->fixed ? pair->fixed
			: cn_json_template_eval(pair->value, scope, &error, &path);
		const char *text;
		int			len;

		if (value == NULL)
			fail(path, error.message);
		text = cn_expr_text(value, &len);
		cn_escape_component(&out, pair->name, strlen(pair->name));
		cn_escape_component(&out, text, len);
	}
	for (int i = 0; i < step->header_count; i++)
		if (!cn_template_render(step->headers[i].value, scope, &out, &error))
			fail(step->headers[i].path, error.message);
	if (!cn_json_template_render(step->body_json, scope, &out, &error, &path))
		fail(path, error.message);
	return out.len;
}

/* ---- the program ---- */

static char *
read_file(const char *name)
{
	FILE	   *file = fopen(name, "r");
	char	   *text = allocate(65536);

	if (file == NULL)
		fail(name, "cannot be opened");
	text[fread(text, 1, 65535, file)] = '\0';
	fclose(file);
	return text;
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void
count_references(const char *text)
{
	for (const char *at = strstr(text, "{{"); at; at = strstr(at + 2, "{{"))
		references++;
}

int
main(int argc, char **argv)
{
	int			count = argc == 4 ? atoi(argv[3]) : 0;
	CnScope		scope = {root, NULL, 1024 * 1024};
	CnStepDef  *step;
	CnJsonError error;
	char	   *definition;
	char	   *given;
	size_t		kept;
	double		start;
	double		compile_us;
	int			bytes = 0;

	if (count < 1)
	{
		fprintf(stderr, "usage: render DEFINITION INPUT COUNT\n");
		return 2;
	}
	definition = read_file(argv[1]);
	given = read_file(argv[2]);
	input = cn_json_parse(given, strlen(given), NULL, &error);
	if (input == NULL)
		fail(argv[2], error.message);
	count_references(definition);
	step = compile(definition);
	kept = arena_used;

	start = now_us();
	for (int i = 0; i < count; i++, arena_used = kept)
		(void) compile(definition);
	compile_us = (now_us() - start) / count;
	start = now_us();
	for (int i = 0; i < count; i++, arena_used = kept)
		bytes = render(step, &scope);
	printf("%zu %d %d %.2f %.2f\n", strlen(definition), references, bytes, compile_us,
		   (now_us() - start) / count);
	return 0;
}
