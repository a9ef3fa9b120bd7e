/*
 * demand.h -- the life of a process that is started on demand (core/place.h).
 *
 * It works on jobs: short transactions with requests between them, all on one mux.  What is the
 * same for each kind is here; what a job does the kind knows.
 */
#ifndef CN_WORKER_DEMAND_H
#define CN_WORKER_DEMAND_H

#include "postgres.h"

#include "utils/uuid.h"

#include "core/place.h"
#include "http/client.h"

typedef struct CnDemand
{
	MemoryContext life;
	MemoryContext turn;			/* reset every turn */
	CnHttpMux  *mux;
	pg_uuid_t	lease;			/* of this process, in the rows it works on */
	bool		gone;			/* the extension is */
	char	   *error;			/* of the last transaction that failed, in turn */
} CnDemand;

typedef struct CnDemandKind
{
	CnPlaceKind place;
	int64		idle_us;		/* it leaves when it has had nothing to do for so long */
	int64		drain_us;		/* what is under way gets so long when the process has to leave */
	void		(*turn) (bool leaving); /* do what can be done, wait, turn the mux */
	bool		(*busy) (void);
	bool		(*draining) (void); /* leaving: is there something that is worth waiting for? */
} CnDemandKind;

/*
 * Take the place of the database in arg, connect, and set up *demand.  Does not return if there
 * is such a process already, or a session wants the database for itself.
 */
extern void cn_demand_begin(Datum arg, const CnDemandKind *kind, CnDemand *demand);

/* Turns, until there is nothing to do any more, or the process is asked to leave. */
extern void cn_demand_run(const CnDemandKind *kind, CnDemand *demand);

/*
 * Do action in a transaction of its own, with context the current one.  False: it was rolled
 * back and demand->error says why, or the extension is gone.
 */
extern bool cn_demand_transact(CnDemand *demand, MemoryContext context,
							   void (*action) (void *arg), void *arg);

#endif							/* CN_WORKER_DEMAND_H */
