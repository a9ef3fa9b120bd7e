/*
 * address.h -- which addresses may be connected to.  Pure.
 */
#ifndef CN_HTTP_ADDRESS_H
#define CN_HTTP_ADDRESS_H

#include "core/pure.h"

#include <sys/socket.h>

typedef struct CnNetwork
{
	int			family;			/* AF_INET or AF_INET6 */
	unsigned char address[16];
	int			bits;
} CnNetwork;

/*
 * Parse "10.0.0.0/8, ::1, 192.168.1.7/32": addresses or CIDR blocks separated
 * by commas.  -1 and *problem if malformed, else their number; *networks is
 * malloc'ed (it may become a setting's extra data).
 */
extern int	cn_networks_parse(const char *text, CnNetwork **networks, const char **problem);

/*
 * May we connect to addr?  Public unicast yes; everything the IANA special
 * registries hold as not globally reachable (loopback, private, shared,
 * link-local, unique-local, documentation, benchmarking, multicast, reserved,
 * unspecified) only if networks lists it.  IPv4-mapped, IPv4-compatible, 6to4,
 * Teredo and NAT64 addresses are judged by the IPv4 address inside.
 * Other families: never.
 */
extern bool cn_address_allowed(const struct sockaddr *addr, const CnNetwork *networks, int count);

#endif							/* CN_HTTP_ADDRESS_H */
