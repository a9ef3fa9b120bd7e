/*
 * standalone.c -- main() for fuzz targets where libFuzzer is not to be had.
 *
 *   fuzz_json [-runs=N] [-seed=S] [-dict=WORDS] FILE-OR-DIRECTORY...
 *
 * Runs every file, then N mutations of them: bytes changed, cut out, doubled,
 * words of the dictionary put in, two files joined.  The sequence depends on
 * the seed and the files only (they are sorted), so a crash can be repeated.
 * Before it dies the process writes the input that killed it to crash-NAME and
 * says so.  It measures no coverage; it is for a short look in every build.
 */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "shim.h"

#define INPUT_MAX 4096
#define WORDS_MAX 512

typedef struct Input
{
	uint8_t    *data;
	size_t		size;
} Input;

/* Both end with a death: of the sanitizers, and of abort() and signals. */
extern void __sanitizer_set_death_callback(void (*callback) (void)) __attribute__((weak));

static Input current;
static Input *files = NULL;
static int	nfiles = 0;
static char *words[WORDS_MAX];
static int	nwords = 0;
static uint64 state = 1;
static const char *program;

static uint32
next_random(uint32 below)
{
	/* xorshift64*, Vigna 2016 */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32) ((state * UINT64CONST(2685821657736338717)) >> 32) % below;
}

/* ---- dying ---- */

static void
save_current(void)
{
	static bool saved = false;
	const char *slash = strrchr(program, '/');
	char		path[256];
	FILE	   *file;

	if (saved)
		return;
	saved = true;
	snprintf(path, sizeof(path), "crash-%s", slash == NULL ? program : slash + 1);
	file = fopen(path, "w");
	if (file == NULL)
		return;
	fwrite(current.data, 1, current.size, file);
	fclose(file);
	fprintf(stderr, "the input, %zu bytes, is in %s\n", current.size, path);
}

static void
die(int signal_number)
{
	save_current();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* ---- reading ---- */

static void
add_file(const char *path)
{
	FILE	   *file = fopen(path, "r");
	Input		input;

	if (file == NULL)
	{
		perror(path);
		exit(2);
	}
	input.data = malloc(INPUT_MAX);
	input.size = fread(input.data, 1, INPUT_MAX, file);
	fclose(file);
	files = realloc(files, sizeof(Input) * (nfiles + 1));
	files[nfiles++] = input;
}

static void
add_path(const char *path)
{
	struct stat st;
	struct dirent **entries;
	int			count;
	int			i;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
	{
		add_file(path);
		return;
	}
	count = scandir(path, &entries, NULL, alphasort);
	for (i = 0; i < count; i++)
	{
		char		name[4096];

		if (entries[i]->d_name[0] != '.')
		{
			snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
			add_file(name);
		}
		free(entries[i]);
	}
	free(entries);
}

/* One word a line; as libFuzzer's dictionaries, without quotes and escapes. */
static void
read_words(const char *path)
{
	FILE	   *file = fopen(path, "r");
	char		line[256];

	if (file == NULL)
	{
		perror(path);
		exit(2);
	}
	while (nwords < WORDS_MAX && fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0')
			words[nwords++] = strdup(line);
	}
	fclose(file);
}

/* ---- mutating ---- */

/* Replace cut bytes at pos by size others, as far as there is room. */
static void
splice(size_t pos, size_t cut, const void *data, size_t size)
{
	cut = Min(cut, current.size - pos);
	size = Min(size, INPUT_MAX - (current.size - cut));
	memmove(current.data + pos + size, current.data + pos + cut, current.size - pos - cut);
	memcpy(current.data + pos, data, size);
	current.size += size - cut;
}

static void
mutate_once(void)
{
	static const uint8_t odd[] = {0x00, 0x01, 0x0A, 0x0D, 0x22, 0x27, 0x5C, 0x7B, 0x7D, 0x7F, 0x80, 0xC3, 0xED, 0xF0, 0xFF};
	size_t		pos = next_random(current.size + 1);
	uint8_t		piece[64];
	const Input *other;
	const char *word;
	size_t		size;

	switch (next_random(8))
	{
		case 0:
			piece[0] = (uint8_t) next_random(256);
			splice(pos, 1, piece, 1);
			break;
		case 1:
			splice(pos, 1, &odd[next_random(sizeof(odd))], 1);
			break;
		case 2:
			splice(pos, 0, &odd[next_random(sizeof(odd))], 1);
			break;
		case 3:
			splice(pos, 1 + next_random(8), "", 0);
			break;
		case 4:
			size = Min(1 + next_random(sizeof(piece)), current.size - pos);
			memcpy(piece, current.data + pos, size);
			splice(next_random(current.size + 1), 0, piece, size);
			break;
		case 5:
			other = &files[next_random(nfiles)];
			size = next_random(other->size + 1);
			splice(pos, current.size, other->data + size, other->size - size);
			break;
		default:
			word = nwords > 0 ? words[next_random(nwords)] : "0";
			splice(pos, next_random(2) * strlen(word), word, strlen(word));
			break;
	}
}

static void
run(void)
{
	uint8_t    *copy = malloc(current.size == 0 ? 1 : current.size);

	/* of the exact size, and out of reach for the target */
	memcpy(copy, current.data, current.size);
	LLVMFuzzerTestOneInput(copy, current.size);
	free(copy);
	shim_reset();
}

static void
run_file(const Input *input)
{
	memcpy(current.data, input->data, input->size);
	current.size = input->size;
	run();
}

int
main(int argc, char **argv)
{
	long		runs = 10000;
	long		i;
	int			changes;

	program = argv[0];
	for (i = 1; i < argc; i++)
	{
		if (strncmp(argv[i], "-runs=", 6) == 0)
			runs = atol(argv[i] + 6);
		else if (strncmp(argv[i], "-seed=", 6) == 0)
			state = strtoull(argv[i] + 6, NULL, 10) * UINT64CONST(0x9E3779B97F4A7C15) + 1;
		else if (strncmp(argv[i], "-dict=", 6) == 0)
			read_words(argv[i] + 6);
		else
			add_path(argv[i]);
	}
	if (nfiles == 0)
	{
		fprintf(stderr, "%s: no input\n", argv[0]);
		return 2;
	}
	current.data = malloc(INPUT_MAX);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(save_current);
	signal(SIGABRT, die);

	for (i = 0; i < nfiles; i++)
		run_file(&files[i]);
	for (i = 0; i < runs; i++)
	{
		const Input *input = &files[next_random(nfiles)];

		memcpy(current.data, input->data, input->size);
		current.size = input->size;
		for (changes = 1 + next_random(6); changes > 0; changes--)
			mutate_once();
		run();
	}
	printf("%s: %d files, %ld mutations\n", argv[0], nfiles, runs);
	return 0;
}
