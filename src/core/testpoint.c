/*
 * testpoint.c -- places where a test can have a process killed, or an error raised.
 */
#include "postgres.h"

#include "core/testpoint.h"

#ifdef CN_TEST_POINTS

#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

static char *test_point;
static char *counted = NULL;	/* the setting the passes were counted for */
static int	passes = 0;

void
cn_testpoint_init(void)
{
	DefineCustomStringVariable("connector.test_point",
							   "The place where a process is to be killed, for tests of crashes.",
							   NULL, &test_point, "", PGC_SUSET, GUC_NOT_IN_SAMPLE,
							   NULL, NULL, NULL);
}

/* Wait, reading the configuration anew, until the setting is another one. */
static void
stop_here(void)
{
	char	   *setting = pstrdup(test_point);

	elog(LOG, "test point %s: stopped", setting);
	while (strcmp(setting, test_point) == 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 50,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	pfree(setting);
}

void
cn_testpoint_pass(const char *name)
{
	size_t		len = strlen(name);
	const char *rest;
	int			n = 1;

	if (test_point == NULL || strncmp(test_point, name, len) != 0 ||
		(test_point[len] != '\0' && test_point[len] != ':'))
		return;
	rest = test_point + len;
	if (rest[0] == ':' && rest[1] >= '0' && rest[1] <= '9')
	{
		n = atoi(rest + 1);
		rest = strchr(rest + 1, ':');
	}
	if (counted == NULL || strcmp(counted, test_point) != 0)
	{
		free(counted);
		counted = strdup(test_point);
		passes = 0;
	}
	if (++passes != n)
		return;
	if (rest && strcmp(rest, ":error") == 0)
		elog(ERROR, "test point %s", name);
	if (rest && strcmp(rest, ":stop") == 0)
	{
		stop_here();
		return;
	}
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

#endif
