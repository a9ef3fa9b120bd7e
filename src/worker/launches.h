/*
 * launches.h -- what launcher, workers and sessions tell each other, in shared memory.
 *
 * The launcher writes a launch before it asks for the process; the process says in it
 * that it came, and at its end how it left.  Sessions leave notes for the
 * launcher (look at that database again) and holds: while a session holds a database, nothing of
 * ours is started there, and what was started leaves.
 */
#ifndef CN_WORKER_LAUNCHES_H
#define CN_WORKER_LAUNCHES_H

#include "postgres.h"

#include "worker/slots.h"

/* The number of a process that only looks whether its database has the extension. */
#define CN_PROBE (-1)

/* Databases that are looked at at the same time; each takes a background worker. */
#define CN_MAX_PROBES 2

#define CN_MAX_LAUNCHES (CN_MAX_WORKERS + CN_MAX_PROBES)

/* How a process left. */
typedef enum CnLaunchEnd
{
	CN_END_DIED,				/* an error, or it never came so far as to say something */
	CN_END_ABSENT,				/* the database does not have the extension */
	CN_END_PRESENT,				/* a probe: it has */
	CN_END_STOPPED,				/* it was asked to, for a while or for good: slot->stop, a hold */
	CN_END_TERMINATED			/* SIGTERM */
} CnLaunchEnd;

typedef struct CnLaunch
{
	bool		used;
	bool		ended;
	bool		terminating;	/* it has got SIGTERM, and is still there */
	uint32		generation;		/* of this place */
	Oid			database;
	int			number;			/* of the worker; CN_PROBE */
	int			pid;			/* 0: it has not come yet */
	int64		started_us;		/* cn_monotonic_us() of the launcher */
	CnLaunchEnd end;
	int			workers;		/* from a probe: connector.workers of the database; -1: it has none */
} CnLaunch;

typedef enum CnLaunchClaim
{
	CN_CLAIM_OK,
	CN_CLAIM_HELD,				/* a session holds the database */
	CN_CLAIM_FULL				/* no place: too many workers, or too many probes */
} CnLaunchClaim;

extern void cn_launches_init(void); /* from cn_worker_init */

/* ---- the launcher ---- */

/* This process is the launcher, until it exits: its latch is set when something here changes. */
extern void cn_launches_listen(void);

/* Write a launch; *index is its place, *arg what the process is to be given. */
extern CnLaunchClaim cn_launch_claim(Oid database, int number, int *index, Datum *arg);
extern void cn_launch_free(int index);

/* Copy all CN_MAX_LAUNCHES places. */
extern void cn_launches_read(CnLaunch *launches);
extern CnLaunch cn_launch_read(int index);

/*
 * The databases that the launcher is to look at again: returns how many, at most max.  *all: all of
 * them.  *list: the list of databases has changed.
 */
extern int	cn_launch_notes_take(Oid *databases, int max, bool *all, bool *list);

/* ---- its processes ---- */

/*
 * Say that this process has come.  false: it is not wanted any more.  Until the process
 * exits, the launch says DIED unless cn_launch_leave said something else.
 */
extern bool cn_launch_begin(Datum arg, CnLaunch *launch);
extern void cn_launch_leave(CnLaunchEnd end, int workers);

/* From the handler of SIGTERM. */
extern void cn_launch_terminating(void);

extern bool cn_launch_held(Oid database);

/* ---- sessions ---- */

/* Start nothing in database until cn_launches_release; false if there is no place to say so. */
extern bool cn_launch_hold(Oid database);
extern void cn_launches_release(void);

/* Processes in database that were started, or are about to be. */
extern int	cn_launches_running(Oid database);

/* Tell the launcher to look at a database again; InvalidOid: at all. */
extern void cn_launch_note(Oid database);

/* Tell it that the list of databases has changed. */
extern void cn_launch_note_list(void);

#endif							/* CN_WORKER_LAUNCHES_H */
