/*
 * process.h -- what launcher, workers and the hooks of sessions share.
 */
#ifndef CN_WORKER_PROCESS_H
#define CN_WORKER_PROCESS_H

#include "postgres.h"

extern void cn_worker_define_settings(void);	/* settings.c */
extern void cn_launcher_register(void); /* launcher.c */
extern void cn_utility_init(void);	/* utility.c */
extern void cn_fence_init(void);	/* fence.c */

/* settings.c: connector.workers as set for this database; -1 if it is not.  In a transaction. */
extern int	cn_worker_count_of_database(void);

/* main.c: what somebody set for the database's sessions must not change what a process does. */
extern void cn_process_settle(void);

/* main.c: for SIGINT, which the server's own lock_timeout sends, too.  worker.h says what it does. */
extern void cn_process_handle_cancel(SIGNAL_ARGS);

/* token_process.c: its settings. */
extern void cn_token_process_init(void);

/* Entry points of the processes. */
extern PGDLLEXPORT void cn_launcher_main(Datum arg);
extern PGDLLEXPORT void cn_worker_main(Datum arg);
extern PGDLLEXPORT void connector_token_main(Datum arg);
extern PGDLLEXPORT void connector_poll_main(Datum arg);

#endif							/* CN_WORKER_PROCESS_H */
