/*
 * keyring.c -- the master keys.
 *
 * Read at first use in a process and again after a reload of the settings or
 * a change of the file.  The keys lie in pages that no core dump shows.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base64.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "core/chars.h"
#include "core/compat.h"
#include "credentials/keyring.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

/* A key file of a hundred keys has about 10 kB; more is a mistake. */
#define MAX_KEYRING_BYTES 65536
#define MAX_KEYS 256

typedef struct CnKeyring
{
	MemoryContext context;		/* of keys; NULL: not read yet */
	CnMasterKey *keys;
	int			count;
	struct stat file;			/* the file they were read from */
} CnKeyring;

static char *key_file;
static char *key_command;
static CnKeyring ring;

static void
forget_keys(void)
{
	if (ring.context)
		MemoryContextDelete(ring.context);
	memset(&ring, 0, sizeof(ring));
}

static void
assign_source(const char *newval, void *extra)
{
	/* Called at every reload, also in the postmaster, which has no keys. */
	forget_keys();
}

void
cn_keyring_init(void)
{
	DefineCustomStringVariable("connector.key_file",
							   "File with the keys that encrypt credentials.",
							   "Lines <key id>:<64 hex digits or base64 of 32 bytes>; the first key encrypts, all decrypt.",
							   &key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, assign_source, NULL);
	DefineCustomStringVariable("connector.key_command",
							   "Shell command that prints the keys, in the form of connector.key_file.",
							   NULL,
							   &key_command, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, assign_source, NULL);
}

static const char *
source_name(void)
{
	return key_file[0] ? key_file : "connector.key_command";
}

static void
malformed(int line, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("the keys of connector are malformed"),
			 errdetail("%s, line %d: %s.", source_name(), line, problem),
			 errhint("Each line is <key id>:<64 hex digits or base64 of 32 bytes>.")));
}

/* Like the server's own check of a private key file. */
static void
check_file(const struct stat *st)
{
	const char *problem = NULL;

	if (!S_ISREG(st->st_mode))
		problem = "It is not a regular file.";
	else if (st->st_uid != geteuid() && st->st_uid != 0)
		problem = "It must belong to the server's user or to root.";
	else if (st->st_uid == geteuid() ? (st->st_mode & (S_IRWXG | S_IRWXO))
			 : (st->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)))
		problem = "Group or others have access to it.";
	if (problem)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("connector.key_file \"%s\" is not safe", key_file),
				 errdetail("%s", problem),
				 errhint("Use mode 0600 if the server's user owns it, 0640 if root does.")));
}

/* The file's bytes into buf; returns how many. */
static int
read_file(char *buf, struct stat *st)
{
	int			fd = OpenTransientFile(key_file, O_RDONLY | PG_BINARY);
	int			n;

	if (fd < 0 || fstat(fd, st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open connector.key_file \"%s\": %m", key_file),
				 errhint("Give the path of a key file that the server's user can read; docs/credentials.md shows how to make one.")));
	check_file(st);
	n = read(fd, buf, MAX_KEYRING_BYTES);
	if (n < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read connector.key_file \"%s\": %m", key_file)));
	CloseTransientFile(fd);
	return n;
}

/* The command's output into buf; waits on the latch, so that a cancel works. */
static int
read_command(char *buf)
{
	FILE	   *pipe = OpenPipeStream(key_command, "r");
	int			total = 0;
	int			rc;

	if (pipe == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not run connector.key_command: %m")));
	if (!pg_set_noblock(fileno(pipe)))
		elog(ERROR, "could not make a pipe non-blocking: %m");
	while (total < MAX_KEYRING_BYTES)
	{
		int			n = read(fileno(pipe), buf + total, MAX_KEYRING_BYTES - total);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
			break;
		if (n > 0)
		{
			total += n;
			continue;
		}
		(void) WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH,
								 fileno(pipe), -1, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	rc = ClosePipeStream(pipe);
	if (rc != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("connector.key_command failed"),
				 errdetail("It ended with status %d.", rc),
				 errhint("Run it as the server's user to see what is wrong; it must print keys in the form of connector.key_file.")));
	return total;
}

static bool
decode_key(const char *text, int len, unsigned char *out)
{
	char		raw[48];

	if (len == 64)
	{
		for (int i = 0; i < 32; i++)
		{
			int			high = cn_hex_value(text[2 * i]),
						low = cn_hex_value(text[2 * i + 1]);

			if (high < 0 || low < 0)
				return false;
			out[i] = high << 4 | low;
		}
		return true;
	}
	if (len != 44 || pg_b64_decode(text, len, raw, sizeof(raw)) != 32)
		return false;
	memcpy(out, raw, 32);
	cn_wipe(raw, sizeof(raw));
	return true;
}

/* One line, stripped of blanks and comment; len > 0. */
static void
add_key(const char *text, int len, int line)
{
	const char *colon = memchr(text, ':', len);
	int			id_len = colon ? colon - text : 0;
	CnMasterKey *key = &ring.keys[ring.count];

	if (ring.count == MAX_KEYS)
		malformed(line, "there are too many keys");
	if (id_len == 0 || id_len >= CN_KEY_ID_LEN)
		malformed(line, "a key id of 1 to 63 characters and a colon are expected");
	memcpy(key->id, text, id_len);
	for (int i = 0; i < id_len; i++)
		if (!isalnum((unsigned char) text[i]) && !strchr("._-", text[i]))
			malformed(line, "a key id has letters, digits, '.', '_' and '-' only");
	for (int i = 0; i < ring.count; i++)
		if (strcmp(ring.keys[i].id, key->id) == 0)
			malformed(line, "this key id was used before");
	if (!decode_key(colon + 1, len - id_len - 1, key->bytes))
		malformed(line, "the key is not 64 hex digits or base64 of 32 bytes");
	ring.count++;
}

static void
parse_keys(const char *text, int len)
{
	const char *end = text + len;
	int			line = 0;

	while (text < end)
	{
		const char *eol = memchr(text, '\n', end - text);
		const char *next = eol ? eol + 1 : end;
		const char *stop = eol ? eol : end;
		const char *comment = memchr(text, '#', stop - text);

		line++;
		if (comment)
			stop = comment;
		while (text < stop && isspace((unsigned char) *text))
			text++;
		while (stop > text && isspace((unsigned char) stop[-1]))
			stop--;
		if (stop > text)
			add_key(text, stop - text, line);
		text = next;
	}
	if (ring.count == 0)
		malformed(line, "there is no key");
}

static void
load_keys(void)
{
	char	   *buf;
	int			len;
	MemoryContext scratch;

	if (!key_file[0] && !key_command[0])
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no key for credentials is configured"),
				 errhint("Set connector.key_file or connector.key_command in postgresql.conf; docs/credentials.md shows how to make a key.")));

	forget_keys();
	ring.context = AllocSetContextCreate(TopMemoryContext, "connector keys", ALLOCSET_SMALL_SIZES);
	scratch = AllocSetContextCreate(ring.context, "connector key file", ALLOCSET_SMALL_SIZES);
	PG_TRY();
	{
		buf = cn_secret_alloc(scratch, MAX_KEYRING_BYTES);
		ring.keys = cn_secret_alloc(ring.context, sizeof(CnMasterKey) * MAX_KEYS);
		len = key_file[0] ? read_file(buf, &ring.file) : read_command(buf);
		parse_keys(buf, len);
	}
	PG_CATCH();
	{
		forget_keys();
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextDelete(scratch);
}

/* Has the file been replaced or edited since it was read? */
static bool
file_changed(void)
{
	struct stat st;

	if (!key_file[0])
		return false;
	return stat(key_file, &st) != 0 ||
		st.st_ino != ring.file.st_ino ||
		st.st_size != ring.file.st_size ||
		st.st_mtim.tv_sec != ring.file.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != ring.file.st_mtim.tv_nsec;
}

const CnMasterKey *
cn_keyring_current(void)
{
	if (ring.context == NULL || file_changed())
		load_keys();
	return &ring.keys[0];
}

/* A key that is known is used without looking at the file again. */
const CnMasterKey *
cn_keyring_find(const char *id)
{
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < ring.count; i++)
			if (strcmp(ring.keys[i].id, id) == 0)
				return &ring.keys[i];
		if (pass == 0 && (ring.context == NULL || file_changed()))
			load_keys();
	}
	return NULL;
}
