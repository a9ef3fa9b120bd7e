/*
 * zone.h -- named time zones, for modules that compile outside the server.  Pure.
 *
 * Inside the server these are the server's own (core/zone.c), so that they
 * change with its time zone data.  Outside, tests link test/unit/zone_rules.c.
 */
#ifndef CN_CORE_ZONE_H
#define CN_CORE_ZONE_H

#include "core/pure.h"

typedef struct CnZone CnZone;

/*
 * The zone of an IANA name ("Europe/Paris"), in any case; NULL if there is
 * none.  It lives as long as the process.
 */
extern const CnZone *cn_zone_find(const char *name);

/* Seconds east of UTC at an instant, which is seconds since 1970. */
extern int	cn_zone_offset(const CnZone *zone, int64 instant);

/*
 * Seconds east of UTC at the instant at which clocks there show local, counted
 * as seconds since 1970 by such a clock.  A time that clocks leave out is taken
 * as if they had not been put forward yet, one they show twice is the later.
 */
extern int	cn_zone_offset_at_local(const CnZone *zone, int64 local);

#endif							/* CN_CORE_ZONE_H */
