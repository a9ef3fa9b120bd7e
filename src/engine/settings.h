/*
 * settings.h -- limits of an execution.
 */
#ifndef CN_ENGINE_SETTINGS_H
#define CN_ENGINE_SETTINGS_H

extern int	cn_engine_max_execution_time;	/* ms */
extern int	cn_engine_max_request_size; /* kB of body */
extern int	cn_engine_max_json_depth;
extern int	cn_engine_max_logged_payload;	/* kB; -1: no limit */
extern int	cn_engine_retention;	/* minutes; 0: for ever */
extern char *cn_engine_correlation_id;
extern int	cn_engine_retry_delay;	/* ms */
extern int	cn_engine_retry_max_delay;	/* ms */

extern void cn_engine_init(void);	/* from _PG_init */

#endif							/* CN_ENGINE_SETTINGS_H */
