/*
 * provider_files.c -- the files of a catalog, read.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "catalog/provider_files.h"
#include "catalog/provider_store.h"

#define EXTENSION ".json"
#define SCHEMA_EXTENSION ".schema.json"

char *
cn_provider_directory(void)
{
	char		share[MAXPGPATH];

	get_share_path(my_exec_path, share);
	return psprintf("%s/extension/connector", share);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t		len = strlen(text);
	size_t		end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static int
compare_file(const void *a, const void *b)
{
	return strcmp(((const CnProviderFile *) a)->name, ((const CnProviderFile *) b)->name);
}

/* The bytes of a file, NUL-terminated, or NULL and a problem. */
static char *
read_bytes(const char *path, int64 *len, CnProblems *problems)
{
	FILE	   *file = AllocateFile(path, PG_BINARY_R);
	struct stat st;
	char	   *data = NULL;

	if (file == NULL || fstat(fileno(file), &st) != 0)
		cn_problem(problems, "$", "the file cannot be read: %m");
	else if (!S_ISREG(st.st_mode))
		cn_problem(problems, "$", "it is no file");
	else if (st.st_size > CN_PROVIDER_MAX_LEN)
		cn_problem(problems, "$", "the file is larger than %d bytes", CN_PROVIDER_MAX_LEN);
	else
	{
		data = palloc(st.st_size + 1);
		*len = fread(data, 1, st.st_size, file);
		data[*len] = '\0';
	}
	if (file)
		FreeFile(file);
	return data;
}

static void
read_file(CnProviderFile *file, const char *directory)
{
	CnJsonError error;
	int64		len;
	char	   *data = read_bytes(psprintf("%s/%s" EXTENSION, directory, file->name), &len,
								  &file->problems);

	if (data == NULL)
		return;
	file->definition = cn_json_parse(data, len, NULL, &error);
	if (file->definition == NULL)
		cn_problem(&file->problems, "$", "it is not JSON: %s, at byte " INT64_FORMAT,
				   error.message, error.offset);
}

int
cn_provider_files(const char *directory, CnProviderFile **files)
{
	DIR		   *dir = AllocateDir(directory);
	struct dirent *entry;
	int			count = 0;
	int			room = 32;

	*files = palloc0(sizeof(CnProviderFile) * room);
	while ((entry = ReadDir(dir, directory)) != NULL)
	{
		if (!ends_with(entry->d_name, EXTENSION) || ends_with(entry->d_name, SCHEMA_EXTENSION))
			continue;
		if (count == room)
		{
			room *= 2;
			*files = repalloc(*files, sizeof(CnProviderFile) * room);
		}
		memset(&(*files)[count], 0, sizeof(CnProviderFile));
		(*files)[count++].name = pnstrdup(entry->d_name, strlen(entry->d_name) - strlen(EXTENSION));
	}
	FreeDir(dir);
	qsort(*files, count, sizeof(CnProviderFile), compare_file);
	for (int i = 0; i < count; i++)
		read_file(&(*files)[i], directory);
	return count;
}
