/*
 * provider_files.h -- the files of a catalog, read.
 */
#ifndef CN_CATALOG_PROVIDER_FILES_H
#define CN_CATALOG_PROVIDER_FILES_H

#include "postgres.h"

#include "catalog/definition.h"

typedef struct CnProviderFile
{
	char	   *name;			/* of the file, without ".json" */
	CnJson	   *definition;		/* NULL: it could not be read */
	CnProblems	problems;		/* why */
} CnProviderFile;

/* Where `make install` puts the catalog. */
extern char *cn_provider_directory(void);

/*
 * All files of directory whose names end with ".json", but for schemas (".schema.json"), in order of
 * their names, in the current context; returns how many.  Raises if there is no such directory.
 */
extern int	cn_provider_files(const char *directory, CnProviderFile **files);

#endif							/* CN_CATALOG_PROVIDER_FILES_H */
