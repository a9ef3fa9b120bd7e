/*
 * settings.h -- how long what the queue leaves behind is kept.
 */
#ifndef CN_QUEUE_SETTINGS_H
#define CN_QUEUE_SETTINGS_H

extern int	cn_queue_idempotency_retention; /* minutes */
extern int	cn_queue_dead_letter_retention; /* minutes; 0: for ever */

extern void cn_queue_init(void);	/* from _PG_init */

#endif							/* CN_QUEUE_SETTINGS_H */
